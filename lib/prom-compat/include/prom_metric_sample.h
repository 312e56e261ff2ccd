/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prom_metric_sample.h
 * One series of a counter or gauge, held by the program: prom_metric_sample_from_labels(). It lasts as long as its metric.
 */
#ifndef PROM_METRIC_SAMPLE_H
#define PROM_METRIC_SAMPLE_H

#include "prom_api.h"

PROM_BEGIN

typedef struct prom_metric_sample prom_metric_sample_t;

/** Add a number; for a counter it must be ≥ 0. @return non-zero upon failure: NULL, or a negative number or NaN for a counter. */
PROM_API int prom_metric_sample_add(prom_metric_sample_t *self, double r_value);
/** Subtract from a gauge. @return non-zero upon failure: NULL, or a counter. */
PROM_API int prom_metric_sample_sub(prom_metric_sample_t *self, double r_value);
/** Set a gauge. @return non-zero upon failure: NULL, or a counter. */
PROM_API int prom_metric_sample_set(prom_metric_sample_t *self, double r_value);

PROM_END

#endif
