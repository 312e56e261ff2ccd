/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/info.h
 * The three types whose value is not a measurement:
 *  - info: facts that do not change while the program runs, as label values (`build_info{version="1.2"} 1`);
 *  - stateset: which of a fixed set of states hold (`feature{feature="beta"} 1`);
 *  - untyped: a number of unknown kind, copied from another system.
 * None of them is for a hot path: each call looks up its series.
 *
 * Thread safe. But two concurrent promc_info_set() on one family may remove each other's series, and two concurrent
 * promc_stateset_select() on one label set may leave both states on: use one thread.
 */
#ifndef PROMC_INFO_H
#define PROMC_INFO_H

#include <promc/family.h>
#include <promc/gauge.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Register an info family, with or without `_info` in its name. It cannot have a unit. In text 0.0.4 it is a gauge
 * named `…_info`. Without labels it has its only series at once.
 * @return as promc_counter_register().
 */
PROMC_API int promc_info_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out);

/**
 * Make the series with these label values the family's only one; its value is 1. Others are removed.
 * @return 0, PROMC_E_TYPE, PROMC_E_LABEL_COUNT, PROMC_E_LABEL_VALUE, PROMC_E_FULL. Takes the registry's lock. O(series).
 */
PROMC_API int promc_info_set(promc_family *family, const char *const *values);
/** The same, but other series stay: e.g. one series for each part of a program. */
PROMC_API int promc_info_add(promc_family *family, const char *const *values);

/** Maximum states of a stateset. */
#define PROMC_MAX_STATES 64

/**
 * Register a stateset. It gets an additional last label for the state, named like the family; at most
 * PROMC_MAX_LABEL_LIST - 1 others. Exposed as a gauge in text 0.0.4. It cannot have a unit.
 * @param states  their names, all different; copied. Without other labels all states are exposed as 0 at once.
 * @return as promc_counter_register(), also PROMC_E_INVALID (no state, too many, one twice), PROMC_E_LABEL_NAME (a colon in the name).
 */
PROMC_API int promc_stateset_register(promc_registry *registry, const promc_family_settings *settings,
                                      const char *const *states, size_t state_count, promc_family **out);
/**
 * Set one state. @param values of the other labels; NULL if there are none.
 * @return 0, PROMC_E_NOT_FOUND (no such state), and as promc_info_set(). O(states).
 */
PROMC_API int promc_stateset_set(promc_family *family, const char *const *values, const char *state, bool on);
/**
 * Make one state the only one (an enumeration). A scrape at that moment may see both the old and the new state on, but never none.
 * @return as promc_stateset_set(). O(states).
 */
PROMC_API int promc_stateset_select(promc_family *family, const char *const *values, const char *state);

/**
 * Register a family of unknown type; look up and set its series with the functions of gauge.h.
 * @return as promc_counter_register().
 */
PROMC_API int promc_untyped_register(promc_registry *registry, const promc_family_settings *settings,
                                     promc_family **out);

#ifdef __cplusplus
}
#endif
#endif
