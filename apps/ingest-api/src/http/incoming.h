/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/incoming.h
 * What was read from a connection and is not taken yet. A head is parsed where it stands, so nothing is moved while its exchange is
 * under way. A chunked body is read past its end, into memory of its own: what is there may be the next request.
 */
#ifndef INGEST_HTTP_INCOMING_H
#define INGEST_HTTP_INCOMING_H

#include "http/wire.h"

struct incoming {
    bool readable;  /**< reading may give something: nothing says that it will not */
    bool eof;       /**< the peer sends no more */
    unsigned reads; /**< left in this turn: the others wait */
    char *bytes;    /**< from `begin` to `end` not yet taken */
    size_t begin, end, capacity;
    char *tail; /**< while a chunked body is read; from `tail_begin` to `tail_end` as above */
    size_t tail_begin, tail_end;
};

/**
 * Each @return bytes read; 0: none now (or never again: `eof`); or WIRE_BROKEN, also without memory.
 * incoming_read(): to where the caller wants them.
 */
long incoming_read(struct incoming *in, struct wire *wire, char *buffer, size_t size);
/** Behind `bytes`, which has room for `most`. It may move what is there. */
long incoming_read_head(struct incoming *in, struct wire *wire, size_t most);
/** A piece of a chunked body into `tail`, of which everything has been taken. */
long incoming_read_chunks(struct incoming *in, struct wire *wire);

/** RFC 9112, 2.2: an empty line before a request is no harm. @return whether a request has begun. */
bool incoming_skip_empty_lines(struct incoming *in);
/** A request is over: what was read behind it comes first. @return false: no memory. */
bool incoming_next(struct incoming *in);
/** May there be bytes that nobody has taken? */
bool incoming_is_unread(const struct incoming *in);
void incoming_free(struct incoming *in);

#endif
