/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/outgoing.h
 * The bytes still to be sent on a connection: our own buffer, and after it a body that belongs to the caller. Bytes
 * that the socket accepts at once are never copied.
 */
#ifndef INGEST_HTTP_OUTGOING_H
#define INGEST_HTTP_OUTGOING_H

#include "http/wire.h"

/** Most bytes of a streamed answer that are in memory at a time. */
#define OUTGOING_SLICE 32768

struct outgoing {
    char *bytes; /* malloc()ed */
    size_t at, length, capacity;
    const char *body;
    size_t body_length;
};

/**
 * Send `bytes` after what is pending, then the body, which must stay valid until everything is sent.
 * @return 1: everything is sent; WIRE_AGAIN: call outgoing_flush() when the socket is writable; or WIRE_BROKEN,
 * also if there is no memory.
 */
int outgoing_send(struct outgoing *out, struct wire *wire, const char *bytes, size_t n, const char *body,
                  size_t body_length);
/** Send what is pending. @return as outgoing_send(). */
int outgoing_flush(struct outgoing *out, struct wire *wire);
/** Is anything pending? */
bool outgoing_is_pending(const struct outgoing *out);

/**
 * A buffer for the next OUTGOING_SLICE bytes of a streamed answer. Only if nothing is pending.
 * @return NULL: no memory.
 */
char *outgoing_slice(struct outgoing *out);
/** The buffer has `n` > 0 bytes: make them pending. @param chunked as a chunk (RFC 9112, 7.1). */
void outgoing_slice_filled(struct outgoing *out, size_t n, bool chunked);

/** Forget what is pending and free the memory. */
void outgoing_free(struct outgoing *out);

#endif
