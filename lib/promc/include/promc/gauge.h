/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/gauge.h
 * A value that goes up and down. Two kinds:
 *  - promc_gauge: may be *set*; one cell shared by all threads (an atomic store; add is a compare-and-swap loop);
 *  - promc_updown: only goes up and down by whole numbers (requests in flight, open connections);
 *    sharded by thread like a counter, and as fast. Both are exposed as `gauge`.
 */
#ifndef PROMC_GAUGE_H
#define PROMC_GAUGE_H

#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct promc_gauge {
    promc_series_ref ref;
} promc_gauge;
typedef struct promc_updown {
    promc_series_ref ref;
} promc_updown;

/** As promc_counter_register(). */
PROMC_API int promc_gauge_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out);
/** As promc_counter_get(). A series is exposed from its creation on, with 0. */
PROMC_API int promc_gauge_get(promc_family *family, const char *const *values, promc_gauge *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_gauge_get_n(promc_family *family, const promc_str *values, size_t count, promc_gauge *out);
/** For promc_gauge_with(): fails to the handle that does nothing. */
PROMC_API promc_gauge promc_gauge_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_gauge_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(gauge)
#else
#define promc_gauge_with(family, ...) promc_gauge_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/** Set; any double, NaN and infinities included. Wait-free, signal safe. */
PROMC_API void promc_gauge_set(promc_gauge gauge, double value);
/** Set to the wall clock, in seconds since the epoch. */
PROMC_API void promc_gauge_set_to_current_time(promc_gauge gauge);
/** Add, negative to subtract. Lock-free, signal safe. */
PROMC_API void promc_gauge_add(promc_gauge gauge, double delta);
static inline void promc_gauge_inc(promc_gauge gauge)
{
    promc_gauge_add(gauge, 1.0);
}
static inline void promc_gauge_dec(promc_gauge gauge)
{
    promc_gauge_add(gauge, -1.0);
}
/** The value, as a scrape would show it. 0 for a stale handle. O(1). */
PROMC_API double promc_gauge_value(promc_gauge gauge);

/** An up-down gauge; as promc_counter_register(). */
PROMC_API int promc_updown_register(promc_registry *registry, const promc_family_settings *settings,
                                    promc_family **out);
/** As promc_counter_get(). */
PROMC_API int promc_updown_get(promc_family *family, const char *const *values, promc_updown *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_updown_get_n(promc_family *family, const promc_str *values, size_t count, promc_updown *out);
/** For promc_updown_with(): fails to the handle that does nothing. */
PROMC_API promc_updown promc_updown_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_updown_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(updown)
#else
#define promc_updown_with(family, ...) promc_updown_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/** Wait-free, signal safe. inc and dec may happen on different threads. */
static inline void promc_updown_inc(promc_updown gauge)
{
    promc_cell_add(gauge.ref, 1);
}
static inline void promc_updown_dec(promc_updown gauge)
{
    promc_cell_add(gauge.ref, (uint64_t)-1);
}
static inline void promc_updown_add(promc_updown gauge, int64_t delta)
{
    promc_cell_add(gauge.ref, (uint64_t)delta);
}
/** The sum over all threads, as a scrape would show it. 0 for a stale handle. O(shards used). */
PROMC_API double promc_updown_value(promc_updown gauge);

#ifdef __cplusplus
}
#endif
#endif
