/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/histogram.h
 * Counts observations in buckets: latencies, sizes.
 *
 * A **classic** histogram has the bounds it is given, each a series of its own. A **native** one (exponential buckets, Prometheus 2.40
 * and later with `--enable-feature=native-histograms`, without it since 3.8) needs none: it makes the buckets that are populated, each
 * a fixed factor wider than the one before, and is one series. It travels in protobuf alone; in both text formats it is a family with
 * `_count`, `_sum` and the +Inf bucket. One that is both is read by every Prometheus.
 *
 * A scrape shows buckets, `_sum` and `_count` of one instant, also while threads observe:
 * `_count` is the sum of the buckets by construction, and `_sum` is the sum of exactly those observations
 * (threads beyond `max_threads` and signal handlers excepted: see docs/promc-internals.md).
 */
#ifndef PROMC_HISTOGRAM_H
#define PROMC_HISTOGRAM_H

#include <promc/clock.h>
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

enum promc_histogram_kind { PROMC_HISTOGRAM_CLASSIC, PROMC_HISTOGRAM_NATIVE, PROMC_HISTOGRAM_CLASSIC_AND_NATIVE };

/** Fewest and most buckets of a native histogram. */
#define PROMC_NATIVE_LEAST_BUCKETS 8
#define PROMC_NATIVE_MOST_BUCKETS 256

/**
 * How a native histogram's buckets are. All zero: buckets 1.09 times as wide as the one before (schema 3), at most 160 of them,
 * a zero bucket up to 2^-128. https://prometheus.io/docs/specs/native_histograms/
 *
 * Values: the bucket of v > 0 with index i holds growth^(i-1) < v <= growth^i; negative values have buckets of their own, mirrored;
 * |v| <= zero_threshold (with it 0 and, by default, subnormals) is in the zero bucket; ±Inf is in the bucket after that of the
 * greatest double. NaN is counted, is in no bucket, and makes the sum NaN for good, as the specification demands: do not observe it.
 * A quantile is off by at most a bucket's width: a factor of `growth`.
 *
 * Memory is set aside when a series is made and never grows: in the arena's metadata about 40 bytes a bucket of the limit, and in
 * each shard 17 (25 at schema 5, 35 at schema 8), which are touched only as buckets are populated. With the defaults an arena of
 * 64 MiB for 64 threads has room for 320 series, for 8 threads 1,280; then the overflow series takes the updates.
 */
typedef struct promc_native_settings {
    /**
     * The factor from one bound to the next, at most. Taken is the greatest of 2^(2^-schema), schema -4 … 8, that is not above it:
     * 65536, 256, 16, 4, 2, 1.414, 1.189, 1.091, 1.044, 1.022, 1.011, 1.0054, 1.0027; below the last, the last.
     * See promc_native_growth(). Default 1.1.
     */
    double growth;
    /**
     * Populated buckets a series may have, the zero bucket not counted. One more halves the resolution (the schema is lowered by one,
     * down to -4) until they fit again; what was counted is merged, and the series goes on. Range 8 … 256, default 160.
     * @note a series does not get its resolution back. Data that would need more halvings than there is room for (two
     *       up to schema 3, seven from schema 8) lowers the schema faster, so that the value falls into a bucket that is there;
     *       past schema -4 it is counted in the nearest one.
     */
    uint32_t max_buckets;
    /** Values from -zero_threshold to zero_threshold are counted as 0. Default 2^-128; below 0: only 0 itself. */
    double zero_threshold;
    /** Must be zero: see version.h. */
    uint64_t reserved[2];
} promc_native_settings;

typedef struct promc_histogram_settings {
    promc_family_settings family;
    /**
     * Upper bounds (inclusive), finite, strictly ascending; a final +Inf is allowed and implied. +Inf alone: only count and sum. Copied.
     * With a bound below 0, OpenMetrics has neither `_sum` nor `_count`: there a sum is a counter, which must not fall (the +Inf bucket
     * says the count). Text 0.0.4 and protobuf have both. The same where negative observations have made a sum negative.
     * NULL: the default of the Prometheus libraries, 5 ms … 10 s in 11 steps.
     */
    const double *buckets;
    size_t bucket_count;
    /** Default classic. An operator can change it: see `overrides` in registry.h. */
    enum promc_histogram_kind kind;
    /** Of a native one; looked at in any case, since an operator may make it one. */
    promc_native_settings native;
    /** Must be zero: see version.h. */
    uint64_t reserved[4];
} promc_histogram_settings;

/** The default bounds: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10. */
PROMC_API extern const double promc_default_buckets[11];

/** Fill bounds[0 … count-1] with start, start + width, …  @return 0 or PROMC_E_BUCKETS. */
PROMC_API int promc_buckets_linear(double *bounds, size_t count, double start, double width);
/** Fill bounds[0 … count-1] with start, start × factor, …  @return 0 or PROMC_E_BUCKETS. */
PROMC_API int promc_buckets_exponential(double *bounds, size_t count, double start, double factor);

/** The factor between the bounds of a schema, -4 … 8; 0 for any other. */
PROMC_API double promc_native_growth(int schema);

/** As promc_counter_register(); also PROMC_E_BUCKETS, and PROMC_E_INVALID for native settings out of range. */
PROMC_API int promc_histogram_register(promc_registry *registry, const promc_histogram_settings *settings,
                                       promc_family **out);
/** As promc_counter_get(). */
PROMC_API int promc_histogram_get(promc_family *family, const char *const *values, promc_histogram *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_histogram_get_n(promc_family *family, const promc_str *values, size_t count, promc_histogram *out);
/** For promc_histogram_with(): fails to the handle that does nothing. */
PROMC_API promc_histogram promc_histogram_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_histogram_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(histogram)
#else
#define promc_histogram_with(family, ...) promc_histogram_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/**
 * Count one observation. NaN is refused (nothing changes, `promc_invalid_observations_total` counts it), except by a native histogram.
 * Wait-free, no shared cache line, signal safe.
 */
PROMC_API void promc_histogram_observe(promc_histogram histogram, double value);

/**
 * Count `count` observations of the same value: a batch, or what another system has counted. As promc_histogram_observe(), `count` times, at
 * the cost of two.
 */
PROMC_API void promc_histogram_observe_n(promc_histogram histogram, double value, uint64_t count);

/** Observe the seconds since `start_ns`, a promc_now_ns() of earlier; never negative. */
PROMC_API void promc_histogram_observe_since(promc_histogram histogram, uint64_t start_ns);
/** Observations so far, and their sum. Consistent with each other. sum may be NULL. */
PROMC_API uint64_t promc_histogram_count(promc_histogram histogram, double *sum);

#ifdef __cplusplus
}
#endif
#endif
