/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/arena_layout.h"
#include "base/error.h"

/*
 * Metadata set aside for each cell. A counter has two cells and needs about 150 bytes of metadata; a histogram has
 * more cells than metadata. 80 lets an arena of counters run out of both at about the same time.
 */
#define META_PER_CELL 80u
#define CELLS_MIN 256u

static uint64_t page_up(uint64_t bytes)
{
    return (bytes + PROMC_PAGE - 1) / PROMC_PAGE * PROMC_PAGE;
}

int promc_arena_layout(size_t bytes, uint32_t max_threads, struct promc_layout *out)
{
    uint32_t threads = max_threads;
    if (threads == 0) {
        size_t fit = bytes / 65536;
        threads = fit > 64 ? 64 : (uint32_t)fit;
    }
    uint64_t shards = (uint64_t)threads + 1;
    /* A header and up to a page of rounding for each shard, the same for the metadata. */
    uint64_t fixed =
        page_up(sizeof(struct promc_arena_header)) + PROMC_PAGE + shards * (PROMC_SHARD_HEADER + PROMC_PAGE);
    uint64_t per_cell = META_PER_CELL + shards * 8;
    uint64_t least = fixed + CELLS_MIN * per_cell;
    if (bytes < least)
        return promc_fail(PROMC_E_INVALID, "arena_bytes %zu is too small for %u threads: at least %llu", bytes, threads,
                          (unsigned long long)least);
    uint64_t cells = (bytes - fixed) / per_cell;
    out->max_threads = threads;
    out->cells_max = cells > UINT32_MAX ? UINT32_MAX : (uint32_t)cells;
    out->shard_stride = PROMC_SHARD_HEADER + page_up((uint64_t)out->cells_max * 8);
    out->meta_end = (bytes - shards * out->shard_stride) / PROMC_PAGE * PROMC_PAGE;
    return 0;
}
