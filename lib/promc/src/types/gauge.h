/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values that are kept in the child (set gauges, infos, states, totals from other systems): struct promc_child_value,
 * shared by all threads. An up-down gauge has one cell in each shard instead: integers that wrap, and their sum is the value.
 */
#ifndef PROMC_TYPES_GAUGE_H
#define PROMC_TYPES_GAUGE_H

#include "series/type_ops.h"

bool promc_kept_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
bool promc_kept_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);

bool promc_updown_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out);
/* A series does not expire while its value is not zero, because something still exists. */
bool promc_updown_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest);
void promc_updown_gone(const struct promc_arena *arena, uint64_t *cells, struct promc_child *child);

#endif
