/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_histogram_buckets.h Upper bounds of a histogram's buckets, without +Inf. At most 256. */
#ifndef PROM_HISTOGRAM_BUCKETS_H
#define PROM_HISTOGRAM_BUCKETS_H

#include "prom_api.h"
#include <stdlib.h>

PROM_BEGIN

typedef struct prom_histogram_buckets {
    int count;
    const double *upper_bounds; /**< ascending */
} prom_histogram_buckets_t;

/** .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10. Never NULL. */
PROM_API extern prom_histogram_buckets_t *prom_histogram_default_buckets;

/** The bounds themselves, `count` ≥ 1 of them. @return NULL: count is 0 or above 256, or no memory. */
PROM_API prom_histogram_buckets_t *prom_histogram_buckets_new(size_t count, double bucket, ...);
/** start, start + width, … @return NULL: they do not ascend, count is 0 or above 256, or no memory. */
PROM_API prom_histogram_buckets_t *prom_histogram_buckets_linear(double start, double width, size_t count);
/** start, start × factor, …; start > 0, factor > 1. @return as prom_histogram_buckets_linear(). */
PROM_API prom_histogram_buckets_t *prom_histogram_buckets_exponential(double start, double factor, size_t count);
/** Free buckets that were not passed to a histogram. Does nothing for NULL and the default ones. @return 0. */
PROM_API int prom_histogram_buckets_destroy(prom_histogram_buckets_t *self);
/** Their number; 0 for NULL. */
PROM_API size_t prom_histogram_buckets_count(prom_histogram_buckets_t *self);

PROM_END

#endif
