/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of one sample by its type, beyond the grammar. For several lines together: check_groups.h, check_histograms.h. */
#ifndef PROMC_TESTKIT_CHECK_H
#define PROMC_TESTKIT_CHECK_H

#include "cursor.h"

/* Can a sample of this name belong to this family? */
bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format);

/* Values, labels and exemplars that the family's type allows. 0 or PROMC_E_INVALID. */
int check_sample(struct cursor *cursor, const struct exposed_family *family, const struct sample *sample);

/*
 * Compare two samples of one family by their labels, without those that distinguish the lines of one metric (le, quantile, a state):
 * equal when they belong together.
 */
int compare_groups(const struct exposed_family *family, const struct sample *x, const struct sample *y);

#endif
