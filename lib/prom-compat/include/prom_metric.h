/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file prom_metric.h
 * A metric: a counter, a gauge or a histogram. prom_counter_new() and the like make it. It is shown once it is in a collector, for example through
 * prom_collector_registry_must_register_metric(). Earlier updates are kept and shown then.
 */
#ifndef PROM_METRIC_H
#define PROM_METRIC_H

#include "prom_metric_sample.h"
#include "prom_metric_sample_histogram.h"

PROM_BEGIN

typedef struct prom_metric prom_metric_t;

/**
 * The series with these label values. Keep it to update it without a lookup; each call returns the same one.
 * @param label_values as many as the metric has labels, in their order; NULL if it has none.
 * @return NULL: self is NULL or a histogram, or no memory. Beyond 10,000 per metric it is a common series with the values `other`.
 */
PROM_API prom_metric_sample_t *prom_metric_sample_from_labels(prom_metric_t *self, const char **label_values);
/** The same for a histogram; NULL for other metrics. */
PROM_API prom_metric_sample_histogram_t *prom_metric_sample_histogram_from_labels(prom_metric_t *self,
                                                                                  const char **label_values);

PROM_END

#endif
