/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_TESTKIT_CHECK_HISTOGRAMS_H
#define PROMC_TESTKIT_CHECK_HISTOGRAMS_H

#include "cursor.h"

/* Buckets ascending and cumulative, +Inf equal to _count. 0, PROMC_E_INVALID or PROMC_E_NOMEM. */
int check_histograms(struct cursor *cursor, const struct exposition *exposition);

#endif
