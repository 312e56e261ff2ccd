/* SPDX-License-Identifier: Apache-2.0 */
/* How the range is divided between metadata and shards. */
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

#endif
