/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/histogram.h
 * Counts observations in buckets: latencies, sizes.
 *
 * A scrape shows buckets, `_sum` and `_count` of one instant, also while threads observe:
 * `_count` is the sum of the buckets by construction, and `_sum` is the sum of exactly those observations
 * (threads beyond `max_threads` and signal handlers excepted: see docs/promc-internals.md).
 */
#ifndef PROMC_HISTOGRAM_H
#define PROMC_HISTOGRAM_H

#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Upper bounds a classic histogram may have, +Inf not counted. */
#define PROMC_MAX_BUCKETS 256

typedef struct promc_histogram {
    promc_series_ref ref;
} promc_histogram;

typedef struct promc_histogram_settings {
    promc_family_settings family;
    /**
     * Upper bounds (inclusive), finite, strictly ascending; a final +Inf is allowed and implied. Copied.
     * NULL: the default of the Prometheus libraries, 5 ms … 10 s in 11 steps.
     */
    const double *buckets;
    size_t bucket_count;
} promc_histogram_settings;

/** The default bounds: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10. */
PROMC_API extern const double promc_default_buckets[11];

/** Fill bounds[0 … count-1] with start, start + width, …  @return 0 or PROMC_E_BUCKETS. */
PROMC_API int promc_buckets_linear(double *bounds, size_t count, double start, double width);
/** Fill bounds[0 … count-1] with start, start × factor, …  @return 0 or PROMC_E_BUCKETS. */
PROMC_API int promc_buckets_exponential(double *bounds, size_t count, double start, double factor);

/** As promc_counter_register(); also PROMC_E_BUCKETS. */
PROMC_API int promc_histogram_register(promc_registry *registry, const promc_histogram_settings *settings,
                                       promc_family **out);
/** As promc_counter_get(). */
PROMC_API int promc_histogram_get(promc_family *family, const char *const *values, promc_histogram *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_histogram_get_n(promc_family *family, const promc_str *values, size_t count, promc_histogram *out);
#define promc_histogram_with(family, ...)                                     \
    promc_histogram_with_values((family), (const char *const[]){__VA_ARGS__}, \
                                sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
/** For the macro above: fails to the handle that does nothing. */
PROMC_API promc_histogram promc_histogram_with_values(promc_family *family, const char *const *values, size_t count);

/**
 * Count one observation. NaN is refused (nothing changes, `promc_invalid_observations_total` counts it).
 * Wait-free, no shared cache line, signal safe.
 */
PROMC_API void promc_histogram_observe(promc_histogram histogram, double value);

/** Observe the seconds since `start_ns`, a promc_now_ns() of earlier; never negative. */
PROMC_API void promc_histogram_observe_since(promc_histogram histogram, uint64_t start_ns);
/** CLOCK_MONOTONIC in nanoseconds. */
PROMC_API uint64_t promc_now_ns(void);

/** Observations so far, and their sum. Consistent with each other. sum may be NULL. */
PROMC_API uint64_t promc_histogram_count(promc_histogram histogram, double *sum);

#ifdef __cplusplus
}
#endif
#endif
