/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/summary.h
 * Quantiles of the last minutes, computed in the program: `x{quantile="0.99"}`, with `x_sum` and `x_count` since its start.
 *
 * Prefer a histogram: the quantiles of several processes cannot be combined. Use a summary if one process must know its own quantiles,
 * or if a dashboard expects a summary.
 *
 * Definition: with n observations in the window, quantile q is an estimate of the ⌈q × n⌉-th smallest of them (of the
 * smallest for q = 0). For an observation between `lowest` and `highest` the relative error of the estimate is at most `error`: with 0.05,
 * 200 ms may be shown as 190 to 210 ms. An observation below `lowest` counts as 0 (so it is off by less than `lowest`), one above
 * `highest` counts as `highest`. Without observations in the window a quantile is NaN, as both text formats require.
 *
 * The window slides in `age_buckets` steps. It covers the last `max_age_seconds` minus the part of the current step that has not
 * passed yet, so between max_age × (1 - 1/age_buckets) and max_age. `_sum` and `_count` count everything since the start.
 *
 * An observation costs as much as a histogram's plus a read of the coarse clock; its bucket is found without a search. Once per step, the first
 * thread that observes also records the current counts, O(buckets × threads); no thread ever waits for that. Observations by
 * other threads in these microseconds may be counted in the previous step.
 *
 * Memory is fixed at registration: 2 + ln(highest / lowest) / ln((1 + error) / (1 - error)) buckets, 279 by default; each series needs
 * that many 8-byte cells per thread, and age_buckets times as many for the window; each family needs 1.4 KiB (at most 6 KiB) to find buckets.
 * In fork()ed children and shared arenas it behaves like any other type: with a private arena the child starts from zero, and its window is
 * empty; processes that share an arena share the window. Through
 * promc_registry_open_readonly() the window is the last one with observations.
 */
#ifndef PROMC_SUMMARY_H
#define PROMC_SUMMARY_H

#include <promc/family.h>
#include <promc/shard.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Maximum quantiles of a summary. */
#define PROMC_MAX_QUANTILES 16
/** Maximum buckets that its error and range may need. */
#define PROMC_SUMMARY_MAX_BUCKETS 476
/** Maximum steps of its window. */
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
     * Each in 0 … 1, all different, in any order. NULL: 0.5, 0.9 and 0.99. promc_no_quantiles: none, only `_sum` and `_count`, and no
     * memory for a window. Any other array with quantile_count 0 is refused.
     */
    const double *quantiles;
    size_t quantile_count;
    /** The bound of the relative error, 0.001 … 0.5. Default 0.05. */
    double error;
    /** The range in which `error` holds, above 0. Default 1e-6 … 1e6: in seconds, a microsecond to eleven days. */
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
/** For promc_summary_with(): on failure it returns the handle that does nothing. */
PROMC_API promc_summary promc_summary_with_values(promc_family *family, const char *const *values, size_t count);
/** promc_summary_get() in an expression, as promc_counter_with(). */
#ifdef __cplusplus
PROMC_WITH_TEMPLATE(summary)
#else
#define promc_summary_with(family, ...) promc_summary_with_values((family), PROMC_VALUES(__VA_ARGS__))
#endif

/**
 * Count one observation, a number ≥ 0. Negative numbers, NaN and infinities are refused, because a summary's sum is a counter and its quantiles
 * must not be negative (nothing changes, `promc_invalid_observations_total` counts it). Wait-free, signal safe.
 */
PROMC_API void promc_summary_observe(promc_summary summary, double value);
/** Observe the seconds since `start_ns`, an earlier promc_now_ns(); never negative. */
PROMC_API void promc_summary_observe_since(promc_summary summary, uint64_t start_ns);

/** Observations so far, and their sum. Consistent with each other. sum may be NULL. */
PROMC_API uint64_t promc_summary_count(promc_summary summary, double *sum);
/** Any quantile of the window, not only those exposed; NaN without observations, for a summary without any quantiles, or for q outside 0 … 1. O(buckets × threads). */
PROMC_API double promc_summary_quantile(promc_summary summary, double q);

#ifdef __cplusplus
}
#endif
#endif
