/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/rate_limit.h
 * A token bucket for each organisation: `rate` requests a second, and as many in a burst. Shared by all threads. The
 * table has a fixed size. If it has no free entry, it drops the organisation whose bucket is fullest, which then
 * starts again with a full one.
 */
#ifndef INGEST_HTTP_RATE_LIMIT_H
#define INGEST_HTTP_RATE_LIMIT_H

#include <stdint.h>

struct rate_limit;

/** NULL: no memory. @param rate ≥ 1 */
struct rate_limit *rate_limit_create(unsigned rate);
void rate_limit_destroy(struct rate_limit *limit);
/**
 * Count one request of an organisation. Thread safe.
 * @param now_ns CLOCK_MONOTONIC.
 * @return 0: let it pass; else the seconds (≥ 1) after which to try again.
 */
int rate_limit_take(struct rate_limit *limit, const char *organisation_id, uint64_t now_ns);

#endif
