/* SPDX-License-Identifier: Apache-2.0 */
/* Scheduling statistics of the process: page faults, context switches, time spent runnable but not running. */
#include "collect/measured.h"
#include "collect/procfs.h"

#include <promc/collect.h>

#include <dirent.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MINOR, MAJOR, VOLUNTARY, INVOLUNTARY, RUN_DELAY, METRICS };

#define FAULTS                                                                                                  \
    "process_page_faults_total", "Page faults by type; a major fault waits for the disk.", NULL, PROMC_COUNTER, \
    {                                                                                                           \
        "type"                                                                                                  \
    }
#define SWITCHES                                                                                                  \
    "process_context_switches_total", "Context switches by type; the scheduler forces an involuntary one.", NULL, \
        PROMC_COUNTER,                                                                                            \
    {                                                                                                             \
        "type"                                                                                                    \
    }

static const struct promc_measure table[METRICS] = {
    [MINOR] = {FAULTS, {"minor"}},
    [MAJOR] = {FAULTS, {"major"}},
    [VOLUNTARY] = {SWITCHES, {"voluntary"}},
    [INVOLUNTARY] = {SWITCHES, {"involuntary"}},
    [RUN_DELAY] =
        {"process_run_delay_seconds_total",
         "Time the threads were ready to run but waited for a CPU. A thread that ends takes what it waited since "
         "the last scrape with it.",
         "seconds",
         PROMC_COUNTER,
         {0},
         {0}},
};

struct state {
    uint64_t last_sum; /* over the threads alive at the last reading */
    uint64_t total;    /* never decreases, although threads end */
    pid_t process;     /* that of the two above */
};

/* The second figure of schedstat, over all threads, in ns. @return false if the kernel does not keep it. */
static bool sum_run_delay(uint64_t *sum)
{
    DIR *dir = opendir("/proc/self/task");
    bool found = false;
    *sum = 0;
    if (!dir)
        return false;
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char path[300], text[128];
        const char *p = text;
        uint64_t running, waiting;
        snprintf(path, sizeof(path), "/proc/self/task/%s/schedstat", entry->d_name);
        if (entry->d_name[0] != '.' && promc_read_file(path, text, sizeof(text)) > 0 && promc_parse_u64(&p, &running) &&
            promc_parse_u64(&p, &waiting)) {
            *sum += waiting;
            found = true;
        }
    }
    closedir(dir);
    return found;
}

static int measure(void *user, struct promc_measurements *out)
{
    struct state *state = user;
    struct rusage usage;
    uint64_t sum;
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        promc_measured_set(out, MINOR, (double)usage.ru_minflt);
        promc_measured_set(out, MAJOR, (double)usage.ru_majflt);
        promc_measured_set(out, VOLUNTARY, (double)usage.ru_nvcsw);
        promc_measured_set(out, INVOLUNTARY, (double)usage.ru_nivcsw);
    }
    if (state->process != getpid()) /* the first time, or in a forked child */
        *state = (struct state){.process = getpid()};
    if (sum_run_delay(&sum)) {
        state->total += sum > state->last_sum ? sum - state->last_sum : 0;
        state->last_sum = sum;
        promc_measured_set(out, RUN_DELAY, (double)state->total / 1e9);
    }
    return 0;
}

const struct promc_measured_source promc_measured_scheduler = {"scheduler", table, METRICS, measure,
                                                               sizeof(struct state)};

int promc_collect_scheduler(promc_registry *registry)
{
    return promc_measured_register(registry, &promc_measured_scheduler, "");
}
