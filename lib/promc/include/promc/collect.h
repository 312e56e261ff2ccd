/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/collect.h
 * Values that are read at the scrape instead of being updated: callbacks, and the ready-made collectors.
 */
#ifndef PROMC_COLLECT_H
#define PROMC_COLLECT_H

#include <promc/family.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Called at the start of each scrape, before anything is written; sets gauges, or adds to counters, through ordinary
 * handles. Runs on the scraping thread, one call at a time per collector (never two at once).
 * @param deadline_ns  promc_now_ns() time by which it should be back; 0: none.
 * @return 0, or a negative value: `promc_collector_errors_total{collector}` counts it and the last good values stay.
 */
typedef int (*promc_collect_fn)(void *user, uint64_t deadline_ns);

/**
 * Register a collector. @param name a short name for `promc_collector_errors_total`; copied.
 * @return 0, PROMC_E_INVALID, PROMC_E_FULL. Up to 64 a registry.
 */
PROMC_API int promc_collector_register(promc_registry *registry, const char *name, promc_collect_fn collect,
                                       void *user);

/** The nine standard `process_*` metrics, from /proc/self. A value that cannot be had is left out. */
PROMC_API int promc_collect_process(promc_registry *registry);

/** `malloc_*` gauges from mallinfo2(3) (glibc); registers nothing elsewhere. */
PROMC_API int promc_collect_malloc(promc_registry *registry);

/** `process_memory_limit_bytes`, `process_cpu_limit_cores`: the cgroup's (v2, v1), else the host's. */
PROMC_API int promc_collect_cgroup(promc_registry *registry);

#ifdef __cplusplus
}
#endif
#endif
