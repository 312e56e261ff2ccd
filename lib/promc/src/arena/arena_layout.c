/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/arena_layout.h"
#include "arena/commit.h"
#include "base/error.h"

/*
 * Metadata reserved for each cell. A counter has two cells and needs about 150 bytes of metadata; a histogram has
 * more cells than metadata. With 80, an arena of counters runs out of both at about the same time.
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
    /* A header and up to a page of rounding for each shard, and the same for the metadata. */
    uint64_t fixed =
        page_up(sizeof(struct promc_arena_header)) + PROMC_PAGE + shards * (PROMC_SHARD_HEADER + PROMC_PAGE);
    uint64_t per_cell = META_PER_CELL + shards * 8;
    uint64_t least = fixed + CELLS_MIN * per_cell;
    if (bytes < least)
        return promc_fail(PROMC_E_INVALID, "arena_bytes %zu is too small for %u threads, must be at least %llu", bytes,
                          threads, (unsigned long long)least);
    uint64_t cells = (bytes - fixed) / per_cell;
    out->max_threads = threads;
    out->cells_max = cells > UINT32_MAX ? UINT32_MAX : (uint32_t)cells;
    out->shard_stride = PROMC_SHARD_HEADER + page_up((uint64_t)out->cells_max * 8);
    out->meta_end = (bytes - shards * out->shard_stride) / PROMC_PAGE * PROMC_PAGE;
    return 0;
}

int promc_arena_layout_fill(struct promc_arena *arena, const struct promc_layout *layout)
{
    struct promc_arena_header *header = arena->header;
    int rc = promc_commit_header(arena);
    if (rc < 0)
        return rc;
    header->magic = PROMC_ARENA_MAGIC;
    header->header_bytes = sizeof(*header);
    header->arena_bytes = arena->bytes;
    header->meta_end = layout->meta_end;
    header->shard_stride = layout->shard_stride;
    header->max_threads = layout->max_threads;
    header->cells_max = layout->cells_max;
    header->meta_used = (sizeof(*header) + PROMC_ALIGN - 1) / PROMC_ALIGN * PROMC_ALIGN;
    header->cells_used = 1;
    arena->shards = arena->base + layout->meta_end;
    arena->shard_stride = (size_t)layout->shard_stride;
    return promc_commit_shared_shard(arena);
}

int promc_arena_refuse(const char *name, const char *why)
{
    return promc_fail(PROMC_E_FORMAT, "\"%s\" cannot be used as an arena: %s", name, why);
}

int promc_arena_check(const struct promc_arena_header *head, size_t bytes, const char *name)
{
    if (head->version != PROMC_ARENA_VERSION || head->header_bytes != sizeof(*head))
        return promc_arena_refuse(
            name,
            "it has the layout of another promc version; use another path or memory, or stop the programs that use it");
    if (head->arena_bytes > bytes || head->meta_end > head->arena_bytes ||
        head->meta_end + ((uint64_t)head->max_threads + 1) * head->shard_stride > head->arena_bytes ||
        head->shard_stride < PROMC_SHARD_HEADER + (uint64_t)head->cells_max * 8 || head->meta_used > head->meta_ready ||
        head->meta_ready > head->meta_end || head->cells_used > head->cells_ready ||
        head->cells_ready > head->cells_max || head->shards_used > head->max_threads)
        return promc_arena_refuse(name, "its header is damaged");
    return 0;
}
