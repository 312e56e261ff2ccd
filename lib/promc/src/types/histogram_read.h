/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of the histogram protocol; the writer's is histogram.c, the protocol is in histogram.h. */
#ifndef PROMC_TYPES_HISTOGRAM_READ_H
#define PROMC_TYPES_HISTOGRAM_READ_H

#include "series/series.h"

struct promc_native_view;
struct promc_values;

/*
 * @param buckets  bound_count + 1 counts, not cumulative; `_count` is their sum.
 * @param sum      of exactly those observations.
 * @return false if a writer neither paused nor answered: then the counts are the newest ones, but not of one instant.
 */
bool promc_read_histogram(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum);
/*
 * The same for a native histogram, with its native buckets, whose total is that of buckets[]. A histogram without classic buckets has
 * all in buckets[0].
 */
bool promc_read_native(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum,
                       struct promc_native_view *out);
bool promc_histogram_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);

/* The writer died inside an observation: set `n` to the sum of the buckets. */
void promc_histogram_repair(uint64_t *cells, struct promc_child *child);

#endif
