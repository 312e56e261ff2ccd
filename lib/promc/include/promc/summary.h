/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/summary.h
 * Quantiles of the last minutes, computed in the program: `x{quantile="0.99"}`, with `x_sum` and `x_count` since its start.
 *
 * Prefer a histogram: quantiles of several processes cannot be added up. A summary is for what one process must know about itself,
 * or for dashboards that expect one.
 *
 * What a quantile is: with n observations in the window, quantile q is an estimate of the ⌈q × n⌉-th smallest of them (of the
 * smallest for q = 0). Of an observation between `lowest` and `highest` the estimate is within `error`, relatively: with 0.05,
 * for 200 ms something from 190 to 210 ms. An observation below `lowest` counts as 0 (so it is off by less than `lowest`), one above
 * `highest` as `highest`. Without any observation in the window a quantile is NaN, as both text formats demand.
 *
 * The window slides in `age_buckets` steps: at any time it covers the last `max_age_seconds` but for the part of a step that has not
 * yet gone by, so between max_age × (1 - 1/age_buckets) and max_age. `_sum` and `_count` are of everything since the start.
 *
 * An observation is one of a histogram, with a search among more buckets, and a look at the coarse clock. Once a step the first
 * thread that observes also notes what has been counted so far, O(buckets × threads); no thread ever waits for it. What others
 * observe in these microseconds may be taken for the step before.
 *
 * Memory is decided at registration: 2 + ln(highest / lowest) / ln((1 + error) / (1 - error)) buckets, 279 by default; for each series
 * so many 8-byte cells for each thread, and age_buckets times as many for the window. In fork()ed children and shared arenas it is
 * as any other type: a private arena's child starts from zero, window and all; the processes of a shared one have one window. Through
 * promc_registry_open_readonly() the window is the last one that has observations.
 */
#ifndef PROMC_SUMMARY_H
#define PROMC_SUMMARY_H

#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Quantiles a summary may have. */
#define PROMC_MAX_QUANTILES 16
/** Buckets its error and range may ask for. */
#define PROMC_SUMMARY_MAX_BUCKETS 476
/** Steps its window may have. */
#define PROMC_MAX_AGE_BUCKETS 60

/** As promc_counter. */
typedef struct promc_summary {
    promc_series_ref ref;
} promc_summary;

/** For a summary without quantiles. */
PROMC_API extern const double promc_no_quantiles[1];

/** Fields that are 0 take their defaults. */
typedef struct promc_summary_settings {
    promc_family_settings family;
    /**
     * Each in 0 … 1, all different, any order. NULL: 0.5, 0.9 and 0.99. promc_no_quantiles: none, only `_sum` and `_count`, and no
     * memory for a window. Others without their count are refused.
     */
    const double *quantiles;
    size_t quantile_count;
    /** The bound of the relative error, 0.001 … 0.5. Default 0.05. */
    double error;
    /** The range that `error` holds in, above 0. Default 1e-6 … 1e6: for seconds, a microsecond to eleven days. */
    double lowest, highest;
    /** How long an observation counts, 1 … 604,800 s. Default 600. */
    uint32_t max_age_seconds;
    /** Steps of the window, 1 … PROMC_MAX_AGE_BUCKETS. Default 5. */
    uint32_t age_buckets;
    /** Must be zero: see version.h. */
    uint64_t reserved[4];
} promc_summary_settings;

/**
 * As promc_counter_register(); also PROMC_E_INVALID (quantiles, error, range, ages), PROMC_E_BUCKETS (error and range would
 * need more than PROMC_SUMMARY_MAX_BUCKETS). The label `quantile` is refused.
 */
PROMC_API int promc_summary_register(promc_registry *registry, const promc_summary_settings *settings,
                                     promc_family **out);
/** As promc_counter_get(). */
PROMC_API int promc_summary_get(promc_family *family, const char *const *values, promc_summary *out);
/** As promc_counter_get_n(). */
PROMC_API int promc_summary_get_n(promc_family *family, const promc_str *values, size_t count, promc_summary *out);
/** For promc_summary_with(): fails to the handle that does nothing. */
PROMC_API promc_summary promc_summary_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_summary_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(summary)
#else
#define promc_summary_with(family, ...) promc_summary_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/**
 * Count one observation, a number ≥ 0. Negative ones, NaN and infinities are refused: a summary's sum is a counter, its quantiles
 * must not be negative (nothing changes, `promc_invalid_observations_total` counts it). Wait-free, signal safe.
 */
PROMC_API void promc_summary_observe(promc_summary summary, double value);
/** Observe the seconds since `start_ns`, a promc_now_ns() of earlier; never negative. */
PROMC_API void promc_summary_observe_since(promc_summary summary, uint64_t start_ns);

/** Observations so far, and their sum. Consistent with each other. sum may be NULL. */
PROMC_API uint64_t promc_summary_count(promc_summary summary, double *sum);
/** Any quantile of the window, not only those exposed; NaN without observations, for a summary without any quantiles, or for q outside 0 … 1. O(buckets × threads). */
PROMC_API double promc_summary_quantile(promc_summary summary, double q);

#ifdef __cplusplus
}
#endif
#endif
