/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/refuse.h
 * Refuses a request by its head, and decides when to send the refusal.
 *
 * To answer before the body has been read means to close the connection, and a client that is still sending may not see
 * the answer. So we refuse at once only if the client waits for it (Expect: 100-continue) or would send too much. Else
 * we read and discard the body, answer then, and keep the connection.
 */
#ifndef INGEST_HTTP_REFUSE_H
#define INGEST_HTTP_REFUSE_H

#include "http/exchange.h"

/** Most bytes of a refused body that are read. */
#define REFUSE_SWALLOW_MAX (16u << 20)

/** Bytes that are not a valid request, or arrive too late: 400, 408, 414, 431 … */
int refuse_request(struct exchange *exchange, int status, const char *fault);
/** 401 with WWW-Authenticate. Returns the status, as all these functions; 0: not refused. */
int refuse_key(struct exchange *exchange, const char *why);
/** 429 if the organisation sends too many requests. */
int refuse_rate(struct exchange *exchange);
int refuse_too_large(struct exchange *exchange);
/** 413 or 415 by what the head says about the body; else prepares to read the body. */
int refuse_body(struct exchange *exchange);
/** There is an answer, and the body may still be coming. @return true: answer now and close; false: after the body. */
bool refuse_now(struct exchange *exchange);

#endif
