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
 * @return 0, or a negative value: `promc_collector_errors_total{collector}` counts it, and the last good values stay. If the thread is
 *         cancelled in it or calls pthread_exit(), that counts as a failure too; the next scrape calls it again. A C++ exception must not
 *         leave it: after that it is not called again. (To clean up after an exception, promc would need the unwinder's library libgcc_s, but promc
 *         needs only libc; and if libgcc_s is linked statically, an exception ends the program.) So write `try { … } catch (...) { return -1; }`.
 */
typedef int (*promc_collect_fn)(void *user, uint64_t deadline_ns);

/**
 * Register a collector. @param name a short name for `promc_collector_errors_total`; copied.
 * @return 0, PROMC_E_INVALID, PROMC_E_FULL. Up to 64 per registry.
 */
PROMC_API int promc_collector_register(promc_registry *registry, const char *name, promc_collect_fn collect,
                                       void *user);

/**
 * Unregister the first collector of that name, e.g. before the module with the function is unloaded. Waits for a run in progress, so
 * do not call it from a collector. Its families and their last values stay (see promc_family_remove_matching()).
 * @return 0, PROMC_E_NOT_FOUND, PROMC_E_INVALID.
 */
PROMC_API int promc_collector_unregister(promc_registry *registry, const char *name);

/*
 * The ready-made collectors. Each registers its families (except those that this machine cannot provide) and a collector that
 * keeps them up to date. @return 0, PROMC_E_DUPLICATE (called twice), PROMC_E_FULL, PROMC_E_NOMEM, PROMC_E_INVALID.
 * In a shared arena they show the process that answers the scrape.
 */

/** The nine standard `process_*` metrics. A limit that does not exist is `+Inf`. Collector name "process". */
PROMC_API int promc_collect_process(promc_registry *registry);

/** `malloc_{arena,mapped,allocated,free,releasable}_bytes`, `malloc_{mapped,free}_chunks` from mallinfo2(3) (glibc). */
PROMC_API int promc_collect_malloc(promc_registry *registry);

/**
 * `process_memory_limit_bytes`, `process_cpu_limit_cores`: the control groups' (v2, v1), else the host's; and if there is a quota
 * `cgroup_cpu_{periods,throttled_periods,throttled_seconds}_total`.
 */
PROMC_API int promc_collect_cgroup(promc_registry *registry);

/**
 * `process_page_faults_total{type="minor|major"}`, `process_context_switches_total{type="voluntary|involuntary"}`,
 * `process_run_delay_seconds_total` (runnable, but not running).
 */
PROMC_API int promc_collect_scheduler(promc_registry *registry);

/** `system_pressure_stalled_seconds_total{resource="cpu|memory|io",kind="some|full"}` if the kernel has PSI. */
PROMC_API int promc_collect_pressure(promc_registry *registry);

/** For promc_collect_prefixed(), combined with `|`. */
enum promc_collectors {
    PROMC_COLLECT_PROCESS = 1,
    PROMC_COLLECT_MALLOC = 2,
    PROMC_COLLECT_CGROUP = 4,
    PROMC_COLLECT_SCHEDULER = 8,
    PROMC_COLLECT_PRESSURE = 16,
    PROMC_COLLECT_ALL = 31
};

/**
 * Ready-made collectors with a prefix before every name, including the collectors' names: "worker_" gives `worker_process_threads`. For a program that
 * exposes another program's process metrics beside its own, and for jobs whose textfiles are read together: textfiles include prefixed metrics.
 * @param prefix a valid beginning of a metric name; at most 64 bytes.
 * @return as the collectors, or PROMC_E_NAME.
 */
PROMC_API int promc_collect_prefixed(promc_registry *registry, unsigned collectors, const char *prefix);

#ifdef __cplusplus
}
#endif
#endif
