/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Gauges of workers: in a shared arena each process has its own value, and the shown value combines them (enum promc_workers).
 *
 * All threads of a process write to one shard that the process has claimed, its *home*, with atomics: a shard belongs to its process until
 * the process is dead (shard.h), so no other process writes there. A process that finds no free shard uses the shared one, together with
 * other such processes. When a process is dead, the scrape that frees its shards combines its value with the shared shard's second cell, or
 * drops it if only living processes count.
 * A cell that is 0 was never set: values are stored xored with the bits of a NaN that nobody uses.
 */
#ifndef PROMC_TYPES_WORKERS_H
#define PROMC_TYPES_WORKERS_H

#include "series/type_ops.h"
#include <promc/shard.h>

/* A process' value, and how often it was set (for idle expiry); in the shared shard the second is the value of the dead processes. */
#define PROMC_WORKERS_CELLS 2

void promc_workers_set(promc_series_ref ref, double value);
void promc_workers_add(promc_series_ref ref, double delta);
double promc_workers_value(const promc_registry *registry, const struct promc_child *child);

bool promc_workers_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
bool promc_workers_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);
void promc_workers_gone(const struct promc_arena *arena, uint64_t *cells, struct promc_child *child);

#endif
