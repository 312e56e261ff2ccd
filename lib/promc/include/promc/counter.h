/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/counter.h
 * A value that only goes up: requests served, bytes sent, errors.
 *
 * Register the family once, look up a series by its label values once, keep the handle, and update through it:
 * an update is one addition to a cell that only the calling thread writes.
 */
#ifndef PROMC_COUNTER_H
#define PROMC_COUNTER_H

#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * A handle to one counter series; 16 bytes, copied freely. After its series has been removed or its registry destroyed, updates through it do
 * nothing, and promc_series_is_live(counter.ref) returns 0. The zero handle does nothing, too.
 */
typedef struct promc_counter {
    promc_series_ref ref;
} promc_counter;

/**
 * Register a counter family. A family without labels gets its only series at once (it exposes 0). Registering the same definition again returns the
 * existing family (a module that is loaded again continues it), with the help, cap and expiry of the first registration. This holds for every type.
 * @return 0, PROMC_E_NAME, PROMC_E_LABEL_NAME, PROMC_E_DUPLICATE (another definition; the detail says what differs), PROMC_E_RESERVED, PROMC_E_UNIT, PROMC_E_FULL,
 *         PROMC_E_VERSION (a reserved word of the settings is set).
 * Thread safe; takes the registry's lock.
 */
PROMC_API int promc_counter_register(promc_registry *registry, const promc_family_settings *settings,
                                     promc_family **out);

/**
 * Find or create the series with these label values, in the order of the family's labels.
 * @param values  as many strings as the family has labels; NULL allowed if it has none. Copied.
 * @param[out] out the handle. On error it is set to a safe one that does nothing. Beyond a cap or the arena's
 *                budget it is the overflow series, and 0 is returned.
 * @return 0, PROMC_E_TYPE, PROMC_E_LABEL_COUNT, PROMC_E_LABEL_VALUE (a NULL value).
 * Finding is lock-free and allocates nothing; creating takes the registry's lock.
 */
PROMC_API int promc_counter_get(promc_family *family, const char *const *values, promc_counter *out);
/** The same with explicit lengths. Values may contain any byte; they are made valid UTF-8: bad bytes become U+FFFD. */
PROMC_API int promc_counter_get_n(promc_family *family, const promc_str *values, size_t count, promc_counter *out);

/** For promc_counter_with(): on failure it returns the handle that does nothing. */
PROMC_API promc_counter promc_counter_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_counter_get() in an expression: `promc_counter_inc(promc_counter_with(f, "GET", "200"))`. */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(counter)
#else
#define promc_counter_with(family, ...) promc_counter_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/** Add 1. Wait-free, safe in a signal handler, no lock prefix, no shared cache line. */
static inline void promc_counter_inc(promc_counter counter)
{
    promc_cell_add(counter.ref, 1);
}

/** Add an integer. As promc_counter_inc(). A thread's sum wraps at 2^64 without a check; promc_counter_add() checks. */
static inline void promc_counter_add_u64(promc_counter counter, uint64_t n)
{
    promc_cell_add(counter.ref, n);
}

/**
 * Add a number ≥ 0. Integers below 2^53 go to the integer cell while that is below 2^62, other numbers to a floating-point cell: it never wraps.
 * Negative numbers, NaN and infinities are refused (nothing changes). Wait-free, safe in a signal handler.
 * @return 0 or PROMC_E_INVALID.
 */
PROMC_API int promc_counter_add(promc_counter counter, double n);

/** The sum over all threads, as a scrape would show it. O(shards). 0 for a stale handle. */
PROMC_API double promc_counter_value(promc_counter counter);

#ifdef __cplusplus
}
#endif
#endif
