/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_TESTKIT_CHECK_GROUPS_H
#define PROMC_TESTKIT_CHECK_GROUPS_H

#include "cursor.h"

/*
 * No series twice; in OpenMetrics no two families with one name, the lines of a label set together and their timestamps
 * ascending. 0, PROMC_E_INVALID or PROMC_E_NOMEM.
 */
int check_groups(struct cursor *cursor, const struct exposition *exposition);

/* By name and labels. */
int compare_series(const struct sample *x, const struct sample *y);

#endif
