/* SPDX-License-Identifier: Apache-2.0 */
/* What holds over several lines of an exposition, and which suffixes a type may have. */
#ifndef PROMC_TESTKIT_CHECK_H
#define PROMC_TESTKIT_CHECK_H

#include "exposition.h"

/* May a sample of this name stand in this family? */
bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format);

/* ` timestamp`, or in OpenMetrics an exemplar ` # {…} value timestamp`, from the blank on. */
bool check_tail(const char *at, const char *end, enum promc_format format);

/*
 * No series twice; histograms ascending, cumulative, +Inf equal to _count; quantiles in 0 … 1; sums and counts of summaries neither
 * NaN nor negative. 0, PROMC_E_INVALID or PROMC_E_NOMEM.
 */
int check_whole(const struct exposition *exposition, char *fault, size_t fault_size);

#endif
