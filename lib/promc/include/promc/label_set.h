/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/label_set.h
 * Label values that are used again and again are prepared once: copied, checked and hashed. A lookup by a prepared set reads no string.
 *
 * For code that cannot keep a handle: one set of values for several families (a route's requests, durations and sizes), or for families
 * whose series come and go. If you update only one series, keep its handle: that costs even less.
 *
 *     promc_label_set *get;
 *     promc_label_set_make(&get, registry, (const char *[]){"GET", "/users/:id"}, 2);
 *     promc_counter_inc(promc_counter_of(requests, get));
 *     promc_histogram_observe_since(promc_histogram_of(durations, get), start);
 *     promc_label_set_free(get);
 *
 * A set is a value, not a series: it keeps nothing alive. If its series has been removed or has expired, the next lookup creates it again.
 */
#ifndef PROMC_LABEL_SET_H
#define PROMC_LABEL_SET_H

#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Immutable for its users: any number of threads and signal handlers may use it at once. */
typedef struct promc_label_set promc_label_set;

/**
 * Prepare label values for the families of a registry that have `count` labels, in the order of their labels.
 * @param values  copied; made valid UTF-8, and cut to the registry's max_label_value_bytes, as a lookup would. NULL allowed if count is 0.
 * @param[out] out freed by the caller with promc_label_set_free(); NULL on error. It may outlive the registry.
 * @return 0, PROMC_E_INVALID (no registry), PROMC_E_LABEL_COUNT (more than PROMC_MAX_LABEL_LIST), PROMC_E_LABEL_VALUE (a NULL value),
 *         PROMC_E_NOMEM. Thread safe, takes no lock; O(bytes).
 */
PROMC_API int promc_label_set_make(promc_label_set **out, const promc_registry *registry, const char *const *values,
                                   size_t count);
/** The same with explicit lengths, as promc_counter_get_n(). */
PROMC_API int promc_label_set_make_n(promc_label_set **out, const promc_registry *registry, const promc_str *values,
                                     size_t count);
/** No other thread may use it any more. NULL is allowed. */
PROMC_API void promc_label_set_free(promc_label_set *set);

/**
 * Find or create the family's series with these values. Errors are those of promc_counter_get_n(), and a NULL set is PROMC_E_INVALID:
 * then the handle does nothing, promc_error_detail() has the reason, and `promc_refused_updates_total` counts the misuse.
 *
 * Finding is lock-free, allocates nothing and is signal safe; creating takes the registry's lock. The set remembers the series of up to
 * four families. Such a lookup compares only one number, which is unique to the series, so the values' lengths do not matter. Other lookups
 * compare the values. A family of another registry works too: then the values are hashed, as in promc_counter_get_n().
 */
PROMC_API promc_counter promc_counter_of(promc_family *family, const promc_label_set *set);
/** As promc_counter_of(); for gauges that are set, and untyped families. */
PROMC_API promc_gauge promc_gauge_of(promc_family *family, const promc_label_set *set);
/** As promc_counter_of(). */
PROMC_API promc_updown promc_updown_of(promc_family *family, const promc_label_set *set);
/** As promc_counter_of(). */
PROMC_API promc_histogram promc_histogram_of(promc_family *family, const promc_label_set *set);
/** As promc_counter_of(). */
PROMC_API promc_summary promc_summary_of(promc_family *family, const promc_label_set *set);

#ifdef __cplusplus
}
#endif
#endif
