/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold beyond the grammar: of one sample by its type (check.c), of several lines together (check_groups.c, check_histograms.c). */
#ifndef PROMC_TESTKIT_CHECK_H
#define PROMC_TESTKIT_CHECK_H

#include "cursor.h"

/* May a sample of this name stand in this family? */
bool sample_belongs(const struct exposed_family *family, const char *name, enum promc_format format);

/* Values, labels and exemplars that the family's type allows. 0 or PROMC_E_INVALID. */
int check_sample(struct cursor *cursor, const struct exposed_family *family, const struct sample *sample);

/*
 * No series twice; in OpenMetrics no two families with one name, the lines of a label set together and their timestamps ascending;
 * histograms ascending, cumulative, +Inf equal to _count. 0, PROMC_E_INVALID or PROMC_E_NOMEM.
 */
int check_whole(struct cursor *cursor, const struct exposition *exposition);
int check_groups(struct cursor *cursor, const struct exposition *exposition);
int check_histograms(struct cursor *cursor, const struct exposition *exposition);

/*
 * Two samples of one family by their labels, without those that tell the lines of one metric apart (le, quantile, a state):
 * equal when they belong together.
 */
int compare_groups(const struct exposed_family *family, const struct sample *x, const struct sample *y);

/* By name and labels. */
int compare_series(const struct sample *x, const struct sample *y);

void sample_free(struct sample *sample);

#endif
