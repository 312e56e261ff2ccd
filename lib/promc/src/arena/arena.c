/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/arena.h"
#include "arena/commit.h"
#include "base/atomic.h"

#include <string.h>

void promc_arena_window(struct promc_arena *arena, promc_ref from, size_t bytes)
{
    arena->window_at = (uint64_t)from * 8;
    arena->window_end = arena->window_at + bytes;
}

static promc_ref from_window(struct promc_arena *arena, uint64_t size)
{
    if (size > arena->window_end - arena->window_at)
        return 0;
    uint64_t at = arena->window_at;
    memset(arena->base + at, 0, (size_t)size);
    arena->window_at += size;
    return (promc_ref)(at / 8);
}

promc_ref promc_arena_alloc(struct promc_arena *arena, size_t bytes)
{
    struct promc_arena_header *header = arena->header;
    uint64_t size = (bytes + PROMC_ALIGN - 1) / PROMC_ALIGN * PROMC_ALIGN;
    if (arena->window_end != 0)
        return from_window(arena, size);
    if (size + PROMC_MARGIN > header->meta_end - header->meta_used ||
        !promc_commit_meta(arena, header->meta_used + size + PROMC_MARGIN))
        return 0;
    uint64_t at = header->meta_used;
    promc_store(&header->meta_used, at + size);
    return (promc_ref)(at / 8);
}

struct promc_text promc_arena_text(struct promc_arena *arena, const char *data, size_t length)
{
    struct promc_text text = {promc_arena_alloc(arena, length + 1), (uint32_t)length};
    if (text.ref != 0 && length > 0)
        memcpy(promc_at(arena, text.ref), data, length);
    return text;
}

/* Steps of 16 bytes up to 512, then four steps to each doubling. */
static unsigned size_class_of(size_t bytes)
{
    if (bytes <= 512)
        return (unsigned)((bytes + 15) / 16) - (bytes > 0);
    unsigned class = 32;
    size_t base = 512;
    while (bytes > base * 2) {
        base *= 2;
        class += 4;
    }
    return class + (unsigned)((bytes - base + base / 4 - 1) / (base / 4)) - 1;
}

static size_t class_bytes(unsigned size_class)
{
    if (size_class < 32)
        return ((size_t)size_class + 1) * 16;
    size_t base = (size_t)512 << ((size_class - 32) / 4);
    return base + base / 4 * ((size_class - 32) % 4 + 1);
}

promc_ref promc_arena_block(struct promc_arena *arena, size_t bytes, uint16_t *size_class)
{
    unsigned class = size_class_of(bytes);
    if (class >= PROMC_SIZE_CLASSES)
        return 0;
    *size_class = (uint16_t) class;
    promc_ref block = arena->header->free_blocks[class];
    if (block != 0) {
        const struct promc_block *free = promc_at(arena, block);
        arena->header->free_blocks[class] = free->next;
        return block;
    }
    return promc_arena_alloc(arena, class_bytes(class));
}

void promc_arena_block_free(struct promc_arena *arena, promc_ref block, uint16_t size_class)
{
    struct promc_block *freed = promc_at(arena, block);
    promc_store(&freed->next, arena->header->free_blocks[size_class]);
    arena->header->free_blocks[size_class] = block;
}

uint32_t promc_arena_run(struct promc_arena *arena, uint32_t count)
{
    struct promc_arena_header *header = arena->header;
    uint32_t cell = header->free_runs[count];
    if (cell != 0) {
        uint64_t *link = promc_shard_cells(arena, header->max_threads) + cell;
        header->free_runs[count] = (uint32_t)promc_load(link);
        promc_store(link, 0);
        return cell;
    }
    if (count > header->cells_max - header->cells_used || !promc_commit_cells(arena, header->cells_used + count))
        return 0;
    cell = header->cells_used;
    promc_store(&header->cells_used, cell + count);
    return cell;
}

void promc_arena_run_free(struct promc_arena *arena, uint32_t cell, uint32_t count)
{
    struct promc_arena_header *header = arena->header;
    uint32_t used = promc_load(&header->shards_used);
    for (uint32_t shard = 0; shard <= used; shard++) {
        uint64_t *cells = promc_shard_cells(arena, shard < used ? shard : header->max_threads) + cell;
        for (uint32_t i = 0; i < count; i++)
            if (promc_load(&cells[i]) != 0) /* a page that was never written stays uncommitted */
                promc_store(&cells[i], 0);
    }
    /* The link of a free run is in the shared shard's cell: nobody reads the cells of a run without a series. */
    promc_store(promc_shard_cells(arena, header->max_threads) + cell, header->free_runs[count]);
    header->free_runs[count] = cell;
}

size_t promc_arena_used(const struct promc_arena *arena)
{
    const struct promc_arena_header *header = arena->header;
    size_t shards = promc_load(&header->shards_used) + (size_t)promc_load(&header->shared_used);
    return (size_t)promc_load(&header->meta_used) +
           shards * (PROMC_SHARD_HEADER + (size_t)promc_load(&header->cells_used) * 8);
}
