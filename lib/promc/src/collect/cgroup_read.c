/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /proc/self/cgroup names the group below the hierarchy's root; /proc/self/mountinfo says where, and from which root, the hierarchy
 * is mounted. In a container the two disagree if the host's path is shown: then the mount point itself is the group.
 */
#include "collect/cgroup_read.h"

#include "collect/procfs.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* On the stack of each call. mountinfo of a host with many containers is long; the relevant lines are usually near its start. */
#define TEXT_MAX 32768

typedef struct {
    char mount[512]; /* the mount point of the hierarchy */
    char root[512];  /* the directory of the hierarchy that is mounted there */
} hierarchy;

/* The next space-separated field of a line; NUL-terminated in place. @return false if it is missing or too long. */
static bool copy_field(const char **p, char *out, size_t capacity)
{
    size_t length = strcspn(*p, " \n");
    if (length == 0 || length >= capacity)
        return false;
    memcpy(out, *p, length);
    out[length] = '\0';
    *p += length;
    *p += **p == ' ';
    return true;
}

/* Is `word` one of the comma-separated words of `list`, which ends at a blank, newline or colon? */
static bool has_word(const char *list, const char *word)
{
    size_t length = strlen(word);
    while (true) {
        size_t here = strcspn(list, ", \n:");
        if (here == length && memcmp(list, word, length) == 0)
            return true;
        if (list[here] != ',')
            return false;
        list += here + 1;
    }
}

/* One line of mountinfo: `ID PARENT DEV ROOT MOUNT OPTIONS [TAG…] - TYPE SOURCE SUPER-OPTIONS`. */
static bool parse_mount(const char *line, const char *controller, hierarchy *out)
{
    char skipped[512], type[32];
    const char *p = line;
    for (int i = 0; i < 3; i++)
        if (!copy_field(&p, skipped, sizeof(skipped)))
            return false;
    if (!copy_field(&p, out->root, sizeof(out->root)) || !copy_field(&p, out->mount, sizeof(out->mount)))
        return false;
    const char *end = p + strcspn(p, "\n");
    const char *dash = strstr(p, " - ");
    if (!dash || dash >= end)
        return false;
    p = dash + 3;
    if (!copy_field(&p, type, sizeof(type)) || !copy_field(&p, skipped, sizeof(skipped)))
        return false;
    return !controller ? strcmp(type, "cgroup2") == 0 : strcmp(type, "cgroup") == 0 && has_word(p, controller);
}

/* @param controller NULL: version 2. */
static bool find_hierarchy(const char *mountinfo, const char *controller, hierarchy *out)
{
    for (const char *line = mountinfo; *line != '\0';) {
        if (parse_mount(line, controller, out))
            return true;
        line = line + strcspn(line, "\n");
        line += *line == '\n';
    }
    return false;
}

/* The path of `ID:CONTROLLERS:PATH`; version 2 is `0::PATH`. */
static bool find_group(const char *cgroup, const char *controller, char *out, size_t capacity)
{
    for (const char *line = cgroup; *line != '\0';) {
        const char *list = strchr(line, ':');
        const char *end = line + strcspn(line, "\n");
        if (list && list < end) {
            const char *path = strchr(++list, ':');
            bool mine = path && path < end && (!controller ? path == list : has_word(list, controller));
            if (mine && (size_t)(end - path) < capacity) {
                memcpy(out, path + 1, (size_t)(end - path) - 1);
                out[end - path - 1] = '\0';
                return true;
            }
        }
        line = end + (*end == '\n');
    }
    return false;
}

static bool resolve(const char *root, const hierarchy *h, const char *group, const char *probe, char *out,
                    unsigned *top)
{
    size_t shown = strcmp(h->root, "/") == 0 ? 0 : strlen(h->root);
    bool below = strncmp(group, h->root, shown) == 0 && (group[shown] == '/' || group[shown] == '\0');
    const char *rest = below ? group + shown : "";
    if (strcmp(rest, "/") == 0)
        rest = "";
    char file[PROMC_CGROUP_PATH_MAX + 64];
    for (int attempt = 0; attempt < 2; attempt++, rest = "") {
        int length = snprintf(out, PROMC_CGROUP_PATH_MAX, "%s%s%s", root, h->mount, rest);
        snprintf(file, sizeof(file), "%s/%s", out, probe);
        if (length > 0 && length < PROMC_CGROUP_PATH_MAX && access(file, R_OK) == 0) {
            *top = (unsigned)(strlen(root) + strlen(h->mount));
            return true;
        }
    }
    out[0] = '\0';
    return false;
}

typedef struct {
    const char *root, *cgroup, *mountinfo;
} sources;

static bool locate(const sources *from, const char *controller, const char *probe, char *out, unsigned *top)
{
    hierarchy h;
    char group[512];
    return find_hierarchy(from->mountinfo, controller, &h) &&
           find_group(from->cgroup, controller, group, sizeof(group)) &&
           resolve(from->root, &h, group, probe, out, top);
}

void promc_cgroup_find(const char *root, promc_cgroup_paths *out)
{
    char cgroup[4096], mountinfo[TEXT_MAX], path[PROMC_CGROUP_PATH_MAX];
    memset(out, 0, sizeof(*out));
    snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
    if (promc_read_file(path, cgroup, sizeof(cgroup)) < 0)
        return;
    snprintf(path, sizeof(path), "%s/proc/self/mountinfo", root);
    if (promc_read_file(path, mountinfo, sizeof(mountinfo)) < 0)
        return;
    const sources from = {root, cgroup, mountinfo};
    /*
     * A controller in version 1 is not in version 2, so ask version 1 first. The root of version 2 has no limit
     * files, but cgroup.procs is in every directory.
     */
    if (!locate(&from, "memory", "memory.limit_in_bytes", out->memory, &out->memory_root))
        out->memory_v2 = locate(&from, NULL, "cgroup.procs", out->memory, &out->memory_root);
    if (!locate(&from, "cpu", "cpu.shares", out->cpu, &out->cpu_root))
        out->cpu_v2 = locate(&from, NULL, "cgroup.procs", out->cpu, &out->cpu_root);
}

/* Read `name` in the group's directory. */
static bool read_in(const char *directory, const char *name, char *text, size_t capacity)
{
    char path[PROMC_CGROUP_PATH_MAX + 64];
    snprintf(path, sizeof(path), "%s/%s", directory, name);
    return promc_read_file(path, text, capacity) > 0;
}

/* One level up, in place. @return false at the mount point. */
static bool parent(char *path, unsigned top)
{
    char *slash = strrchr(path, '/');
    if (!slash || (unsigned)(slash - path) < top)
        return false;
    *slash = '\0';
    return true;
}

static bool memory_limit_here(const char *directory, bool v2, uint64_t *bytes)
{
    char text[64];
    const char *p = text;
    return read_in(directory, v2 ? "memory.max" : "memory.limit_in_bytes", text, sizeof(text)) &&
           promc_parse_u64(&p, bytes) && *bytes < UINT64_C(1) << 60; /* version 1 writes a huge number for "none" */
}

bool promc_cgroup_memory_limit(const promc_cgroup_paths *paths, uint64_t *bytes)
{
    char directory[PROMC_CGROUP_PATH_MAX];
    bool found = false;
    memcpy(directory, paths->memory, sizeof(directory));
    do {
        uint64_t here;
        if (directory[0] != '\0' && memory_limit_here(directory, paths->memory_v2, &here) &&
            (!found || here < *bytes)) {
            *bytes = here;
            found = true;
        }
    } while (parent(directory, paths->memory_root));
    return found;
}

/* Version 2: `max 100000` or `50000 100000`; version 1: two files, -1 for none. */
static bool cpu_limit_here(const char *directory, bool v2, double *cores)
{
    char text[64], period_text[64];
    uint64_t quota, period;
    const char *p = text, *q = period_text;
    if (v2) {
        if (!read_in(directory, "cpu.max", text, sizeof(text)) || !promc_parse_u64(&p, &quota) ||
            !promc_parse_u64(&p, &period))
            return false;
    } else if (!read_in(directory, "cpu.cfs_quota_us", text, sizeof(text)) || !promc_parse_u64(&p, &quota) ||
               !read_in(directory, "cpu.cfs_period_us", period_text, sizeof(period_text)) ||
               !promc_parse_u64(&q, &period)) {
        return false;
    }
    if (period == 0)
        return false;
    *cores = (double)quota / (double)period;
    return true;
}

bool promc_cgroup_cpu_limit(const promc_cgroup_paths *paths, double *cores)
{
    char directory[PROMC_CGROUP_PATH_MAX];
    bool found = false;
    memcpy(directory, paths->cpu, sizeof(directory));
    do {
        double here;
        if (directory[0] != '\0' && cpu_limit_here(directory, paths->cpu_v2, &here) && (!found || here < *cores)) {
            *cores = here;
            found = true;
        }
    } while (parent(directory, paths->cpu_root));
    return found;
}

bool promc_cgroup_throttling_read(const promc_cgroup_paths *paths, promc_cgroup_throttling *out)
{
    char text[1024];
    uint64_t time;
    if (paths->cpu[0] == '\0' || !read_in(paths->cpu, "cpu.stat", text, sizeof(text)) ||
        !promc_find_u64(text, "nr_periods", &out->periods) ||
        !promc_find_u64(text, "nr_throttled", &out->throttled_periods))
        return false;
    if (promc_find_u64(text, "throttled_usec", &time))
        out->throttled_seconds = (double)time / 1e6;
    else if (promc_find_u64(text, "throttled_time", &time))
        out->throttled_seconds = (double)time / 1e9;
    else
        return false;
    return true;
}
