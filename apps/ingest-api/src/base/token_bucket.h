/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/token_bucket.h
 * A token bucket, stored as one number: the time at which it will be full again. Needs no refilling. Any unit of time.
 */
#ifndef INGEST_BASE_TOKEN_BUCKET_H
#define INGEST_BASE_TOKEN_BUCKET_H

#include <stdint.h>

/** `rate` tokens a second, and a burst of as many. */
struct token_rate {
    int64_t cost;  /**< time of one token */
    int64_t burst; /**< time of a whole bucket */
};

/** @param second in the unit of time. @param rate ≥ 1 */
static inline struct token_rate token_rate_of(int64_t second, unsigned rate)
{
    return (struct token_rate){.cost = second / rate, .burst = second / rate * rate};
}

/**
 * Look for a token. @param full when the bucket is full again; 0 for a new bucket. @param[out] after the value of
 * `full` after taking a token.
 * @return the time until there is a token; 0 or less: take it by storing `after`.
 */
static inline int64_t token_wait(struct token_rate rate, int64_t full, int64_t now, int64_t *after)
{
    *after = (full > now ? full : now) + rate.cost;
    return *after - now - rate.burst;
}

#endif
