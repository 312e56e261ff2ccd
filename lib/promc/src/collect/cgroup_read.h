/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file cgroup_read.h
 * The limits that control groups set for this process: version 2, version 1, or both mounted side by side.
 */
#ifndef PROMC_COLLECT_CGROUP_READ_H
#define PROMC_COLLECT_CGROUP_READ_H

#include <stdbool.h>
#include <stdint.h>

/** Longest supported path; deeper groups give an error and are not truncated. */
#define PROMC_CGROUP_PATH_MAX 1024

typedef struct promc_cgroup_paths {
    char memory[PROMC_CGROUP_PATH_MAX]; /**< the directory of the process' memory group, "" for none */
    char cpu[PROMC_CGROUP_PATH_MAX];
    unsigned memory_root, cpu_root; /**< length of the mount point in the path: the walk upwards ends there */
    bool memory_v2, cpu_v2;
} promc_cgroup_paths;

/**
 * Find the groups of this process from /proc/self/cgroup and /proc/self/mountinfo.
 * @param root  prefix of every path; "" for the machine itself, a directory in tests.
 * Fields stay "" if there is no such group.
 */
void promc_cgroup_find(const char *root, promc_cgroup_paths *out);

/** The lowest memory limit of the group and its ancestors. @return false if there is none. */
bool promc_cgroup_memory_limit(const promc_cgroup_paths *paths, uint64_t *bytes);

/** The lowest CPU quota of the group and its ancestors, in cores. @return false if there is none. */
bool promc_cgroup_cpu_limit(const promc_cgroup_paths *paths, double *cores);

typedef struct promc_cgroup_throttling {
    uint64_t periods, throttled_periods;
    double throttled_seconds;
} promc_cgroup_throttling;

/** The group's own cpu.stat. @return false if the group has no quota accounting. */
bool promc_cgroup_throttling_read(const promc_cgroup_paths *paths, promc_cgroup_throttling *out);

#endif
