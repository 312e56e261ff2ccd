/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary's sliding window. The buckets of a summary count for ever, like a histogram's; the window keeps what they had come to
 * when each of its steps (epochs) began, and the difference is what was observed since.
 *
 * The first observation of an epoch makes its slot, before it is counted. So a slot says what had been counted up to any
 * moment between the observation before and the epoch's begin, and epochs without observations need none: the window's begin is the
 * oldest slot that is not too old.
 *
 * It stands behind the text in the child's block: struct promc_window, then age_buckets slots of 1 + buckets words.
 */
#ifndef PROMC_TYPES_WINDOW_H
#define PROMC_TYPES_WINDOW_H

#include "series/series.h"
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

struct promc_window {
    uint64_t turn;  /* (epoch + 1) << 1 | 1 while a thread makes that epoch's slot, | 0 after; 0: none yet */
    uint64_t until; /* ns since the arena was born: before then nothing need be done */
};

/* Copy them in ascending order. 0, or PROMC_E_INVALID: too many, not in 0 … 1, one twice. */
int promc_quantiles_check(const char *name, const double *quantiles, size_t count, double *sorted);

static inline struct promc_summary_data *promc_summary_data(const struct promc_arena *arena,
                                                            const struct promc_family_data *data)
{
    return promc_at(arena, data->extra);
}

/* Bytes of a child's window; 0: the family is none of summaries with quantiles. */
size_t promc_window_bytes(const struct promc_arena *arena, const struct promc_family_data *data);
/* Of a child that is being made, or begins anew: nothing has been observed. */
void promc_window_clear(const struct promc_arena *arena, struct promc_child *child);
/* The same for all of them: after fork. The lock is held, or nobody else is there. */
void promc_windows_clear(promc_registry *registry);

/* Before an observation: makes the epoch's slot if that is still to be done. Wait-free, signal safe. */
void promc_window_advance(promc_registry *registry, const struct promc_child *child);

/* What was observed in the window: bound_count + 1 counts. @param sum, counts since the start: as promc_read_histogram(). */
void promc_window_read(promc_registry *registry, const struct promc_child *child, uint64_t *counts, uint64_t *total,
                       double *sum);

/* The quantile of what promc_window_read() gave. */
double promc_window_quantile(const struct promc_family_data *data, const uint64_t *counts, double q);

#endif
