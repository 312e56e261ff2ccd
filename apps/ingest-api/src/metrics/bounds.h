/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/bounds.h
 * The bucket bounds that the rules of infra/prometheus need. If an operator's override removes one, alerts stay silent
 * or fire falsely, so this checks for it. `make lint-monitoring` compares the list with the rules.
 */
#ifndef INGEST_METRICS_BOUNDS_H
#define INGEST_METRICS_BOUNDS_H

/* Bounds that rules select (le="…") or compare a quantile with: a quantile is never above the highest bound. */
#define METRICS_BOUNDS(BOUND)                                                      \
    BOUND("http_request_duration_seconds", 0.5, "HighLatency, LatencyBudgetBurn")  \
    BOUND("db_connection_pool_acquire_duration_seconds", 0.1, "DatabasePoolWaits") \
    BOUND("db_query_duration_seconds", 0.25, "DatabaseSlowQueries")                \
    BOUND("eventloop_lag_seconds", 0.1, "EventLoopLag")

struct metrics_bound {
    const char *metric;
    double bound;
    const char *alerts; /**< alerts that need the bound */
};

/**
 * Call `lost` for each bound that its histogram lacks, also if the histogram has no bounds (`buckets=+Inf`). A
 * native-only histogram is skipped, because rules read it directly. If a histogram is both, its bounds are checked,
 * because Prometheus may read the classic half. Does nothing with metrics off.
 */
void metrics_bounds_check(void (*lost)(const struct metrics_bound *bound));

#endif
