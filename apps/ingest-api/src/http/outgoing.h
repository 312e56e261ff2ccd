/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/outgoing.h
 * What is still to be sent on a connection: some bytes of ours, behind them a body that somebody else keeps. What the
 * kernel takes at once is never copied.
 */
#ifndef INGEST_HTTP_OUTGOING_H
#define INGEST_HTTP_OUTGOING_H

#include "http/wire.h"

/** Most of a streamed answer that is held in memory. */
#define OUTGOING_SLICE 32768

struct outgoing {
    char *bytes; /* malloc()ed */
    size_t at, length, capacity;
    const char *body;
    size_t body_length;
};

/**
 * Send `bytes`, behind what is pending, and behind them the body, which must stay until everything is sent.
 * @return 1: all of it is sent; WIRE_AGAIN: see outgoing_flush(); or WIRE_BROKEN, also without memory.
 */
int outgoing_send(struct outgoing *out, struct wire *wire, const char *bytes, size_t n, const char *body,
                  size_t body_length);
/** Go on sending. @return as outgoing_send(). */
int outgoing_flush(struct outgoing *out, struct wire *wire);
/** Is anything pending? */
bool outgoing_is_pending(const struct outgoing *out);

/**
 * The next piece of a streamed answer: where to write up to OUTGOING_SLICE bytes of it. Only when nothing is pending.
 * NULL: no memory.
 */
char *outgoing_slice(struct outgoing *out);
/** `n` > 0 bytes are there: they are pending now. @param chunked whether as a chunk (RFC 9112, 7.1). */
void outgoing_slice_filled(struct outgoing *out, size_t n, bool chunked);

/** Forget what is pending and free the memory. */
void outgoing_free(struct outgoing *out);

#endif
