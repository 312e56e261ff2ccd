/* SPDX-License-Identifier: Apache-2.0 */
/* How the range is divided between metadata and shards, as recorded in the header. */
#ifndef PROMC_ARENA_ARENA_LAYOUT_H
#define PROMC_ARENA_ARENA_LAYOUT_H

#include "arena/arena.h"

struct promc_layout {
    uint64_t meta_end;
    uint64_t shard_stride;
    uint32_t max_threads;
    uint32_t cells_max;
};

/* max_threads 0: 64, or fewer in an arena too small for them. PROMC_E_INVALID when the arena is too small. */
int promc_arena_layout(size_t bytes, uint32_t max_threads, struct promc_layout *out);

/* For the process that has mapped a new arena: commit the header and fill the layout fields; the registry fills the rest. */
int promc_arena_layout_fill(struct promc_arena *arena, const struct promc_layout *layout);
/* Is this the header of an arena that this promc can use and that fits these bytes? Else PROMC_E_FORMAT. */
int promc_arena_check(const struct promc_arena_header *head, size_t bytes, const char *name);
/* PROMC_E_FORMAT, with the reason. */
int promc_arena_refuse(const char *name, const char *why);

#endif
