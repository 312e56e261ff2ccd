/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/callback.h
 * Series whose value is read at each scrape instead of being kept: the length of a queue, a total that another
 * library counts. For several values that are read together (one system call, one lock), see promc_collector_register().
 */
#ifndef PROMC_CALLBACK_H
#define PROMC_CALLBACK_H

#include <promc/family.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Called once at the start of each scrape, on the scraping thread, never twice at the same time. It may use promc, but not scrape.
 * A counter's total must never fall. A value that is below the last one, negative or not finite is ignored: the last good one stays.
 */
typedef double (*promc_value_fn)(void *user);

/**
 * Register a family whose values come from callbacks.
 * @param type PROMC_COUNTER, PROMC_GAUGE or PROMC_UNTYPED. @return as promc_counter_register(), also PROMC_E_INVALID.
 * @note in a shared arena the values are those of the process that scrapes.
 */
PROMC_API int promc_callback_register(promc_registry *registry, enum promc_type type,
                                      const promc_family_settings *settings, promc_family **out);

/**
 * Set the callback of the series with these label values (NULL if the family has no labels); the series is created if necessary.
 * A second callback for the same series replaces the first. If the series is removed, so is the callback.
 * Thread safe; allocates, and takes a lock. Each scrape calls every callback: O(callbacks).
 * @param user  yours; it must last until promc_registry_destroy(): a scrape may be in a callback that was just replaced or removed.
 * @return 0, PROMC_E_TYPE (not a callback family), PROMC_E_LABEL_VALUE, PROMC_E_FULL (beyond a cap there is no series
 *         for it), PROMC_E_NOMEM.
 */
PROMC_API int promc_callback_set(promc_family *family, const char *const *values, promc_value_fn value, void *user);

/**
 * Remove the callback of the series with these label values. It is not called again; the function waits for a call in progress, so do not
 * call it from a callback. The series stays, with its last value (see promc_family_remove()).
 * @return 0, PROMC_E_NOT_FOUND, PROMC_E_LABEL_VALUE, PROMC_E_TYPE.
 */
PROMC_API int promc_callback_unset(promc_family *family, const char *const *values);

#ifdef __cplusplus
}
#endif
#endif
