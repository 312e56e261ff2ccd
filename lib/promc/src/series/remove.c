/* SPDX-License-Identifier: Apache-2.0 */
#include "series/remove.h"
#include "registry/registry_internal.h"
#include "series/index.h"
#include "shard/process.h"
#include "types/exemplar.h"
#include "types/histogram_internal.h"
#include "types/native.h"

static void unlink_child(struct promc_arena *arena, struct promc_family_data *data, struct promc_child *child)
{
    promc_ref next = child->next;
    /* The forward chain first: it is the one that readers and recovery go by. The child keeps its own `next`. */
    if (child->prev != 0) {
        struct promc_child *prev = promc_at(arena, child->prev);
        promc_store_release(&prev->next, next);
    } else {
        promc_store_release(&data->first_child, next);
    }
    if (next != 0) {
        struct promc_child *after = promc_at(arena, next);
        after->prev = child->prev;
    } else {
        data->last_child = child->prev;
    }
}

static void enter_quarantine(promc_registry *registry, struct promc_child *child)
{
    struct promc_arena_header *header = registry->arena.header;
    promc_ref ref = promc_ref_of(&registry->arena, child);
    child->prev = 0;
    child->hash = (uint32_t)promc_fetch_add(&header->epoch, 1);
    promc_store_release(&child->created, promc_registry_ticks(registry));
    if (header->quarantine_last != 0) {
        struct promc_child *last = promc_at(&registry->arena, header->quarantine_last);
        last->prev = ref;
    } else {
        header->quarantine_first = ref;
    }
    header->quarantine_last = ref;
}

bool promc_child_remove(promc_registry *registry, struct promc_family_data *data, struct promc_child *child)
{
    uint8_t flags = promc_load(&child->flags);
    if (flags & (PROMC_CHILD_OVERFLOW | PROMC_CHILD_REMOVED) || data->label_count == 0)
        return false;
    promc_index_delete(registry, data, child);
    promc_store(&child->flags, (uint8_t)(flags | PROMC_CHILD_REMOVED));
    uint64_t word = promc_load(&child->live.word);
    /* Same cells, next generation: a scrape that stands on it can still read it, a handle cannot write. */
    promc_store_release(&child->live.word, word + (UINT64_C(1) << 32));
    unlink_child(&registry->arena, data, child);
    enter_quarantine(registry, child);
    if (data->native_at)
        promc_native_announce(data, promc_child_native(child), 0);
    promc_store(&data->series, data->series - 1);
    promc_store(&data->text_bytes, data->text_bytes - child->text_length);
    __atomic_fetch_sub(&registry->arena.header->series, 1, __ATOMIC_RELAXED);
    return true;
}

/* The oldest epoch a scrape in flight began at. A scraper that died is forgotten. */
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
        uint32_t cells = promc_child_family(child)->cells;
        if (cells > 0)
            promc_arena_run_free(arena, promc_child_cell(child), cells);
        promc_exemplars_free(registry, child);
        promc_arena_block_free(arena, ref, child->size_class);
    }
}

uint32_t promc_child_digest(const promc_registry *registry, const struct promc_child *child, bool *zero)
{
    const struct promc_arena *arena = &registry->arena;
    const struct promc_family_data *data = promc_child_family(child);
    if (data->cells == 0) {
        const struct promc_child_value *value = promc_child_value(child);
        uint64_t bits = promc_load(&value->bits);
        *zero = bits == 0;
        return promc_hash_finish(promc_hash_mix(bits ^ PROMC_HASH_K0, promc_load(&value->updates) ^ PROMC_HASH_K1));
    }
    uint64_t h = PROMC_HASH_K0;
    uint32_t used = promc_load_acquire(&arena->header->shards_used), cell = promc_child_cell(child);
    *zero = true;
    /* A native histogram has many slots; `n`, the sums and the first two change with (almost) every observation. */
    uint32_t cells = data->native_at ? data->native_at + PROMC_NATIVE_FIRST : data->cells;
    for (uint32_t i = 0; i < cells; i++) {
        uint64_t total = 0;
        for (uint32_t shard = 0; shard <= used; shard++)
            total += promc_load(promc_shard_cells(arena, shard < used ? shard : arena->header->max_threads) + cell + i);
        *zero = *zero && total == 0;
        h = promc_hash_mix(h ^ total, PROMC_HASH_K1);
    }
    return promc_hash_finish(h);
}

bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now)
{
    struct promc_family_data *data = promc_child_family(child);
    struct promc_child_idle *idle = promc_child_idle(child);
    bool zero;
    uint32_t digest = promc_child_digest(registry, child, &zero);
    /* An up-down gauge that is not 0 stands for something that is still there. */
    if (digest != promc_load(&idle->mark) || (data->type == PROMC_UPDOWN && !zero)) {
        promc_store(&idle->mark, digest);
        promc_store(&idle->since, now);
        return false;
    }
    uint64_t limit = (uint64_t)data->idle_expiry_seconds * 16;
    if ((int32_t)(now - promc_load(&idle->since)) < 0 || now - promc_load(&idle->since) < limit ||
        !promc_registry_trylock(registry))
        return false;
    bool removed = promc_child_remove(registry, data, child);
    promc_registry_unlock(registry);
    return removed;
}

static bool values_of(promc_family *family, const char *const *values, promc_str *strs)
{
    for (unsigned i = 0; i < family->data->label_count; i++) {
        if (!values || !values[i])
            return false;
        strs[i] = (promc_str){values[i], strlen(values[i])};
    }
    return true;
}

int promc_family_remove(promc_family *family, const char *const *values)
{
    if (!family)
        return promc_fail(PROMC_E_INVALID, "no metric family given");
    promc_registry *registry = family->registry;
    promc_str strs[PROMC_MAX_LABELS];
    if (!values_of(family, values, strs))
        return promc_fail(PROMC_E_LABEL_COUNT, "metric \"%s\": %u label values needed", promc_family_name(family),
                          family->data->label_count);
    promc_registry_lock(registry);
    struct promc_child *child = promc_series_find(family, strs);
    bool removed = child && promc_child_remove(registry, family->data, child);
    promc_registry_unlock(registry);
    if (removed)
        return 0;
    return promc_fail(PROMC_E_NOT_FOUND,
                      child ? "metric \"%s\": its overflow or only series stays" : "metric \"%s\": no such series",
                      promc_family_name(family));
}

static int label_index(const promc_family *family, const char *name)
{
    for (unsigned i = 0; name && i < family->data->label_count; i++) {
        if (strcmp(promc_at(&family->registry->arena, family->data->label_names[i].ref), name) == 0)
            return (int)i;
    }
    return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\" has no label \"%s\"", promc_family_name(family),
                      name ? name : "(null)");
}

static bool matches(const struct promc_child *child, const promc_label *match, const int *index, size_t count)
{
    promc_str values[PROMC_MAX_LABELS];
    promc_child_values(child, values);
    for (size_t i = 0; i < count; i++) {
        promc_str value = values[index[i]];
        if (!match[i].value || strlen(match[i].value) != value.length ||
            memcmp(match[i].value, value.data, value.length) != 0)
            return false;
    }
    return true;
}

int promc_family_remove_matching(promc_family *family, const promc_label *match, size_t count)
{
    if (!family || (count > 0 && !match))
        return promc_fail(PROMC_E_INVALID, "no metric family, or no labels, given");
    int index[PROMC_MAX_LABELS];
    if (count > PROMC_MAX_LABELS)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\" does not have %zu labels", promc_family_name(family),
                          count);
    for (size_t i = 0; i < count; i++) {
        index[i] = label_index(family, match[i].name);
        if (index[i] < 0)
            return index[i];
    }
    promc_registry *registry = family->registry;
    int removed = 0;
    promc_registry_lock(registry);
    for (promc_ref ref = family->data->first_child; ref != 0;) {
        struct promc_child *child = promc_at(&registry->arena, ref);
        ref = child->next;
        if (matches(child, match, index, count))
            removed += promc_child_remove(registry, family->data, child);
    }
    promc_registry_unlock(registry);
    return removed;
}
