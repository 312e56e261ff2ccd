/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/metrics.h GET /metrics: the registry, for Prometheus. */
#ifndef INGEST_API_METRICS_H
#define INGEST_API_METRICS_H

#include <stdbool.h>
#include <stdint.h>

struct request;
struct route;

/** Does the request have METRICS_TOKEN? False if that is not set. */
bool metrics_token_given(struct request *req);
/**
 * When Prometheus last scraped, Unix ms; 0: never.
 * @param[out] distance_ms between the last two scrapes; 0: there was only one
 */
int64_t metrics_last_scrape_ms(int64_t *distance_ms);
/** A table, ended by a route without a path. */
struct route *routes_metrics(void);

#endif
