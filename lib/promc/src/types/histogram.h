/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A classic histogram's cells in a shard: [n, sum0, sum1, bucket 0 … bucket k]. A native one's:
 * [n, sum0, sum1, pending, classic bucket 0 … k (if it has those too), slot 0 … m (native.h)].
 *
 * The protocol between the one writer and its readers (no lock guards it, and the writer never waits).
 * An observation of v, each store with release (promc_observe_own(); observe_native() in histogram.c):
 *     1. sum[(n+1)&1] = sum[n&1] + v
 *     2. bucket[i] += 1              the commit
 *     3. n += 1
 * Between any two steps, N, the sum of the buckets, is n or n+1 (between 2 and 3), and sum[N & 1] is the sum of exactly those N observations.
 * This also holds if the writer was descheduled or died between two steps: the repair only has to set n to N.
 *
 * A native histogram commits by its slot. If it is also classic, its writer stores the classic bucket's index in `pending` and then counts
 * the bucket, both between 1 and 2. A reader that finds the classic buckets one ahead of the slots subtracts that one.
 *
 * A reader (histogram_read.c) needs a copy of the cells during which the writer paused. It tries in turn, until one way succeeds:
 *  - load n, the buckets, pending, the sums, n again, each with acquire. The copy is good if n is the same, and N is n or n+1;
 *  - a busy writer changes n faster than the reader can copy. So the reader, one at a time (`reader` in the shard's header, taken by a
 *    compare-and-swap), stores the cells it wants into `request`. The writer checks this word after each observation (one load and compare on a
 *    cache line that it owns), copies the cells to `scratch` and stores `acknowledged`.
 * The attempts are limited. After the last one the reader uses the newest buckets with the nearest sum.
 *
 * `busy` (shard.h) is 1 from before 1 to after 3, so a signal handler's observation in between goes to the shared shard. There the sum and the
 * buckets are each exact (atomics), but a reader may see an observation in one and not yet in the other; the classic buckets of a
 * native histogram are then adjusted to its slots.
 */
#ifndef PROMC_TYPES_HISTOGRAM_H
#define PROMC_TYPES_HISTOGRAM_H

#include "series/series.h"
#include "series/type_ops.h"
#include "shard/shard.h"
#include <promc/histogram.h>

enum { PROMC_HIST_N, PROMC_HIST_SUM0, PROMC_HIST_SUM1, PROMC_HIST_BUCKETS };
/* In a native histogram: the classic bucket of the unfinished observation, and the first classic bucket. */
enum { PROMC_NATIVE_PENDING = PROMC_HIST_BUCKETS, PROMC_NATIVE_CLASSIC };

/* Where the cells are in which an observation commits, and the classic ones in which it counts before that. */
struct promc_histogram_shape {
    uint32_t buckets;       /* first cell of those that commit, after `n`: classic buckets or native slots */
    uint32_t bucket_count;  /* native: slots with keys, whose number may grow at any time */
    uint32_t classic;       /* first cell of the classic buckets beside native ones */
    uint32_t classic_count; /* 0: none */
};

static inline struct promc_histogram_shape promc_histogram_shape(const struct promc_family_data *data)
{
    if (data->native_at == 0)
        return (struct promc_histogram_shape){PROMC_HIST_BUCKETS, data->bound_count + 1, 0, 0};
    return (struct promc_histogram_shape){data->native_at, 0, PROMC_NATIVE_CLASSIC,
                                          data->native_at - PROMC_NATIVE_CLASSIC};
}

void promc_histogram_plan(struct promc_family_plan *plan);
bool promc_histogram_fill(struct promc_arena *arena, struct promc_family_data *data,
                          const struct promc_family_plan *plan);
bool promc_native_same(const struct promc_arena *arena, const struct promc_family_data *data,
                       const struct promc_family_plan *plan);
void promc_histogram_view(const struct promc_arena *arena, const struct promc_family_data *data,
                          struct promc_family_view *view);
bool promc_histogram_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);

/* The index of the bucket that v (not NaN) falls into: how many bounds are below it. */
static inline uint32_t promc_bucket_of(const struct promc_family_data *data, double v);

/* Linear while that is faster: count the bounds below v, four at a time, without a branch on the data. */
#define PROMC_LINEAR_BOUNDS 40u
/* The 11 default bounds have this padded length: a constant, so that the compiler unrolls the loop. */
#define PROMC_USUAL_BOUNDS 12u

typedef double promc_v2d __attribute__((vector_size(16)));
typedef int64_t promc_v2i __attribute__((vector_size(16)));

/* n: data->bound_padded, at most PROMC_LINEAR_BOUNDS. */
static inline uint32_t promc_bucket_linear(const struct promc_family_data *data, uint32_t n, double v)
{
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

static inline uint32_t promc_bucket_of(const struct promc_family_data *data, double v)
{
    if (PROMC_LIKELY(data->bound_padded <= PROMC_LINEAR_BOUNDS))
        return promc_bucket_linear(data, data->bound_padded, v);
    const double *at = data->bounds;
    for (uint32_t left = data->bound_count; left > 1;) {
        uint32_t half = left / 2;
        at += at[half - 1] < v ? half : 0;
        left -= half;
    }
    return (uint32_t)(at - data->bounds) + (*at < v);
}

/* The three steps of one observation in classic buckets. The thread owns the shard, and `busy` keeps its signal handlers out. */
static inline void promc_observe_own(uint64_t *cells, uint32_t bucket, double v)
{
    uint64_t n = promc_load(&cells[PROMC_HIST_N]);
    uint64_t *sum = &cells[PROMC_HIST_SUM0];
    double total = promc_cell_double(promc_load(&sum[n & 1])) + v;
    promc_store_release(&sum[(n + 1) & 1], promc_double_bits(total));
    uint64_t *count = &cells[PROMC_HIST_BUCKETS + bucket];
    promc_store_release(count, promc_load(count) + 1); /* the commit */
    promc_store_release(&cells[PROMC_HIST_N], n + 1);
}

/* Copy a histogram's cells for a reader that could not copy them itself, because this thread never paused for long enough. */
void promc_histogram_serve(struct promc_shard *shard, const uint64_t *base, uint64_t request);

static inline void promc_serve_if_asked(struct promc_shard *shard, const uint64_t *base)
{
    uint64_t request = promc_load_acquire(&shard->request);
    if (PROMC_UNLIKELY(request != promc_load(&shard->acknowledged)))
        promc_histogram_serve(shard, base, request);
}

/* promc_observe_own() by the thread that owns the shard of `base`, which is not busy. */
static inline void promc_observe_busy(uint64_t *base, uint32_t cell, uint32_t bucket, double v)
{
    struct promc_shard *shard = promc_shard_of(base);
    promc_store(&shard->busy, 1);
    promc_signal_fence();
    promc_observe_own(base + cell, bucket, v);
    promc_serve_if_asked(shard, base);
    promc_signal_fence();
    promc_store(&shard->busy, 0);
}

#endif
