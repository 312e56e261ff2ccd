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

/** snake_case code of the error object. */
const char *refuse_code(int status);
/** 401 with WWW-Authenticate. Returns the status, as all of these do; 0 means go on. */
int refuse_key(struct exchange *exchange, const char *why);
/** 429 when the organisation asks too fast. */
int refuse_rate(struct exchange *exchange);
int refuse_too_large(struct exchange *exchange);
/** 413 and 415 by the head; else makes ready for the body. */
int refuse_body(struct exchange *exchange);
/** There is an answer: queue it now, or after the body. */
enum MHD_Result refuse_now_or_later(struct exchange *exchange);

#endif
