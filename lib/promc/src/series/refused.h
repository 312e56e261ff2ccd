/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse is seen: what a program asks for that cannot be is counted in promc_refused_updates_total{family,reason}, and with PROMC_DEBUG=1 in
 * the environment the first of each kind is a line on stderr. Whoever ignores error codes finds out all the same.
 */
#ifndef PROMC_SERIES_REFUSED_H
#define PROMC_SERIES_REFUSED_H

#include "series/family.h"

enum promc_refusal {
    PROMC_REFUSED_TYPE,
    PROMC_REFUSED_LABEL_COUNT,
    PROMC_REFUSED_LABEL_VALUE,
    PROMC_REFUSED_OBSERVATION
};

/* Signal safe: from a handler that has interrupted the holder of the lock the first of a kind may not be counted. Keeps the error detail. */
void promc_refused(const promc_family *family, enum promc_refusal reason);
/* The same of a series. */
void promc_refused_series(promc_series_ref ref, enum promc_refusal reason);

/* 0 if the family is of this type, or NULL: that is for the lookup to say. `what` with its article: "a counter". */
int promc_family_is_not(const promc_family *family, const char *what);
static inline int promc_family_expect(const promc_family *family, enum promc_type type, const char *what)
{
    return family && family->type != type ? promc_family_is_not(family, what) : 0;
}

#endif
