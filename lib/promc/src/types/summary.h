/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary is a histogram with buckets of equal ratio that nobody sees, so observing, reading and dying are the same protocol
 * (histogram.h); and a window (window.h) that its quantiles are taken of.
 */
#ifndef PROMC_TYPES_SUMMARY_H
#define PROMC_TYPES_SUMMARY_H

#include "series/series.h"
#include "series/type_ops.h"
#include <promc/summary.h>

/* A summary family's own, at `extra`; compared as bytes, so there is no padding and what is unused is 0. */
struct promc_summary_data {
    uint32_t age_buckets;
    uint32_t max_age_seconds;
    double error;
    uint64_t quantile_count;
    double quantiles[PROMC_MAX_QUANTILES]; /* ascending */
};

#define PROMC_MAX_AGE_MOST 604800u /* seconds */

/* Copy them in ascending order. 0, or PROMC_E_INVALID: too many, not in 0 … 1, one twice. */
int promc_quantiles_check(const char *name, const double *quantiles, size_t count, double *sorted);

static inline struct promc_summary_data *promc_summary_data(const struct promc_arena *arena,
                                                            const struct promc_family_data *data)
{
    return promc_at(arena, data->extra);
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
