/* SPDX-License-Identifier: Apache-2.0 */
/* Bucket bounds: checks and texts. */
#ifndef PROMC_TYPES_BOUNDS_H
#define PROMC_TYPES_BOUNDS_H

#include "series/family.h"
#include <promc/histogram.h>

/* Finite, strictly ascending, at most PROMC_MAX_BUCKETS; a final +Inf is subtracted from *count. 0 or PROMC_E_BUCKETS. */
int promc_bounds_check(const char *metric, const double *bounds, size_t *count);
/* The `le` text of a bound, +Inf included. */
void promc_bounds_text(struct promc_le *le, double bound);

#endif
