/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_counter.h A value that only goes up. It is shown under its given name, also without `_total`. */
#ifndef PROM_COUNTER_H
#define PROM_COUNTER_H

#include "prom_metric.h"
#include <stdlib.h>

PROM_BEGIN

typedef prom_metric_t prom_counter_t;

/**
 * @param label_keys label_key_count names, NULL if that is 0. All strings are copied.
 * @return NULL: no name, more than 64 labels, or no memory. The name is checked at registration.
 */
PROM_API prom_counter_t *prom_counter_new(const char *name, const char *help, size_t label_key_count,
                                          const char **label_keys);
/** Free it, and remove it from its collector. NULL is allowed. @return 0. */
PROM_API int prom_counter_destroy(prom_counter_t *self);
/** Add 1 to the series with these label values; NULL for a counter without labels. @return non-zero upon failure. */
PROM_API int prom_counter_inc(prom_counter_t *self, const char **label_values);
/** Add a number ≥ 0. @return non-zero upon failure: nothing is counted. */
PROM_API int prom_counter_add(prom_counter_t *self, double r_value, const char **label_values);

PROM_END

#endif
