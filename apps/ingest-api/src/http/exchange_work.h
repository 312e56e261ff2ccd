/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/exchange_work.h
 * The parts of a request that are not done on the loop. Meanwhile the other thread has the exchange to itself; it hands
 * it back through the loop's mailbox, and `then` is called on the loop.
 */
#ifndef INGEST_HTTP_EXCHANGE_WORK_H
#define INGEST_HTTP_EXCHANGE_WORK_H

#include "http/exchange.h"

/**
 * Ask the store whose key it is: req.organisation_id is set, "" if nobody's; or there is an answer, the store's error.
 * @return false when the store takes no more: answered, `then` is not called.
 */
bool exchange_find_key(struct exchange *exchange, void (*then)(struct exchange *exchange));
/** prepare, then execute or background if there is one. @return false: answered at once, `then` is not called. */
bool exchange_run(struct exchange *exchange, void (*then)(struct exchange *exchange));

#endif
