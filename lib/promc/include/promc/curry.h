/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/curry.h
 * A family with some of its labels fixed: a part of a program that knows its own `queue` passes only the other values.
 */
#ifndef PROMC_CURRY_H
#define PROMC_CURRY_H

#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable, so any number of threads may use it. */
typedef struct promc_curry promc_curry;

/**
 * Fix `count` labels of a family; their names and values are copied.
 * @param[out] out the caller frees it with promc_curry_free() before the registry is destroyed.
 * @return 0, PROMC_E_LABEL_NAME (not a label of the family, or twice), PROMC_E_LABEL_VALUE, PROMC_E_NOMEM, PROMC_E_INVALID.
 */
PROMC_API int promc_curry_make(promc_curry **out, promc_family *family, const promc_label *fixed, size_t count);
/** NULL is allowed. */
PROMC_API void promc_curry_free(promc_curry *curry);
/** Number of labels that are not fixed. 0 for NULL. */
PROMC_API size_t promc_curry_labels_left(const promc_curry *curry);

/**
 * As the types' own _get functions; `rest` has the values of the labels that are not fixed, in the family's order.
 * Finding is lock-free and allocates nothing. A NULL curry (its creation failed) is PROMC_E_INVALID.
 */
PROMC_API int promc_curry_counter(const promc_curry *curry, const char *const *rest, promc_counter *out);
/** As promc_curry_counter(). */
PROMC_API int promc_curry_gauge(const promc_curry *curry, const char *const *rest, promc_gauge *out);
/** As promc_curry_counter(). */
PROMC_API int promc_curry_updown(const promc_curry *curry, const char *const *rest, promc_updown *out);
/** As promc_curry_counter(). */
PROMC_API int promc_curry_histogram(const promc_curry *curry, const char *const *rest, promc_histogram *out);
/** As promc_curry_counter(). */
PROMC_API int promc_curry_summary(const promc_curry *curry, const char *const *rest, promc_summary *out);

#ifdef __cplusplus
}
#endif
#endif
