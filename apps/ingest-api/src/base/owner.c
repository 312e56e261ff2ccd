/* SPDX-License-Identifier: Apache-2.0 */
/* Names the holder of a lease, so that the jobs of a killed process are requeued at once, before the lease ends. */
#include "base/owner.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat, in clock ticks after boot: distinguishes a process from a later one with the same pid. */
static unsigned long long start_time(long pid)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", pid);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    size_t n = fread(line, 1, sizeof(line) - 1, file);
    fclose(file);
    line[n] = 0;
    /* The name, field 2, may contain anything; it ends at the last parenthesis. */
    char *p = strrchr(line, ')');
    for (int field = 2; p && field < 22; field++)
        p = strchr(p + 1, ' ');
    return p ? strtoull(p + 1, NULL, 10) : 0;
}

/* Where a pid is valid: the machine's boot id and the number of the pid namespace. "" if unknown. */
static void place(char out[OWNER_SIZE])
{
    struct stat st;
    char boot[16] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
    bool ok = file && fscanf(file, "%8[0-9a-f]", boot) == 1 && stat("/proc/self/ns/pid", &st) == 0;
    if (file)
        fclose(file);
    if (ok)
        snprintf(out, OWNER_SIZE, "%s-%llu", boot, (unsigned long long)st.st_ino);
    else
        out[0] = 0;
}

void owner_self(char out[OWNER_SIZE])
{
    char where[OWNER_SIZE];
    long pid = (long)getpid();
    place(where);
    snprintf(out, OWNER_SIZE, "%.30s:%ld:%llu", *where ? where : "?", pid, start_time(pid));
}

/* @return whether the owner is of this machine; then its pid and start time are set. */
static bool parse_here(const char *owner, long *pid, unsigned long long *start)
{
    char where[OWNER_SIZE], here[OWNER_SIZE];
    /* NOLINTNEXTLINE(cert-err34-c): written by owner_self() above, or refused by its count */
    if (!owner || sscanf(owner, "%30[^:]:%ld:%llu", where, pid, start) != 3)
        return false;
    place(here);
    return strcmp(where, here) == 0 && *start != 0;
}

bool owner_is_here(const char *owner)
{
    unsigned long long start;
    long pid;
    return parse_here(owner, &pid, &start);
}

bool owner_is_dead(const char *owner)
{
    unsigned long long start;
    long pid;
    if (!parse_here(owner, &pid, &start))
        return false;
    if (kill((pid_t)pid, 0) != 0 && errno == ESRCH)
        return true;
    unsigned long long now = start_time(pid);
    return now != 0 && now != start;
}
