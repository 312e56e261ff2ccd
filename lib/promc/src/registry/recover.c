/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process died with the lock. Every change is made by single stores in an order that leaves the forward chains
 * walkable, so what is linked is whole; everything that follows from it is made anew. What the dead one had taken
 * but not linked is lost to the budget, not to correctness.
 */
#include "registry/registry_internal.h"
#include "series/index.h"

static uint32_t relink(struct promc_arena *arena, struct promc_family_data *data)
{
    uint32_t series = 0;
    promc_ref prev = 0;
    promc_ref *link = &data->first_child;
    while (*link != 0) {
        struct promc_child *child = promc_at(arena, *link);
        if (child->flags & PROMC_CHILD_REMOVED) {
            /* Between its removal and its quarantine: it is unlinked, and its block stays unused. */
            promc_store_release(link, child->next);
            continue;
        }
        if (child->flags & PROMC_CHILD_OVERFLOW) {
            promc_store(&data->overflow, *link);
            data->reserve_block = 0;
        }
        child->prev = prev;
        prev = *link;
        link = &child->next;
        series++;
    }
    data->last_child = prev;
    promc_store(&data->series, series);
    return series;
}

static void find_quarantine_end(struct promc_arena *arena)
{
    struct promc_arena_header *header = arena->header;
    header->quarantine_last = header->quarantine_first;
    while (header->quarantine_last != 0) {
        const struct promc_child *child = promc_at(arena, header->quarantine_last);
        if (child->prev == 0)
            break;
        header->quarantine_last = child->prev;
    }
}

void promc_registry_recover(promc_registry *registry)
{
    struct promc_arena *arena = &registry->arena;
    struct promc_arena_header *header = arena->header;
    uint64_t series = 0;
    uint32_t families = 0;
    header->last_family = 0;
    for (promc_ref ref = header->first_family; ref != 0;) {
        struct promc_family_data *data = promc_at(arena, ref);
        header->last_family = ref;
        families++;
        series += relink(arena, data);
        /* Without room for a new table the old one serves: at worst a series of it is made a second time. */
        if (data->label_count > 0)
            (void)promc_index_rebuild(registry, data);
        ref = data->next;
    }
    promc_store(&header->family_count, families);
    promc_store(&header->series, series);
    find_quarantine_end(arena);
}
