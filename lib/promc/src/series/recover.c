/* SPDX-License-Identifier: Apache-2.0 */
#include "series/recover.h"
#include "series/index.h"
#include "series/type_ops.h"
#include "shard/shard.h"

/* Count again how many series each value of the cap label has. */
static void recount_groups(struct promc_arena *arena, struct promc_family_data *data)
{
    struct promc_child *child = NULL;
    while ((child = promc_child_after(arena, data, child)))
        promc_child_group(child)->series = 0;
    while ((child = promc_child_after(arena, data, child))) {
        promc_ref of = promc_child_group(child)->of;
        if (of != 0 && !(child->flags & PROMC_CHILD_OVERFLOW))
            promc_child_group(promc_at(arena, of))->series++;
    }
}

static uint32_t relink(struct promc_arena *arena, struct promc_family_data *data)
{
    uint32_t series = 0;
    promc_ref prev = 0;
    promc_ref *link = &data->first_child;
    data->groups = data->overflows = 0;
    while (*link != 0) {
        struct promc_child *child = promc_at(arena, *link);
        bool unused = child->flags & PROMC_CHILD_UNUSED, overflow = child->flags & PROMC_CHILD_OVERFLOW;
        if (child->flags & PROMC_CHILD_REMOVED) {
            /* Removed, but not yet in the quarantine: unlink it. Its block stays unused. */
            promc_store_release(link, child->next);
            continue;
        }
        if (overflow && (!data->cap_label || promc_child_group(child)->of == 0)) {
            promc_store(&data->overflow, *link);
            data->reserve_block = 0;
        }
        child->prev = prev;
        prev = *link;
        link = &child->next;
        series += !unused;
        data->groups += unused;
        data->overflows += overflow && !unused;
    }
    data->last_child = prev;
    promc_store(&data->series, series);
    if (data->cap_label)
        recount_groups(arena, data);
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

void promc_series_recover(promc_registry *registry)
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
        /* If there is no room for a new table, the old one stays. At worst, one series is created a second time. */
        if (data->label_count > 0)
            (void)promc_index_rebuild(registry, data);
        ref = data->next;
    }
    promc_store(&header->family_count, families);
    promc_store(&header->series, series);
    find_quarantine_end(arena);
}

void promc_series_settle(promc_registry *registry, uint32_t shard, bool process_gone, bool within)
{
    struct promc_arena *arena = &registry->arena;
    uint64_t *cells = promc_shard_cells(arena, shard);
    for (struct promc_family_data *data = NULL; (data = promc_family_after(arena, data));) {
        const struct promc_type_ops *ops = promc_ops_of(registry, data);
        void (*gone)(const struct promc_arena *, uint64_t *, struct promc_child *) =
            process_gone ? ops->process_gone : NULL;
        void (*repair)(uint64_t *, struct promc_child *) = within ? ops->repair : NULL;
        if (!gone && !repair)
            continue;
        for (struct promc_child *child = NULL; (child = promc_child_after(arena, data, child));) {
            if (gone)
                gone(arena, cells + promc_child_cell(child), child);
            if (repair)
                repair(cells + promc_child_cell(child), child);
        }
    }
}

/* The shared shard's cells also link the free runs, so only those of living series are zeroed. */
static void clear_shared(const struct promc_arena *arena, const struct promc_family_data *data)
{
    uint64_t *cells = promc_shard_cells(arena, arena->header->max_threads);
    const struct promc_child *child = NULL;
    while (data->cells > 0 && (child = promc_child_after(arena, data, child)))
        memset(cells + promc_child_cell(child), 0, data->cells * sizeof(*cells));
}

void promc_series_forked(promc_registry *registry)
{
    struct promc_arena *arena = &registry->arena;
    promc_shards_drop(registry);
    for (struct promc_family_data *data = NULL; (data = promc_family_after(arena, data));) {
        const struct promc_type_ops *ops = promc_ops_of(registry, data);
        struct promc_child *child = NULL;
        if (arena->header->shared_used)
            clear_shared(arena, data);
        while (ops->forked && (child = promc_child_after(arena, data, child)))
            ops->forked(arena, child);
    }
    arena->header->shared_used = 0;
}
