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
 * Look up the key's organisation in the store. When `then` is called, req.organisation_id is set ("" if the key is
 * unknown), or the store's error has been answered.
 * @return false: the store accepts no more work; this is answered, and `then` is not called.
 */
bool exchange_find_key(struct exchange *exchange, void (*then)(struct exchange *exchange));
/** Run the route's prepare, then its execute or background. @return false: answered at once, `then` is not called. */
bool exchange_run(struct exchange *exchange, void (*then)(struct exchange *exchange));

#endif
