/* SPDX-License-Identifier: Apache-2.0 */
/** @file prom_collector_registry.h A registry: collectors that are scraped together. Each registry has a collector "default" from the start. */
#ifndef PROM_COLLECTOR_REGISTRY_H
#define PROM_COLLECTOR_REGISTRY_H

#include "prom_collector.h"
#include "prom_metric.h"

PROM_BEGIN

typedef struct prom_collector_registry prom_collector_registry_t;

/** The default registry; NULL before prom_collector_registry_default_init() and after it is destroyed. */
PROM_API extern prom_collector_registry_t *PROM_COLLECTOR_REGISTRY_DEFAULT;

/** Make the default registry, with process metrics; does nothing if it exists. @return non-zero upon failure. */
PROM_API int prom_collector_registry_default_init(void);
/** An empty registry. @return NULL upon failure. */
PROM_API prom_collector_registry_t *prom_collector_registry_new(const char *name);
/**
 * Free it with its collectors and their metrics; NULL is allowed. A scrape in progress ends early, and the last one
 * to end frees the memory; so you may stop the server later.
 * @return 0.
 */
PROM_API int prom_collector_registry_destroy(prom_collector_registry_t *self);
/** Also show the process_* metrics. @return non-zero upon failure. */
PROM_API int prom_collector_registry_enable_process_metrics(prom_collector_registry_t *self);
/**
 * Add a metric to the default collector of the default registry, and return it. On failure (prom_collector_add_metric(), no
 * default registry) it writes the reason to stderr and exits with status 1: prometheus-client-c documents "the program will halt".
 */
PROM_API prom_metric_t *prom_collector_registry_must_register_metric(prom_metric_t *metric);
/** The same, but never ends the program. @return non-zero upon failure. */
PROM_API int prom_collector_registry_register_metric(prom_metric_t *metric);
/**
 * Add a collector, which the registry owns from now on.
 * @return non-zero upon failure: a NULL, another registry has it, its name or a metric's is taken, the registry has 65 collectors.
 */
PROM_API int prom_collector_registry_register_collector(prom_collector_registry_t *self, prom_collector_t *collector);
/** Everything in text 0.0.4, malloc()ed: the caller frees it. @return NULL upon failure. */
PROM_API const char *prom_collector_registry_bridge(prom_collector_registry_t *self);
/** @return non-zero: not a valid metric name, `[a-zA-Z_:][a-zA-Z0-9_:]*`. `self` is ignored. */
PROM_API int prom_collector_registry_validate_metric_name(prom_collector_registry_t *self, const char *metric_name);

PROM_END

#endif
