/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_gauge.h A value that goes up and down. Arguments and results are those of prom_counter.h. */
#ifndef PROM_GAUGE_H
#define PROM_GAUGE_H

#include "prom_metric.h"
#include <stdlib.h>

PROM_BEGIN

typedef prom_metric_t prom_gauge_t;

PROM_API prom_gauge_t *prom_gauge_new(const char *name, const char *help, size_t label_key_count,
                                      const char **label_keys);
PROM_API int prom_gauge_destroy(prom_gauge_t *self);
PROM_API int prom_gauge_inc(prom_gauge_t *self, const char **label_values);
PROM_API int prom_gauge_dec(prom_gauge_t *self, const char **label_values);
PROM_API int prom_gauge_add(prom_gauge_t *self, double r_value, const char **label_values);
PROM_API int prom_gauge_sub(prom_gauge_t *self, double r_value, const char **label_values);
PROM_API int prom_gauge_set(prom_gauge_t *self, double r_value, const char **label_values);

PROM_END

#endif
