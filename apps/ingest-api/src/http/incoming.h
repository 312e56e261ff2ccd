/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/incoming.h
 * The bytes that were read from a connection and not used yet. A head is parsed in place, so `bytes` do not move until
 * its exchange has ended. Reading a chunked body may read past its end, so it has a buffer of its own (`tail`): what is
 * left there is the beginning of the next request.
 */
#ifndef INGEST_HTTP_INCOMING_H
#define INGEST_HTTP_INCOMING_H

#include "http/wire.h"

struct incoming {
    bool readable;  /**< a read may give bytes; false after one that said EAGAIN or was short */
    bool eof;       /**< the peer has closed its side */
    unsigned reads; /**< reads left in this turn of the loop */
    char *bytes;    /**< unused from `begin` to `end` */
    size_t begin, end, capacity;
    char *tail; /**< while a chunked body is read: unused from `tail_begin` to `tail_end` */
    size_t tail_begin, tail_end;
};

/**
 * Read into the caller's buffer. @return, as the two below, bytes read; 0: none now (with `eof`: none any more); or
 * WIRE_BROKEN, also if there is no memory.
 */
long incoming_read(struct incoming *in, struct wire *wire, char *buffer, size_t size);
/** Append to `bytes`, which grows to `most` at most. Moves them, so only before the head is parsed. */
long incoming_read_head(struct incoming *in, struct wire *wire, size_t most);
/** Read a piece of a chunked body into `tail`, all of which must have been used. */
long incoming_read_chunks(struct incoming *in, struct wire *wire);

/** Ignore empty lines before a request (RFC 9112, 2.2). @return whether a request has begun. */
bool incoming_skip_empty_lines(struct incoming *in);
/** A request has ended: make what was read after it the beginning of the next. @return false: no memory. */
bool incoming_next(struct incoming *in);
/** May there be unused bytes, here or in the socket? */
bool incoming_is_unread(const struct incoming *in);
void incoming_free(struct incoming *in);

#endif
