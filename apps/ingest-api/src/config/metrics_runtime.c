/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ingest_api_build_info, and nodejs_*: the names that dashboards made for the Node service look for. Each HELP says
 * what is measured here. Left out for want of an honest meaning: garbage collection. Left out because a gauge called
 * _total fails promlint: nodejs_active_{handles,requests,resources}_total; sum() over the labelled family is the same.
 */
#include "config/metrics_internal.h"

#include "config/revision.h" /* made by the build: INGEST_REVISION */

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

/* Families with one gauge, in the order of enum. */
enum {
    LAG,
    LAG_MIN,
    LAG_MAX,
    LAG_MEAN,
    LAG_STDDEV,
    LAG_P50,
    LAG_P90,
    LAG_P99,
    HEAP_TOTAL,
    HEAP_USED,
    EXTERNAL,
    SINGLES
};

static const struct {
    const char *name, *help;
} singles[SINGLES] = {
    {"nodejs_eventloop_lag_seconds", "Lag of the event loops: the latest sample of the slowest loop."},
    {"nodejs_eventloop_lag_min_seconds", "Least event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_max_seconds", "Greatest event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_mean_seconds", "Mean event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_stddev_seconds", "Standard deviation of the event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_p50_seconds", "Median event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_p90_seconds", "90th percentile of the event-loop lag of the last 10 s, all loops."},
    {"nodejs_eventloop_lag_p99_seconds", "99th percentile of the event-loop lag of the last 10 s, all loops."},
    {"nodejs_heap_size_total_bytes", "Heap that malloc holds from the system (mallinfo2 arena + hblkhd)."},
    {"nodejs_heap_size_used_bytes", "Heap in use by the program (mallinfo2 uordblks + hblkhd)."},
    {"nodejs_external_memory_bytes", "Allocations so large that malloc maps each by itself (mallinfo2 hblkhd)."},
};

enum { HANDLE_SERVER, HANDLE_SOCKET, HANDLE_TIMER, HANDLE_REQUEST, HANDLE_TYPES };
static const char *const handle_types[HANDLE_TYPES] = {"Server", "Socket", "Timeout", "Request"};

static struct {
    promc_gauge single[SINGLES];
    promc_gauge handle[HANDLE_TYPES - 1], request, resource[HANDLE_TYPES];
    promc_gauge space[3][2]; /* total, used, available × brk, mmap */
} node;

static void set_lags(void)
{
    struct lag_window lag;
    metrics_loops_lag_window(&lag);
    if (lag.samples == 0)
        return;
    const double values[] = {lag.last, lag.min, lag.max, lag.mean, lag.stddev, lag.p50, lag.p90, lag.p99};
    for (int i = LAG; i <= LAG_P99; i++)
        promc_gauge_set(node.single[i], values[i]);
}

static void set_heap(void)
{
    struct mallinfo2 heap = mallinfo2();
    double brk_total = (double)heap.arena, brk_used = (double)heap.uordblks, mapped = (double)heap.hblkhd;
    promc_gauge_set(node.single[HEAP_TOTAL], brk_total + mapped);
    promc_gauge_set(node.single[HEAP_USED], brk_used + mapped);
    promc_gauge_set(node.single[EXTERNAL], mapped);
    const double spaces[3][2] = {{brk_total, mapped}, {brk_used, mapped}, {(double)heap.fordblks, 0}};
    for (int i = 0; i < 3; i++) {
        for (int k = 0; k < 2; k++)
            promc_gauge_set(node.space[i][k], spaces[i][k]);
    }
}

static int collect(void *user, uint64_t deadline_ns)
{
    (void)user;
    (void)deadline_ns;
    struct metrics_loop_handles open;
    metrics_loops_handles_sum(&open);
    const unsigned counts[HANDLE_TYPES] = {open.servers, open.sockets, open.timers, open.requests};
    for (int i = 0; i < HANDLE_TYPES; i++) {
        promc_gauge_set(node.resource[i], counts[i]);
        promc_gauge_set(i == HANDLE_REQUEST ? node.request : node.handle[i], counts[i]);
    }
    set_lags();
    set_heap();
    return 0;
}

static int register_labelled(promc_registry *registry, const char *name, const char *help, const char *label,
                             const char *const *values, promc_gauge *handles, int count)
{
    promc_family *family;
    int rc = promc_gauge_register(registry, &(promc_family_settings){.name = name, .help = help, .labels = {label}},
                                  &family);
    for (int i = 0; i < count && rc >= 0; i++)
        rc = promc_gauge_get(family, &values[i], &handles[i]);
    return rc;
}

static int register_node(promc_registry *registry)
{
    static const char *const spaces[] = {"brk", "mmap"};
    static const char *const request_type[] = {"Request"};
    promc_family *family;
    int rc;
    for (int i = 0; i < SINGLES; i++) {
        if ((rc = promc_gauge_register(
                 registry, &(promc_family_settings){.name = singles[i].name, .help = singles[i].help}, &family)) < 0 ||
            (rc = promc_gauge_get(family, NULL, &node.single[i])) < 0)
            return rc;
    }
    if ((rc = register_labelled(registry, "nodejs_active_handles",
                                "Open handles of the event loops: listening sockets, connections, timers.", "type",
                                handle_types, node.handle, HANDLE_TYPES - 1)) < 0 ||
        (rc = register_labelled(registry, "nodejs_active_requests", "HTTP requests whose answer is not complete.",
                                "type", request_type, &node.request, 1)) < 0 ||
        (rc = register_labelled(registry, "nodejs_active_resources", "Handles and requests of the event loops.", "type",
                                handle_types, node.resource, HANDLE_TYPES)) < 0 ||
        (rc = register_labelled(registry, "nodejs_heap_space_size_total_bytes",
                                "Heap held from the system, by how malloc got it.", "space", spaces, node.space[0],
                                2)) < 0 ||
        (rc = register_labelled(registry, "nodejs_heap_space_size_used_bytes", "Heap in use, by how malloc got it.",
                                "space", spaces, node.space[1], 2)) < 0)
        return rc;
    return register_labelled(registry, "nodejs_heap_space_size_available_bytes",
                             "Heap held but free, by how malloc got it.", "space", spaces, node.space[2], 2);
}

static int register_versions(promc_registry *registry)
{
    promc_family *build, *version;
    promc_gauge gauge;
    char copy[] = INGEST_VERSION, *rest = copy;
    const char *major = strsep(&rest, "."), *minor = strsep(&rest, "."), *patch = strsep(&rest, ".");
    int rc;
    if ((rc = promc_gauge_register(
             registry,
             &(promc_family_settings){.name = "nodejs_version_info",
                                      .help = "Version of ingest-api, in the labels that dashboards for Node look for.",
                                      .labels = {"version", "major", "minor", "patch"}},
             &version)) < 0 ||
        (rc = promc_gauge_get(
             version, (const char *const[]){"v" INGEST_VERSION, major, minor ? minor : "0", patch ? patch : "0"},
             &gauge)) < 0)
        return rc;
    promc_gauge_set(gauge, 1);
    if ((rc = promc_gauge_register(registry,
                                   &(promc_family_settings){.name = "ingest_api_build_info",
                                                            .help = "What this program was built from; always 1.",
                                                            .labels = {"version", "revision", "compiler"}},
                                   &build)) < 0 ||
        (rc = promc_gauge_get(build, (const char *const[]){INGEST_VERSION, INGEST_REVISION, COMPILER}, &gauge)) < 0)
        return rc;
    promc_gauge_set(gauge, 1);
    return 0;
}

int metrics_runtime_register(promc_registry *registry)
{
    int rc;
    if ((rc = register_versions(registry)) < 0 || (rc = register_node(registry)) < 0)
        return rc;
    return promc_collector_register(registry, "runtime", collect, NULL);
}
