/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/rate_limit.h
 * A token bucket for each organisation: `rate` requests a second, and as many at once. Shared by all threads.
 * Of bounded size; with more busy organisations than entries, the least recent one is dropped and starts with a full bucket.
 */
#ifndef INGEST_HTTP_RATE_LIMIT_H
#define INGEST_HTTP_RATE_LIMIT_H

#include <stdint.h>

struct rate_limit;

/** NULL: no memory. @param rate ≥ 1 */
struct rate_limit *rate_limit_create(unsigned rate);
void rate_limit_destroy(struct rate_limit *limit);
/**
 * One request of an organisation. Thread safe.
 * @param now_ns CLOCK_MONOTONIC.
 * @return 0: let it pass; else after how many seconds (≥ 1) to try again.
 */
int rate_limit_take(struct rate_limit *limit, const char *organisation_id, uint64_t now_ns);

#endif
