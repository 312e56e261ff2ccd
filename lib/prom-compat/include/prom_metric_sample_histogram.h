/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prom_metric_sample_histogram.h
 * One series of a histogram, held by the program: prom_metric_sample_histogram_from_labels(). It lasts as long as its metric.
 */
#ifndef PROM_METRIC_SAMPLE_HISTOGRAM_H
#define PROM_METRIC_SAMPLE_HISTOGRAM_H

#include "prom_api.h"

PROM_BEGIN

typedef struct prom_metric_sample_histogram prom_metric_sample_histogram_t;

/** @return non-zero upon failure: NULL, or more than 1,024 observations before the metric is registered. */
PROM_API int prom_metric_sample_histogram_observe(prom_metric_sample_histogram_t *self, double value);

PROM_END

#endif
