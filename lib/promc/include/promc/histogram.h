/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/histogram.h
 * Counts observations in buckets: latencies, sizes.
 *
 * A **classic** histogram has the bounds that you give it; each bound is a series. A **native** one (exponential buckets, Prometheus 2.40
 * and later with `--enable-feature=native-histograms`, which 3.8 and later do not need) takes no bounds: it creates the buckets that are populated, each
 * a fixed factor wider than the previous one, and is one series. Only protobuf can carry it; in both text formats it is a family with
 * `_count`, `_sum` and the +Inf bucket. Every Prometheus can read a histogram that is both.
 *
 * A scrape shows buckets, `_sum` and `_count` of one instant, even while threads observe:
 * `_count` is the sum of the buckets by construction, and `_sum` is the sum of exactly those observations
 * (except those of threads beyond `max_threads` and of signal handlers: see docs/library/internals.md).
 */
#ifndef PROMC_HISTOGRAM_H
#define PROMC_HISTOGRAM_H

#include <promc/clock.h>
#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Maximum upper bounds of a classic histogram, +Inf not counted. */
#define PROMC_MAX_BUCKETS 256

typedef struct promc_histogram {
    promc_series_ref ref;
} promc_histogram;

enum promc_histogram_kind { PROMC_HISTOGRAM_CLASSIC, PROMC_HISTOGRAM_NATIVE, PROMC_HISTOGRAM_CLASSIC_AND_NATIVE };

/** Minimum and maximum buckets of a native histogram. */
#define PROMC_NATIVE_LEAST_BUCKETS 8
#define PROMC_NATIVE_MOST_BUCKETS 256

/**
 * The buckets of a native histogram. All zero: each bucket is 1.09 times as wide as the previous one (schema 3), at most 160 of them,
 * a zero bucket up to 2^-128. https://prometheus.io/docs/specs/native_histograms/
 *
 * Values: the bucket with index i counts growth^(i-1) < v <= growth^i for v > 0; negative values have mirrored buckets;
 * |v| <= zero_threshold (so 0 and, by default, subnormals) is in the zero bucket; ±Inf is in the bucket after that of the
 * greatest double. NaN is counted, is in no bucket, and makes the sum NaN permanently, as the specification requires: do not observe it.
 * A quantile is off by at most a bucket's width: a factor of `growth`.
 *
 * Memory is reserved when a series is made and never grows: in the arena's metadata about 40 bytes per bucket of the limit, and in
 * each shard 17 (25 at schema 5, 35 at schema 8), which are touched only when buckets are populated. With the defaults an arena of
 * 64 MiB has room for 320 series with 64 threads, or 1,280 with 8 threads; beyond that the overflow series takes the updates.
 */
typedef struct promc_native_settings {
    /**
     * The maximum factor from one bound to the next. promc uses the greatest 2^(2^-schema), schema -4 … 8, that is not above it:
     * 65536, 256, 16, 4, 2, 1.414, 1.189, 1.091, 1.044, 1.022, 1.011, 1.0054, 1.0027; below the last, the last.
     * See promc_native_growth(). Default 1.1.
     */
    double growth;
    /**
     * Maximum populated buckets of a series, the zero bucket not counted. One more bucket halves the resolution (the schema is lowered by one,
     * down to -4) until they fit again; counts are merged, and the series continues. Range 8 … 256, default 160.
     * @note a series does not get its resolution back. If the data needs more halvings than there is room for (two
     *       up to schema 3, seven from schema 8), the schema is lowered further, until the value falls into an existing bucket;
     *       below schema -4 it is counted in the nearest one.
     */
    uint32_t max_buckets;
    /** Values from -zero_threshold to zero_threshold are counted as 0. Default 2^-128; a negative threshold: only 0 itself. */
    double zero_threshold;
    /** Must be zero: see version.h. */
    uint64_t reserved[2];
} promc_native_settings;

typedef struct promc_histogram_settings {
    promc_family_settings family;
    /**
     * Upper bounds (inclusive), finite, strictly ascending; a final +Inf is allowed and implied. +Inf alone: only count and sum. Copied.
     * With a bound below 0, OpenMetrics shows neither `_sum` nor `_count`, because its sum is a counter, which must not fall (the +Inf bucket
     * has the count). Text 0.0.4 and protobuf show both. The same applies if negative observations have made a sum negative.
     * NULL: the default of the Prometheus libraries, 5 ms … 10 s in 11 steps.
     */
    const double *buckets;
    size_t bucket_count;
    /** Default classic. An operator can change it: see `overrides` in registry.h. */
    enum promc_histogram_kind kind;
    /** For a native histogram; always checked, since an operator may make the histogram native. */
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

/** The factor between the bounds of a schema, -4 … 8; 0 for any other schema. */
PROMC_API double promc_native_growth(int schema);

/** As promc_counter_register(); also PROMC_E_BUCKETS, and PROMC_E_INVALID for native settings out of range. */
PROMC_API int promc_histogram_register(promc_registry *registry, const promc_histogram_settings *settings,
                                       promc_family **out);
/** As promc_counter_get(). */
PROMC_API int promc_histogram_get(promc_family *family, const char *const *values, promc_histogram *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_histogram_get_n(promc_family *family, const promc_str *values, size_t count, promc_histogram *out);
/** For promc_histogram_with(): on failure it returns the handle that does nothing. */
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
 * Count `count` observations of the same value: a batch, or the counts of another system. The same as `count` calls of
 * promc_histogram_observe(), at the cost of two.
 */
PROMC_API void promc_histogram_observe_n(promc_histogram histogram, double value, uint64_t count);

/** Observe the seconds since `start_ns`, an earlier promc_now_ns(); never negative. */
PROMC_API void promc_histogram_observe_since(promc_histogram histogram, uint64_t start_ns);
/** Observations so far, and their sum. Consistent with each other. sum may be NULL. */
PROMC_API uint64_t promc_histogram_count(promc_histogram histogram, double *sum);

#ifdef __cplusplus
}
#endif
#endif
