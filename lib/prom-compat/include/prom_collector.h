/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_collector.h A collector: metrics that are shown together, and an optional function that updates them before each scrape. */
#ifndef PROM_COLLECTOR_H
#define PROM_COLLECTOR_H

#include "prom_map.h"
#include "prom_metric.h"

PROM_BEGIN

typedef struct prom_collector prom_collector_t;

/**
 * Called at the beginning of each scrape, by one thread at a time, to update its collector's metrics. The return value is ignored: all
 * metrics of the collector are shown. (In prometheus-client-c a program cannot make a prom_map_t either.)
 */
typedef prom_map_t *prom_collect_fn(prom_collector_t *self);

/** @param name copied; unique in a registry. @return NULL: no name, no memory, or 255 collectors are alive in the process. */
PROM_API prom_collector_t *prom_collector_new(const char *name);
/**
 * A collector named "process" with the nine standard process_* metrics.
 * @param limits_path, stat_path NULL, or files of this process below /proc. @return NULL: files of another process, or no memory.
 */
PROM_API prom_collector_t *prom_collector_process_new(const char *limits_path, const char *stat_path);
/** Free it with its metrics, and remove it from its registry. NULL is allowed. @return 0. */
PROM_API int prom_collector_destroy(prom_collector_t *self);
/** The same, with the type that tables of functions need. */
PROM_API void prom_collector_free_generic(void *gen);
PROM_API int prom_collector_destroy_generic(void *gen);
/**
 * Add a metric, which the collector owns from now on.
 * @return non-zero upon failure: a NULL, another collector has it, the name is invalid or taken in this collector or its registry,
 *         the collector's memory is full. The program then still owns the metric.
 */
PROM_API int prom_collector_add_metric(prom_collector_t *self, prom_metric_t *metric);
/** @param fn NULL: none. @return non-zero upon failure. */
PROM_API int prom_collector_set_collect_fn(prom_collector_t *self, prom_collect_fn *fn);

PROM_END

#endif
