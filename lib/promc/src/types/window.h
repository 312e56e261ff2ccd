/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary's sliding window. The buckets of a summary count for ever, like a histogram's; the window records their counts
 * at the beginning of each of its steps (epochs). The difference to the current counts is the number of observations since then.
 *
 * The first observation of an epoch makes its slot, before it is counted. So a slot has the counts at some
 * moment between the previous observation and the beginning of the epoch. Epochs without observations need no slot: the window begins at the
 * oldest slot that is not too old.
 *
 * The protocol: a thread that makes a slot takes the turn, (epoch + 1) << 1 | 1, by a compare-and-swap. Other threads see that the turn is taken,
 * or done, and do not wait. If the thread dies or is stopped, another one takes the turn in the next epoch. The first one checks the turn
 * before each store, and stops. A slot's epoch is 0 while it is written; a reader checks it before and after its copy.
 *
 * It follows the text in the child's block: struct promc_window, then age_buckets slots of 1 + buckets words.
 */
#ifndef PROMC_TYPES_WINDOW_H
#define PROMC_TYPES_WINDOW_H

#include "types/summary.h"

struct promc_window {
    uint64_t turn;  /* (epoch + 1) << 1 | 1 while a thread makes that epoch's slot, | 0 after; 0: none yet */
    uint64_t until; /* ns since the arena was created: before then there is nothing to do */
};

/* Size of a child's window; 0: the family is not a summary with quantiles. */
size_t promc_window_bytes(const struct promc_arena *arena, const struct promc_family_data *data);
/* For a new or reset child: empty the window. */
void promc_window_clear(const struct promc_arena *arena, struct promc_child *child);

/* Before an observation: makes the epoch's slot if that is not done yet. Wait-free, signal safe. */
void promc_window_advance(promc_registry *registry, const struct promc_child *child);

/* The observations in the window: bound_count + 1 counts. @param sum, counts since the start: as promc_read_histogram(). */
void promc_window_read(promc_registry *registry, const struct promc_child *child, uint64_t *counts, uint64_t *total,
                       double *sum);

/* The quantile from the result of promc_window_read(). */
double promc_window_quantile(const struct promc_family_data *data, const uint64_t *counts, double q);

#endif
