/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_histogram.h Observations counted in buckets. Arguments and results are those of prom_counter.h. */
#ifndef PROM_HISTOGRAM_H
#define PROM_HISTOGRAM_H

#include "prom_histogram_buckets.h"
#include "prom_metric.h"
#include <stdlib.h>

PROM_BEGIN

typedef prom_metric_t prom_histogram_t;

/** @param buckets owned and freed by the histogram, also if NULL is returned; NULL: the default ones. */
PROM_API prom_histogram_t *prom_histogram_new(const char *name, const char *help, prom_histogram_buckets_t *buckets,
                                              size_t label_key_count, const char **label_keys);
PROM_API int prom_histogram_destroy(prom_histogram_t *self);
/** @return non-zero upon failure. Before the metric is registered, 1,024 observations per series are kept. */
PROM_API int prom_histogram_observe(prom_histogram_t *self, double value, const char **label_values);

PROM_END

#endif
