/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classic histogram's cells in a shard: [n, sum0, sum1, bucket 0 … bucket k]. See "Histogram cells" in
 * docs/promc-internals.md for the protocol between the one writer and the readers; the order of the stores in
 * observe_own() and of the loads in promc_histogram_copy() is the protocol.
 */
#ifndef PROMC_SRC_HISTOGRAM_INTERNAL_H
#define PROMC_SRC_HISTOGRAM_INTERNAL_H

#include "series.h"
#include "shard_internal.h"
#include <promc/histogram.h>

enum { PROMC_HIST_N, PROMC_HIST_SUM0, PROMC_HIST_SUM1, PROMC_HIST_BUCKETS };

/* The index of the bucket that v (not NaN) falls into: how many bounds are below it. */
static inline uint32_t promc_bucket_of(const struct promc_family_data *data, double v);

/*
 * Add the shard's buckets and sum of one instant to the caller's. false: its writer moved all the time, and what was
 * added is the newest picture instead.
 */
bool promc_histogram_read_shard(promc_registry *registry, uint32_t shard, uint32_t cell, uint32_t buckets,
                                uint64_t *counts, double *sum);
/* The same for the shared shard: each bucket and the sum are exact, but perhaps not of one instant. */
void promc_histogram_read_shared(promc_registry *registry, uint32_t cell, uint32_t buckets, uint64_t *counts,
                                 double *sum);

/* The writer died inside an observation: make `n` what the buckets say. Nobody owns the shard. */
void promc_histograms_repair(promc_registry *registry, uint32_t shard);

/* Linear while that is faster: count the bounds below v, four at a time, without a branch on the data. */
#define PROMC_LINEAR_BOUNDS 40u

typedef double promc_v2d __attribute__((vector_size(16)));
typedef int64_t promc_v2i __attribute__((vector_size(16)));

static inline uint32_t promc_bucket_of(const struct promc_family_data *data, double v)
{
    uint32_t n = data->bound_padded;
    if (PROMC_LIKELY(n <= PROMC_LINEAR_BOUNDS)) {
        const promc_v2d *bounds = (const promc_v2d *)(const void *)data->bounds;
        const promc_v2d value = {v, v};
        promc_v2i below0 = {0, 0}, below1 = {0, 0};
        for (uint32_t i = 0; i < n / 2; i += 2) {
            below0 += bounds[i] < value; /* true is -1 */
            below1 += bounds[i + 1] < value;
        }
        below0 += below1;
        return (uint32_t) - (below0[0] + below0[1]);
    }
    const double *at = data->bounds;
    for (uint32_t left = data->bound_count; left > 1;) {
        uint32_t half = left / 2;
        at += at[half - 1] < v ? half : 0;
        left -= half;
    }
    return (uint32_t)(at - data->bounds) + (*at < v);
}

#endif
