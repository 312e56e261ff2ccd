/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/gauge.h
 * A value that goes up and down. Two kinds:
 *  - promc_gauge: can be set; one cell shared by all threads (an atomic store; add is a compare-and-swap loop). If processes share the
 *    arena, promc_family_settings.workers chooses: one value for all processes, or one per process and a scrape shows their sum, maximum or minimum;
 *  - promc_updown: only goes up and down by integers (requests in flight, open connections);
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
/** For promc_gauge_with(): on failure it returns the handle that does nothing. */
PROMC_API promc_gauge promc_gauge_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_gauge_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(gauge)
#else
#define promc_gauge_with(family, ...) promc_gauge_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/** Set to any double, including NaN and infinities. Wait-free, signal safe. */
PROMC_API void promc_gauge_set(promc_gauge gauge, double value);
/** Set to the wall clock, in seconds since the epoch. */
PROMC_API void promc_gauge_set_to_current_time(promc_gauge gauge);
/**
 * For collectors that copy another system's samples: set the value, and the time at which the other system had it. The exposition shows the time
 * after the value. For gauges and untyped series. Set a series always with a time or never; promc_gauge_set() removes the time.
 *
 * Prometheus stores the sample with this time, so the time must advance: if it stays the same, the series is stale after five minutes, and
 * Prometheus refuses a sample that is an hour old or older. node_exporter's textfiles and the Pushgateway do not accept times, so they get none
 * (promc_scrape_settings.no_timestamps).
 * @param time_ms milliseconds since 1970, 0 … 2^62.
 * @return 0, PROMC_E_INVALID (a time out of range, or a gauge with `workers` in a shared arena: nothing changes), PROMC_E_NOT_FOUND (a stale handle).
 * One thread at a time per series (a collector is called by one thread). Concurrent scrapes are safe: they never see a value with another value's time.
 */
PROMC_API int promc_gauge_set_at(promc_gauge gauge, double value, int64_t time_ms);
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
/** For promc_updown_with(): on failure it returns the handle that does nothing. */
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
