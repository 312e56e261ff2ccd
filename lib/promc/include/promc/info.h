/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/info.h
 * The three types whose value is not a measurement:
 *  - info: facts that do not change while the program runs, as label values (`build_info{version="1.2"} 1`);
 *  - stateset: which of a fixed set of states hold (`feature{feature="beta"} 1`);
 *  - untyped: a number of unknown kind, taken over from elsewhere.
 * None of them is for a hot path: each call looks its series up.
 *
 * Thread safe. But of two promc_info_set() of one family at once each may remove what the other has made, and two
 * promc_stateset_select() of one label set may leave both states on: let one thread decide.
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
 * named `…_info`. Without labels it has its one series at once.
 * @return as promc_counter_register().
 */
PROMC_API int promc_info_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out);

/**
 * Make the series with these label values the family's only one; its value is 1. Others are removed.
 * @return 0, PROMC_E_TYPE, PROMC_E_LABEL_COUNT, PROMC_E_LABEL_VALUE, PROMC_E_FULL. Takes the registry's lock. O(series).
 */
PROMC_API int promc_info_set(promc_family *family, const char *const *values);
/** The same, but others stay: one series for each part of a program, say. */
PROMC_API int promc_info_add(promc_family *family, const char *const *values);

/** States a stateset may have. */
#define PROMC_MAX_STATES 64

/**
 * Register a stateset. It gets a last label of its own, named like the family, for the state; at most
 * PROMC_MAX_LABELS - 1 others. Exposed as a gauge in text 0.0.4. It cannot have a unit.
 * @param states  their names, all different; copied. Without other labels all of them are exposed, as 0, at once.
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
 * Make one state the only one (an enumeration). A scrape in that moment may see the old and the new one both on, never none.
 * @return as promc_stateset_set(). O(states).
 */
PROMC_API int promc_stateset_select(promc_family *family, const char *const *values, const char *state);

/**
 * Register a family of unknown type; its series are got and set with the functions of gauge.h.
 * @return as promc_counter_register().
 */
PROMC_API int promc_untyped_register(promc_registry *registry, const promc_family_settings *settings,
                                     promc_family **out);

#ifdef __cplusplus
}
#endif
#endif
