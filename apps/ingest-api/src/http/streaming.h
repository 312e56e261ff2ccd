/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/streaming.h
 * Sends an answer of unknown length, slice by slice. A long one, such as a scrape of 100,000 series, could keep the
 * loop busy for 20 ms and delay its other requests. So it pauses for a moment after each slice. A short answer is sent
 * without pauses. The longer an answer is, the more it may send between two pauses, so that a very long one still ends.
 */
#ifndef INGEST_HTTP_STREAMING_H
#define INGEST_HTTP_STREAMING_H

#include "http/exchange.h"
#include "http/outgoing.h"

struct streaming {
    bool whole;       /**< the whole answer is pending or sent */
    uint64_t rest_at; /**< pause when more than this many bytes of the body are sent */
};

/** Call when the answer's head is pending or sent. */
void streaming_begin(struct streaming *streaming, const struct exchange *exchange);
/**
 * Only if nothing is pending: make the next slice pending. @return its length; 0: the answer is `whole`;
 * WIRE_AGAIN: it pauses, call again in about a millisecond; WIRE_BROKEN: cut the connection, so that the client
 * sees that the answer is incomplete.
 */
long streaming_next(struct streaming *streaming, struct exchange *exchange, struct outgoing *out, struct wire *wire);

#endif
