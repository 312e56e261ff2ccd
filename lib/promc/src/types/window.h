/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A summary's sliding window. The buckets of a summary count for ever, like a histogram's; the window keeps what they had come to
 * when each of its steps (epochs) began, and the difference is what was observed since.
 *
 * The first observation of an epoch makes its slot, before it is counted. So a slot says what had been counted up to any
 * moment between the observation before and the epoch's begin, and epochs without observations need none: the window's begin is the
 * oldest slot that is not too old.
 *
 * The protocol: who makes a slot takes the turn, (epoch + 1) << 1 | 1, by a compare-and-swap; others see it taken, or done, and do not
 * wait. One that dies or is stopped over it is overtaken in the next epoch, and sees that by the turn before each store. A slot's epoch
 * is 0 while it is written; a reader looks at it before and after its copy.
 *
 * It stands behind the text in the child's block: struct promc_window, then age_buckets slots of 1 + buckets words.
 */
#ifndef PROMC_TYPES_WINDOW_H
#define PROMC_TYPES_WINDOW_H

#include "types/summary.h"

struct promc_window {
    uint64_t turn;  /* (epoch + 1) << 1 | 1 while a thread makes that epoch's slot, | 0 after; 0: none yet */
    uint64_t until; /* ns since the arena was born: before then nothing need be done */
};

/* Bytes of a child's window; 0: the family is none of summaries with quantiles. */
size_t promc_window_bytes(const struct promc_arena *arena, const struct promc_family_data *data);
/* Of a child that is being made, or begins anew: nothing has been observed. */
void promc_window_clear(const struct promc_arena *arena, struct promc_child *child);

/* Before an observation: makes the epoch's slot if that is still to be done. Wait-free, signal safe. */
void promc_window_advance(promc_registry *registry, const struct promc_child *child);

/* What was observed in the window: bound_count + 1 counts. @param sum, counts since the start: as promc_read_histogram(). */
void promc_window_read(promc_registry *registry, const struct promc_child *child, uint64_t *counts, uint64_t *total,
                       double *sum);

/* The quantile of what promc_window_read() gave. */
double promc_window_quantile(const struct promc_family_data *data, const uint64_t *counts, double q);

#endif
