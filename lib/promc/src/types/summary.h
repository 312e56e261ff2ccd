/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary is a histogram with hidden buckets of equal ratio, so observing, reading and the repair after a death follow the same
 * protocol (histogram.h); its quantiles are computed from a window (window.h).
 */
#ifndef PROMC_TYPES_SUMMARY_H
#define PROMC_TYPES_SUMMARY_H

#include "series/series.h"
#include "series/type_ops.h"
#include "shard/shard.h"
#include <promc/summary.h>

/* A summary family's own data, at `extra`; compared as bytes, so there is no padding and unused parts are 0. */
struct promc_summary_data {
    uint32_t age_buckets;
    uint32_t max_age_seconds;
    double error;
    uint64_t quantile_count;
    double quantiles[PROMC_MAX_QUANTILES]; /* ascending */
};

/*
 * A table that gives the bucket of a value without a search. It follows promc_summary_data, if the summary has quantiles. The bits of a double ≥ 0,
 * read as an integer, grow with its value. The bits without the lowest `shift` are the index of a *step*; `shift` is as large as possible, so that
 * no step contains two bounds. at[] has, for each step from the first bound's to the last bound's, how many bounds are below the step. One
 * comparison with the next bound then gives the bucket.
 */
struct promc_summary_steps {
    uint64_t first;
    uint64_t last; /* of at[] */
    uint64_t shift;
    uint16_t at[];
};

#define PROMC_MAX_AGE_MOST 604800u /* seconds */

/* Copy them in ascending order. 0, or PROMC_E_INVALID: too many, not in 0 … 1, one twice. */
int promc_quantiles_check(const char *name, const double *quantiles, size_t count, double *sorted);

static inline struct promc_summary_data *promc_summary_data(const struct promc_arena *arena,
                                                            const struct promc_family_data *data)
{
    return promc_at(arena, data->extra);
}

static inline const struct promc_summary_steps *promc_summary_steps(const struct promc_arena *arena,
                                                                    const struct promc_family_data *data)
{
    return (const struct promc_summary_steps *)(const void *)(promc_summary_data(arena, data) + 1);
}

/* promc_bucket_of() of a number that is not negative. */
static inline uint32_t promc_summary_bucket(const struct promc_summary_steps *steps, const double *bounds, double v)
{
    uint64_t step = (promc_double_bits(v) & INT64_MAX) >> steps->shift; /* -0 is 0 */
    step = step > steps->first ? step - steps->first : 0;
    step = step < steps->last ? step : steps->last;
    uint32_t below = steps->at[step];
    return below + (bounds[below] < v);
}

void promc_summary_plan(struct promc_family_plan *plan);
bool promc_summary_fill(struct promc_arena *arena, struct promc_family_data *data,
                        const struct promc_family_plan *plan);
bool promc_summary_same(const struct promc_arena *arena, const struct promc_family_data *data,
                        const struct promc_family_plan *plan);
void promc_summary_view(const struct promc_arena *arena, const struct promc_family_data *data,
                        struct promc_family_view *view);
bool promc_summary_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);

#endif
