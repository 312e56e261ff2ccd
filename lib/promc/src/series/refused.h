/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Misuse becomes visible: an invalid call of the program is counted in promc_refused_updates_total{family,reason}, and with PROMC_DEBUG=1
 * in the environment the first of each kind is printed on stderr. So it is noticed even if the program ignores error codes.
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

/* Signal safe. In a handler that has interrupted the holder of the lock, the first of a kind may not be counted. Keeps the error detail. */
void promc_refused(const promc_family *family, enum promc_refusal reason);
/* The same of a series. */
void promc_refused_series(promc_series_ref ref, enum promc_refusal reason);

/* 0 if the family is of this type, or NULL: the lookup reports that. `what` with its article: "a counter". */
int promc_family_is_not(const promc_family *family, const char *what);
static inline int promc_family_expect(const promc_family *family, enum promc_type type, const char *what)
{
    return family && family->type != type ? promc_family_is_not(family, what) : 0;
}

#endif
