/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/streaming.h
 * How an answer of unknown length goes out, slice by slice. A long one, such as the scrape of 100,000 series, would be
 * written as fast as its client takes it, and keep a core from the requests beside it for 20 ms. So it rests for a moment
 * after each slice. What is over soon goes at once; a very long one may write a part of what it has written between two
 * rests, so that it comes to its end.
 */
#ifndef INGEST_HTTP_STREAMING_H
#define INGEST_HTTP_STREAMING_H

#include "http/exchange.h"
#include "http/outgoing.h"

struct streaming {
    bool whole;       /**< the last byte is pending or sent */
    uint64_t rest_at; /**< bytes of body behind which it rests */
};

/** The answer's head is pending or sent. */
void streaming_begin(struct streaming *streaming, const struct exchange *exchange);
/**
 * When nothing is pending: then the next slice is. @return its bytes; 0: there is none, the answer is `whole`; WIRE_AGAIN: it rests,
 * call again in about a millisecond; WIRE_BROKEN: cut the connection, so that the client sees that the answer is not whole.
 */
long streaming_next(struct streaming *streaming, struct exchange *exchange, struct outgoing *out, struct wire *wire);

#endif
