/* SPDX-License-Identifier: Apache-2.0 */
/* Pressure stall information: how long work waited for CPU, memory or I/O, on the whole machine. */
#include "collect/measured.h"
#include "collect/procfs.h"

#include <promc/collect.h>

#include <string.h>

enum { CPU_SOME, CPU_FULL, MEMORY_SOME, MEMORY_FULL, IO_SOME, IO_FULL, METRICS };

#define STALLED                                                                                               \
    "system_pressure_stalled_seconds_total",                                                                  \
        "Time in which some tasks (some) or all tasks at once (full) were stalled on a resource.", "seconds", \
        PROMC_COUNTER,                                                                                        \
    {                                                                                                         \
        "resource", "kind"                                                                                    \
    }

static const struct promc_measure table[METRICS] = {
    [CPU_SOME] = {STALLED, {"cpu", "some"}},       [CPU_FULL] = {STALLED, {"cpu", "full"}},
    [MEMORY_SOME] = {STALLED, {"memory", "some"}}, [MEMORY_FULL] = {STALLED, {"memory", "full"}},
    [IO_SOME] = {STALLED, {"io", "some"}},         [IO_FULL] = {STALLED, {"io", "full"}},
};

/* `some avg10=0.00 avg60=0.00 avg300=0.00 total=12345`, in microseconds. */
static bool find_total(const char *text, const char *kind, uint64_t *microseconds)
{
    const char *line = strstr(text, kind);
    const char *total = line ? strstr(line, "total=") : NULL;
    if (!total)
        return false;
    total += strlen("total=");
    return promc_parse_u64(&total, microseconds);
}

static void measure_resource(const char *path, unsigned some, struct promc_measurements *out)
{
    char text[512];
    uint64_t microseconds;
    if (promc_read_file(path, text, sizeof(text)) <= 0)
        return; /* an older kernel, or one started with psi=0 */
    if (find_total(text, "some ", &microseconds))
        promc_measured_set(out, some, (double)microseconds / 1e6);
    if (find_total(text, "full ", &microseconds))
        promc_measured_set(out, some + 1, (double)microseconds / 1e6);
}

static int measure(void *state, struct promc_measurements *out)
{
    (void)state;
    measure_resource("/proc/pressure/cpu", CPU_SOME, out);
    measure_resource("/proc/pressure/memory", MEMORY_SOME, out);
    measure_resource("/proc/pressure/io", IO_SOME, out);
    return 0;
}

const struct promc_measured_source promc_measured_pressure = {"pressure", table, METRICS, measure, 0};

int promc_collect_pressure(promc_registry *registry)
{
    return promc_measured_register(registry, &promc_measured_pressure, "");
}
