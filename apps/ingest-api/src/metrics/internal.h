/* SPDX-License-Identifier: Apache-2.0 */
/** @file metrics/internal.h Shared by the files of metrics/, and private to them. */
#ifndef INGEST_METRICS_INTERNAL_H
#define INGEST_METRICS_INTERNAL_H

#include "metrics/table.h"

/*
 * Called after the table is registered: create the series whose labels are known now, and the collectors.
 * @return 0 or a promc error.
 */
int metrics_db_register(promc_registry *registry);
int metrics_business_register(promc_registry *registry);
void metrics_queue_register(void);
int metrics_data_dir_register(promc_registry *registry);
int metrics_loops_register(unsigned count);
int metrics_runtime_register(promc_registry *registry);

/* metrics_destroy(): forget every handle, so that updates are no-ops again. */
void metrics_db_reset(void);
void metrics_business_reset(void);
void metrics_loops_reset(void);

/** Lag of all loops in the last ten seconds, in seconds. A scrape does not reset it: all scrapers see the same. */
struct lag_window {
    double last, min, max, mean, stddev, p50, p90, p99;
    unsigned samples; /**< 0: the others mean nothing */
};
void metrics_loops_lag_window(struct lag_window *out);
void metrics_loops_handles_sum(struct metrics_loop_handles *out);

#define METRICS_COUNT(array) (sizeof(array) / sizeof((array)[0]))

#endif
