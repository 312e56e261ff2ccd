/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest_api_build_info, and the nodejs_* metrics that dashboards of the former Node service use. Each HELP says what
 * is measured here. Not exported: garbage collection, which C does not have, and
 * nodejs_active_{handles,requests,resources}_total, because promlint rejects a gauge named _total; sum() over the
 * labelled family gives the same value.
 */
#include "metrics/internal.h"

#include "metrics/revision.h" /* made by the build: INGEST_REVISION */

#include <malloc.h>
#include <string.h>

#ifdef __clang__
#define COMPILER __VERSION__ /* names itself */
#else
#define COMPILER "gcc " __VERSION__
#endif

#ifndef INGEST_VERSION
#error "the build defines INGEST_VERSION"
#endif

const char *build_version(void)
{
    return INGEST_VERSION;
}

const char *build_revision(void)
{
    return INGEST_REVISION;
}

void metrics_certificate(int64_t expires)
{
    promc_gauge_set(ingest.certificate_expiry, (double)expires);
}

static void set_lags(void)
{
    struct lag_window lag;
    metrics_loops_lag_window(&lag);
    if (lag.samples == 0)
        return;
    promc_gauge_set(ingest.node_lag, lag.last);
    promc_gauge_set(ingest.node_lag_min, lag.min);
    promc_gauge_set(ingest.node_lag_max, lag.max);
    promc_gauge_set(ingest.node_lag_mean, lag.mean);
    promc_gauge_set(ingest.node_lag_stddev, lag.stddev);
    promc_gauge_set(ingest.node_lag_p50, lag.p50);
    promc_gauge_set(ingest.node_lag_p90, lag.p90);
    promc_gauge_set(ingest.node_lag_p99, lag.p99);
}

static void set_heap(void)
{
    struct mallinfo2 heap = mallinfo2();
    double brk_total = (double)heap.arena, brk_used = (double)heap.uordblks, mapped = (double)heap.hblkhd;
    promc_gauge_set(ingest.node_heap_total, brk_total + mapped);
    promc_gauge_set(ingest.node_heap_used, brk_used + mapped);
    promc_gauge_set(ingest.node_external, mapped);
    promc_gauge_set(ingest.node_space_total[SPACE_BRK], brk_total);
    promc_gauge_set(ingest.node_space_total[SPACE_MMAP], mapped);
    promc_gauge_set(ingest.node_space_used[SPACE_BRK], brk_used);
    promc_gauge_set(ingest.node_space_used[SPACE_MMAP], mapped);
    promc_gauge_set(ingest.node_space_available[SPACE_BRK], (double)heap.fordblks);
    promc_gauge_set(ingest.node_space_available[SPACE_MMAP], 0);
}

static int collect(void *user, uint64_t deadline_ns)
{
    (void)user;
    (void)deadline_ns;
    struct metrics_loop_handles open;
    metrics_loops_handles_sum(&open);
    const unsigned handles[node_handle_count] = {
        [HANDLE_SERVER] = open.servers, [HANDLE_SOCKET] = open.sockets, [HANDLE_TIMER] = open.timers};
    for (int i = 0; i < node_handle_count; i++) {
        promc_gauge_set(ingest.node_handles[i], handles[i]);
        promc_gauge_set(ingest.node_resources[i], handles[i]);
    }
    promc_gauge_set(ingest.node_requests[REQUEST_HTTP], open.requests);
    promc_gauge_set(ingest.node_resources[RESOURCE_REQUEST], open.requests);
    set_lags();
    set_heap();
    return 0;
}

static int set_versions(void)
{
    promc_gauge version, build;
    char copy[] = INGEST_VERSION, *rest = copy;
    const char *major = strsep(&rest, "."), *minor = strsep(&rest, "."), *patch = strsep(&rest, ".");
    int rc;
    if ((rc =
             promc_gauge_get(ingest.node_version,
                             (const char *const[]){"v" INGEST_VERSION, major, minor ? minor : "0", patch ? patch : "0"},
                             &version)) < 0 ||
        (rc = promc_gauge_get(ingest.build_info, (const char *const[]){INGEST_VERSION, INGEST_REVISION, COMPILER},
                              &build)) < 0)
        return rc;
    promc_gauge_set(version, 1);
    promc_gauge_set(build, 1);
    return 0;
}

int metrics_runtime_register(promc_registry *registry)
{
    int rc = set_versions();
    if (rc < 0)
        return rc;
    return promc_collector_register(registry, "runtime", collect, NULL);
}
