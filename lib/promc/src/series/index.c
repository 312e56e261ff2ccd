/* SPDX-License-Identifier: Apache-2.0 */
#include "series/index.h"

#define SLOTS_LOG2_MIN 3u

bool promc_escaped_matches(const struct promc_child *child, const promc_str *values, unsigned count)
{
    const char *raw = promc_child_text(child) + child->text_length;
    raw += (4 - (uintptr_t)raw % 4) % 4;
    const uint32_t *lengths = (const uint32_t *)(const void *)raw;
    raw += count * sizeof(*lengths);
    for (unsigned i = 0; i < count; i++) {
        if (lengths[i] != values[i].length || memcmp(raw, values[i].data, values[i].length) != 0)
            return false;
        raw += lengths[i];
    }
    return true;
}

/* Store into the first slot that is empty or deleted. The values are not in the table yet, so a deleted slot may be used: no later slot has them. */
static void put(struct promc_index *table, uint32_t hash, promc_ref child)
{
    uint32_t i = hash & table->mask;
    uint64_t slot;
    while ((slot = promc_load(&table->slots[i])) != 0 && slot != PROMC_SLOT_DELETED)
        i = (i + 1) & table->mask;
    table->taken += slot == 0;
    promc_store_release(&table->slots[i], (uint64_t)hash << 32 | child);
}

static struct promc_index *make_table(struct promc_arena *arena, unsigned log2)
{
    promc_ref ref = arena->header->free_tables[log2];
    struct promc_index *table;
    uint32_t slots = 1u << log2;
    if (ref != 0) {
        table = promc_at(arena, ref);
        arena->header->free_tables[log2] = table->next;
        for (uint32_t i = 0; i < slots; i++)
            promc_store(&table->slots[i], 0);
    } else {
        ref = promc_arena_alloc(arena, sizeof(*table) + (size_t)slots * sizeof(table->slots[0]));
        if (ref == 0)
            return NULL;
        table = promc_at(arena, ref);
    }
    table->mask = slots - 1;
    table->taken = 0;
    table->next = 0;
    return table;
}

static void retire(promc_registry *registry, promc_ref ref)
{
    struct promc_index *table = promc_at(&registry->arena, ref);
    table->retired = promc_registry_ticks(registry);
    table->next = registry->arena.header->retired_tables;
    registry->arena.header->retired_tables = ref;
}

/* At most 13/16 full. */
static bool has_room(const struct promc_index *table)
{
    return (uint64_t)table->taken * 16 < ((uint64_t)table->mask + 1) * 13;
}

bool promc_index_rebuild(promc_registry *registry, struct promc_family_data *data)
{
    struct promc_arena *arena = &registry->arena;
    unsigned log2 = SLOTS_LOG2_MIN;
    /* Room for twice as many, or half as many again in a large table: amortised O(1) with little waste. */
    uint32_t now = data->series + data->groups;
    uint64_t wanted = (uint64_t)now + (now < 65536 ? now : now / 2) + 1;
    while (log2 < PROMC_TABLE_CLASSES - 1 && (UINT64_C(1) << log2) * 13 / 16 <= wanted)
        log2++;
    struct promc_index *table = make_table(arena, log2);
    while (!table && log2 > SLOTS_LOG2_MIN && (UINT64_C(1) << (log2 - 1)) * 13 / 16 > now)
        table = make_table(arena, --log2);
    if (!table)
        return false;
    for (promc_ref ref = data->first_child; ref != 0;) {
        const struct promc_child *child = promc_at(arena, ref);
        put(table, child->hash, ref);
        ref = child->next;
    }
    promc_ref old = data->table;
    promc_store_release(&data->table, promc_ref_of(arena, table));
    if (old != 0)
        retire(registry, old);
    return true;
}

bool promc_index_insert(promc_registry *registry, struct promc_family_data *data, struct promc_child *child)
{
    struct promc_arena *arena = &registry->arena;
    struct promc_index *table = data->table ? promc_at(arena, data->table) : NULL;
    if (!table || !has_room(table)) {
        if (!promc_index_rebuild(registry, data)) {
            /*
             * No room for a larger table: fill this one, but leave one slot empty, where searches end, and another for
             * the overflow series, which must always find room.
             */
            uint32_t spare = child->flags & PROMC_CHILD_OVERFLOW ? 0 : 1;
            if (!table || table->taken + spare >= table->mask)
                return false;
        }
        table = promc_at(arena, data->table);
    }
    put(table, child->hash, promc_ref_of(arena, child));
    return true;
}

void promc_index_delete(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child)
{
    struct promc_index *table = promc_at(&registry->arena, data->table);
    uint64_t wanted = (uint64_t)child->hash << 32 | promc_ref_of(&registry->arena, child);
    for (uint32_t i = child->hash & table->mask; promc_load(&table->slots[i]) != 0; i = (i + 1) & table->mask) {
        if (promc_load(&table->slots[i]) == wanted) {
            promc_store_release(&table->slots[i], PROMC_SLOT_DELETED);
            return;
        }
    }
}

void promc_index_drop(promc_registry *registry, struct promc_family_data *data)
{
    promc_ref old = data->table;
    promc_store_release(&data->table, 0);
    if (old != 0)
        retire(registry, old);
}

void promc_index_reclaim(promc_registry *registry, uint32_t now)
{
    struct promc_arena *arena = &registry->arena;
    promc_ref *link = &arena->header->retired_tables;
    while (*link != 0) {
        promc_ref ref = *link;
        struct promc_index *table = promc_at(arena, ref);
        if (now - table->retired < promc_quarantine_ticks(registry)) {
            link = &table->next;
            continue;
        }
        *link = table->next;
        unsigned log2 = (unsigned)__builtin_ctz(table->mask + 1);
        table->next = arena->header->free_tables[log2];
        arena->header->free_tables[log2] = ref;
    }
}
