/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file metrics/bounds.h
 * The bucket bounds that rules of infra/prometheus need, and whether an operator's override has removed one: then
 * alerts are silent, or fire falsely. `make lint-monitoring` compares this list with the rules.
 */
#ifndef INGEST_METRICS_BOUNDS_H
#define INGEST_METRICS_BOUNDS_H

/* Bounds that a rule selects (le="…"), and thresholds with which it compares a quantile: a quantile is never above the highest bound. */
#define METRICS_BOUNDS(BOUND)                                                      \
    BOUND("http_request_duration_seconds", 0.5, "HighLatency, LatencyBudgetBurn")  \
    BOUND("db_connection_pool_acquire_duration_seconds", 0.1, "DatabasePoolWaits") \
    BOUND("db_query_duration_seconds", 0.25, "DatabaseSlowQueries")                \
    BOUND("eventloop_lag_seconds", 0.1, "EventLoopLag")

struct metrics_bound {
    const char *metric;
    double bound;
    const char *alerts; /**< that read it */
};

/**
 * Call `lost` for each bound that its histogram lacks, also if it has none (`buckets=+Inf`). A native-only histogram is
 * skipped, since rules read it directly. For one that is both, Prometheus may take the classic half, so its bounds count. Does nothing
 * with metrics off.
 */
void metrics_bounds_check(void (*lost)(const struct metrics_bound *bound));

#endif
