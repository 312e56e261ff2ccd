/* SPDX-License-Identifier: Apache-2.0 */
/* The nine process metrics of the Prometheus client guidelines, from /proc/self and getrlimit(2). */
#include "collect/measured.h"
#include "collect/procfs.h"

#include <promc/collect.h>

#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

enum { CPU, OPEN_FDS, MAX_FDS, VIRTUAL, VIRTUAL_MAX, RESIDENT, HEAP, START, THREADS, METRICS };

static const struct promc_measure table[METRICS] = {
    [CPU] = {"process_cpu_seconds_total",
             "Total user and system CPU time spent in seconds.",
             "seconds",
             PROMC_COUNTER,
             {0},
             {0}},
    [OPEN_FDS] = {"process_open_fds", "Number of open file descriptors.", NULL, PROMC_GAUGE, {0}, {0}},
    [MAX_FDS] = {"process_max_fds", "Maximum number of open file descriptors.", NULL, PROMC_GAUGE, {0}, {0}},
    [VIRTUAL] = {"process_virtual_memory_bytes", "Virtual memory size in bytes.", "bytes", PROMC_GAUGE, {0}, {0}},
    [VIRTUAL_MAX] = {"process_virtual_memory_max_bytes",
                     "Maximum amount of virtual memory available in bytes; +Inf if unlimited.",
                     "bytes",
                     PROMC_GAUGE,
                     {0},
                     {0}},
    [RESIDENT] = {"process_resident_memory_bytes", "Resident memory size in bytes.", "bytes", PROMC_GAUGE, {0}, {0}},
    [HEAP] = {"process_heap_bytes",
              "Process heap size in bytes: memory malloc obtained from the system.",
              "bytes",
              PROMC_GAUGE,
              {0},
              {0}},
    [START] = {"process_start_time_seconds",
               "Start time of the process since unix epoch in seconds.",
               "seconds",
               PROMC_GAUGE,
               {0},
               {0}},
    [THREADS] = {"process_threads", "Number of OS threads in the process.", NULL, PROMC_GAUGE, {0}, {0}},
};

struct state {
    double boot_time; /* seconds since the epoch; read once, because the kernel's figure changes with the clock */
};

/* @return entries of /proc/self/fd without the one used for reading; -1 if it cannot be read. */
static long count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return -1;
    long count = -1; /* opendir's own descriptor is among them */
    for (const struct dirent *entry; (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

static double limit_value(const struct rlimit *limit)
{
    return limit->rlim_cur == RLIM_INFINITY ? (double)INFINITY : (double)limit->rlim_cur;
}

static void measure_limits(struct promc_measurements *out)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        promc_measured_set(out, MAX_FDS, limit_value(&limit));
    if (getrlimit(RLIMIT_AS, &limit) == 0)
        promc_measured_set(out, VIRTUAL_MAX, limit_value(&limit));
}

static bool read_boot_time(struct state *state)
{
    if (state->boot_time == 0) {
        enum { ENOUGH = 256 * 1024 }; /* before btime there is a line for each CPU, and a very long one of interrupts */
        uint64_t seconds;
        char *text = malloc(ENOUGH);
        if (text && promc_read_file("/proc/stat", text, ENOUGH) > 0 && promc_find_u64(text, "btime", &seconds))
            state->boot_time = (double)seconds;
        free(text);
    }
    return state->boot_time != 0;
}

static void measure_heap(struct promc_measurements *out)
{
#ifdef PROMC_HAS_MALLINFO2
    struct mallinfo2 info = mallinfo2();
    if (info.arena + info.hblkhd > 0) /* otherwise malloc belongs to another library */
        promc_measured_set(out, HEAP, (double)(info.arena + info.hblkhd));
#else
    (void)out;
#endif
}

static int measure(void *user, struct promc_measurements *out)
{
    struct state *state = user;
    char text[4096];
    promc_proc_stat stat;
    bool complete = promc_read_file("/proc/self/stat", text, sizeof(text)) > 0 && promc_parse_proc_stat(text, &stat);
    double ticks = (double)sysconf(_SC_CLK_TCK);
    if (complete) {
        promc_measured_set(out, CPU, (double)(stat.user_ticks + stat.system_ticks) / ticks);
        promc_measured_set(out, VIRTUAL, (double)stat.virtual_bytes);
        promc_measured_set(out, RESIDENT, (double)stat.resident_pages * (double)sysconf(_SC_PAGESIZE));
        promc_measured_set(out, THREADS, (double)stat.threads);
        if (read_boot_time(state))
            promc_measured_set(out, START, state->boot_time + (double)stat.start_ticks / ticks);
    }
    long fds = count_fds();
    if (fds >= 0)
        promc_measured_set(out, OPEN_FDS, (double)fds);
    measure_limits(out);
    measure_heap(out);
    return complete && fds >= 0 ? 0 : PROMC_E_IO;
}

const struct promc_measured_source promc_measured_process = {"process", table, METRICS, measure, sizeof(struct state)};

int promc_collect_process(promc_registry *registry)
{
    return promc_measured_register(registry, &promc_measured_process, "");
}
