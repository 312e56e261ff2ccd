/* SPDX-License-Identifier: Apache-2.0 */
/* The collectors of a registry. Process-local; the list only grows, so that a scrape can walk it without a lock. */
#ifndef PROMC_COLLECT_COLLECTOR_H
#define PROMC_COLLECT_COLLECTOR_H

#include "arena/registry.h"

/* Is there a collector with this name and function? */
bool promc_collector_is_there(promc_registry *registry, const char *name, promc_collect_fn collect);
/* promc_collector_register() with malloc()ed user data, which are freed when the collector is unregistered or the registry destroyed. */
int promc_collector_give(promc_registry *registry, const char *name, promc_collect_fn collect, void *owned);
/* Run the collectors, then the callbacks, each in one thread at a time; start none after deadline_ns (0: no deadline). */
void promc_collectors_run(promc_registry *registry, uint64_t deadline_ns);
/* After fork, in the child: none is running. */
void promc_collectors_forked(promc_registry *registry);

#endif
