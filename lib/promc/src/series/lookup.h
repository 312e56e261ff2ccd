/* SPDX-License-Identifier: Apache-2.0 */
/* Finding a series by its label values. */
#ifndef PROMC_SERIES_LOOKUP_H
#define PROMC_SERIES_LOOKUP_H

#include "series/series.h"

/* Find or create; the types' _get functions use it. *out is always set. */
int promc_series_get(promc_family *family, const char *const *values, promc_series_ref *out);
int promc_series_get_n(promc_family *family, const promc_str *values, size_t count, promc_series_ref *out);
/* For the _with macros: checks the count. */
promc_series_ref promc_series_with(promc_family *family, const char *const *values, size_t count);

/* The child with exactly these values, or NULL. Lock-free. */
struct promc_child *promc_series_find(const promc_family *family, const promc_str *values);
/* The same in a family with labels, with the values' hash, and the `live` word that the child had. */
struct promc_child *promc_series_find_word(const promc_family *family, const promc_str *values, uint32_t *hash,
                                           uint64_t *word);
/* The one with these values that is leaving (birth.h), or that is an overflow series for the cap label's value. */
struct promc_child *promc_series_find_leaving(const promc_family *family, const promc_str *values);
struct promc_child *promc_series_find_overflow(const promc_family *family, const promc_str *values, uint32_t *hash,
                                               uint64_t *word);

#endif
