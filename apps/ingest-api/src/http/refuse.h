/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/refuse.h
 * Refusing a request by its head, and when to say so.
 *
 * An answer before the body has been read closes the connection, and a client that is still sending may never see it.
 * So a refusal is sent at once only to a client that waits for it (Expect: 100-continue) or would send too much;
 * else the body is read, thrown away, and answered then, and the connection lives on.
 */
#ifndef INGEST_HTTP_REFUSE_H
#define INGEST_HTTP_REFUSE_H

#include "http/exchange.h"

/** A refused body is read up to this. */
#define REFUSE_SWALLOW_MAX (16u << 20)

/** 400, 408, 414, 431 … of what is no request, or is too late. */
int refuse_request(struct exchange *exchange, int status, const char *fault);
/** 401 with WWW-Authenticate. Returns the status, as all of these do; 0 means go on. */
int refuse_key(struct exchange *exchange, const char *why);
/** 429 when the organisation asks too fast. */
int refuse_rate(struct exchange *exchange);
int refuse_too_large(struct exchange *exchange);
/** 413 and 415 by the head; else makes ready for the body. */
int refuse_body(struct exchange *exchange);
/** There is an answer, and perhaps a body to come. @return whether to answer now, and close; else after the body. */
bool refuse_now(struct exchange *exchange);

#endif
