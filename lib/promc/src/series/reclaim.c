/* SPDX-License-Identifier: Apache-2.0 */
#include "series/reclaim.h"
#include "series/index.h"
#include "series/record.h"
#include "series/type_ops.h"
#include "shard/process.h"

/* The oldest epoch at which a scrape in flight began. A dead scraper is ignored. */
static uint64_t oldest_epoch(promc_registry *registry)
{
    struct promc_arena_header *header = registry->arena.header;
    uint64_t oldest = promc_load(&header->epoch);
    for (unsigned i = 0; i < PROMC_SCRAPES_MAX; i++) {
        struct promc_scrape_slot *slot = &header->scrapes[i];
        if (promc_load(&slot->token) == 0)
            continue;
        if (registry->arena.shared && !promc_process_alive(slot->owner, slot->owner_start))
            promc_store(&slot->token, 0);
        else if (slot->epoch < oldest)
            oldest = slot->epoch;
    }
    return oldest;
}

void promc_reclaim(promc_registry *registry, unsigned limit)
{
    struct promc_arena *arena = &registry->arena;
    struct promc_arena_header *header = arena->header;
    uint32_t now = promc_registry_ticks(registry);
    uint32_t wait = promc_quarantine_ticks(registry);
    if (header->retired_tables != 0)
        promc_index_reclaim(registry, now);
    uint32_t oldest = 0;
    for (unsigned i = 0; i < limit && header->quarantine_first != 0; i++) {
        promc_ref ref = header->quarantine_first;
        struct promc_child *child = promc_at(arena, ref);
        if (now - child->created < wait)
            return;
        if (i == 0)
            oldest = (uint32_t)oldest_epoch(registry);
        if ((int32_t)(child->hash - oldest) >= 0)
            return;
        header->quarantine_first = child->prev;
        if (header->quarantine_first == 0)
            header->quarantine_last = 0;
        struct promc_family_data *data = promc_child_family(child);
        uint32_t cells = data->cells;
        if (cells > 0)
            promc_arena_run_free(arena, promc_child_cell(child), cells);
        const struct promc_type_ops *ops = promc_ops_of(registry, data);
        if (ops->free)
            ops->free(registry, child);
        promc_arena_block_free(arena, ref, child->size_class);
        if (promc_load(&child->flags) & PROMC_CHILD_LAST)
            promc_record_free(arena, data);
    }
}
