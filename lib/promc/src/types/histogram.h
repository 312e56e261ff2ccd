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
 * At rest, N = the sum of the buckets is n or n+1 (between 2 and 3), and sum[N & 1] is the sum of exactly those N observations. So
 * it is also when the writer was descheduled or died half-way: repair only has to make n what the buckets say.
 *
 * A native histogram commits by its slot. Where it is classic, too, the classic bucket is counted between 1 and 2, and `pending` says
 * which one before that: a reader that finds the classic buckets one ahead of the slots takes that one back.
 *
 * A reader (histogram_read.c) needs a picture in which the writer stood still. It tries, in turn, until one succeeds:
 *  - n, the buckets, pending, the sums, n again, each load with acquire: n is the same, and N is n or n+1;
 *  - a writer that runs hot moves n faster than anybody can copy. So the reader, one at a time (`reader` in the shard's header, taken
 *    by a compare-and-swap), stores the cells it wants into `request`; the writer sees it after its next observation, one load and
 *    compare on a line that it owns, copies the cells to `scratch` and stores `acknowledged`.
 * Bounded; only then the newest buckets with the nearest sum must do.
 *
 * `busy` (shard.h) is 1 from before 1 to after 3, so a signal handler's observation in between goes to the shared shard. There each of
 * sum and buckets is exact by atomics, but one reading may have an observation in the one and not yet in the other; the classic
 * buckets of a native histogram are then levelled to its slots.
 */
#ifndef PROMC_TYPES_HISTOGRAM_H
#define PROMC_TYPES_HISTOGRAM_H

#include "series/series.h"
#include "series/type_ops.h"
#include "shard/shard.h"
#include <promc/histogram.h>

enum { PROMC_HIST_N, PROMC_HIST_SUM0, PROMC_HIST_SUM1, PROMC_HIST_BUCKETS };
/* In a native histogram: the classic bucket of the observation that is under way, and the first classic bucket. */
enum { PROMC_NATIVE_PENDING = PROMC_HIST_BUCKETS, PROMC_NATIVE_CLASSIC };

/* The cells that one observation commits in, and those that it has counted in before. */
struct promc_histogram_shape {
    uint32_t buckets;       /* first cell of those that commit, after `n`: classic buckets or native slots */
    uint32_t bucket_count;  /* native: as many as have keys, which may become more at any time */
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
/* As many as the 11 default ones are when they are padded: a constant, so that the compiler writes the compares in a row, without a loop. */
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

/* A reader wants a histogram's cells and this thread never stands still for long enough: copy them for it. */
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
