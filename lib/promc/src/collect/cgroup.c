/* SPDX-License-Identifier: Apache-2.0 */
/* The process' limits of memory and CPU, and how often its control group was throttled. */
#include "base/platform.h"
#include "collect/cgroup_read.h"
#include "collect/measured.h"

#include <promc/collect.h>

enum { MEMORY, CPU, PERIODS, THROTTLED_PERIODS, THROTTLED, METRICS };

static const struct promc_measure table[METRICS] = {
    [MEMORY] = {"process_memory_limit_bytes",
                "Memory available to the process: the lowest limit of its cgroups, else the machine's memory.",
                "bytes",
                PROMC_GAUGE,
                {0},
                {0}},
    [CPU] = {"process_cpu_limit_cores",
             "CPU cores available to the process: the lowest quota of its cgroups, else the CPUs it may run on.",
             "cores",
             PROMC_GAUGE,
             {0},
             {0}},
    [PERIODS] = {"cgroup_cpu_periods_total",
                 "CFS periods in which the cgroup ran under a CPU quota.",
                 NULL,
                 PROMC_COUNTER,
                 {0},
                 {0}},
    [THROTTLED_PERIODS] = {"cgroup_cpu_throttled_periods_total",
                           "CFS periods in which the cgroup was throttled.",
                           NULL,
                           PROMC_COUNTER,
                           {0},
                           {0}},
    [THROTTLED] = {"cgroup_cpu_throttled_seconds_total",
                   "Time the cgroup's tasks were throttled by the CPU quota.",
                   "seconds",
                   PROMC_COUNTER,
                   {0},
                   {0}},
};

/* The lower one of the machine's memory and of the control groups' limit. false: neither is known. */
static bool memory_limit(const promc_cgroup_paths *paths, uint64_t *bytes)
{
    uint64_t limit, memory;
    bool limited = promc_cgroup_memory_limit(paths, &limit), known = promc_machine_memory(&memory);
    *bytes = limited && (!known || limit < memory) ? limit : known ? memory : 0;
    return limited || known;
}

static double lower(double a, double b)
{
    return a < b ? a : b;
}

static int measure(void *state, struct promc_measurements *out)
{
    promc_cgroup_paths paths;
    promc_cgroup_throttling throttling;
    uint64_t bytes;
    double cores;
    (void)state;
    promc_cgroup_find("", &paths); /* read each time: the process may be moved */
    double cpus = promc_usable_cpus();
    if (memory_limit(&paths, &bytes))
        promc_measured_set(out, MEMORY, (double)bytes);
    promc_measured_set(out, CPU, promc_cgroup_cpu_limit(&paths, &cores) ? lower(cores, cpus) : cpus);
    if (promc_cgroup_throttling_read(&paths, &throttling)) {
        promc_measured_set(out, PERIODS, (double)throttling.periods);
        promc_measured_set(out, THROTTLED_PERIODS, (double)throttling.throttled_periods);
        promc_measured_set(out, THROTTLED, throttling.throttled_seconds);
    }
    return 0;
}

const struct promc_measured_source promc_measured_cgroup = {"cgroup", table, METRICS, measure, 0};

int promc_collect_cgroup(promc_registry *registry)
{
    return promc_measured_register(registry, &promc_measured_cgroup, "");
}
