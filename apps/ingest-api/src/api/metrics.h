/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/metrics.h GET /metrics: the registry, for Prometheus. */
#ifndef INGEST_API_METRICS_H
#define INGEST_API_METRICS_H

struct route;

/** A table ended by a route without path. */
struct route *routes_metrics(void);

#endif
