/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold beyond the grammar of one sample, by its type. Of several lines together: check_groups.h, check_histograms.h. */
#ifndef PROMC_TESTKIT_CHECK_H
#define PROMC_TESTKIT_CHECK_H

#include "cursor.h"

/* May a sample of this name stand in this family? */
bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format);

/* Values, labels and exemplars that the family's type allows. 0 or PROMC_E_INVALID. */
int check_sample(struct cursor *cursor, const struct exposed_family *family, const struct sample *sample);

/*
 * Two samples of one family by their labels, without those that tell the lines of one metric apart (le, quantile, a state):
 * equal when they belong together.
 */
int compare_groups(const struct exposed_family *family, const struct sample *x, const struct sample *y);

#endif
