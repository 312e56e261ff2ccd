/* SPDX-License-Identifier: Apache-2.0 */
#include "series/series.h"
#include "arena/commit.h"
#include "arena/lock.h"
#include "base/utf8.h"
#include "series/child.h"
#include "series/index.h"
#include "series/lookup.h"
#include "series/reclaim.h"

#include <string.h>

/* Values up to this many bytes are repaired on the stack, so that finding them needs no lock. */
#define REPAIR_ON_STACK 4096

static const char overflow_value[] = "other";
static const promc_str whole_family = {"true", 4};

static uint64_t word_of(const struct promc_child *child)
{
    return promc_load(&child->live.word);
}

/* The overflow series' values: all `other`, except that of the cap label if values are given. */
static void overflow_values(const promc_family *family, const promc_str *values, promc_str *out)
{
    unsigned kept = values ? family->data->cap_label : 0;
    for (unsigned i = 0; i < family->data->label_count; i++)
        out[i] = i + 1 == kept ? values[i] : (promc_str){overflow_value, sizeof(overflow_value) - 1};
}

static promc_str text_at(const struct promc_arena *arena, struct promc_text text)
{
    return (promc_str){promc_at(arena, text.ref), text.length};
}

promc_str promc_child_marker(const struct promc_arena *arena, const struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    if (!(promc_load(&child->flags) & PROMC_CHILD_OVERFLOW))
        return (promc_str){"", 0};
    if (data->cap_label && promc_child_group(child)->of != 0)
        return text_at(arena, promc_labels_of(data)[data->cap_label - 1].name);
    return whole_family;
}

struct promc_child *promc_series_overflow(promc_family *family)
{
    struct promc_family_data *data = family->data;
    if (data->overflow != 0)
        return promc_at(&family->registry->arena, data->overflow);
    promc_str values[PROMC_LABELS_MOST];
    struct promc_candidate new = {.values = values, .overflow = true, .marker = whole_family};
    uint64_t word;
    overflow_values(family, NULL, values);
    (void)promc_series_find_word(family, values, &new.hash, &word); /* for the hash */
    return promc_child_create(family, &new);
}

static bool at_cap(const struct promc_family_data *data)
{
    uint32_t overflow = promc_load_acquire(&data->overflow) != 0;
    uint32_t series = promc_load_acquire(&data->series);
    return series - overflow >= data->max_series;
}

/* An update is about to go to the overflow series: show it from now on. */
static void use(promc_family *family, struct promc_child *overflow)
{
    promc_registry *registry = family->registry;
    uint8_t flags = promc_load(&overflow->flags);
    if (!(flags & PROMC_CHILD_UNUSED))
        return;
    overflow->born = (uint16_t)registry->arena.header->next_token;
    promc_store(&overflow->created, promc_registry_ticks(registry));
    promc_child_unflag(overflow, PROMC_CHILD_UNUSED);
    family->data->groups--;
    promc_child_count(registry, family->data, overflow);
}

/* The overflow series of the cap label's value, created with the first series of that value. NULL: the arena is full. */
static struct promc_child *group_of(promc_family *family, const promc_str *values)
{
    const struct promc_family_data *data = family->data;
    promc_str others[PROMC_LABELS_MOST];
    struct promc_candidate new = {
        .values = others,
        .overflow = true,
        .in_group = true,
        .marker = text_at(&family->registry->arena, promc_labels_of(data)[data->cap_label - 1].name)};
    uint64_t word;
    overflow_values(family, values, others);
    struct promc_child *group = promc_series_find_overflow(family, others, &new.hash, &word);
    return group ? group : promc_child_create(family, &new);
}

/* Create in a family with one cap per value of a label, or choose the replacement. The lock is held. */
static struct promc_child *create_in_group(promc_family *family, struct promc_candidate *new, bool *dropped)
{
    struct promc_child *group = group_of(family, new->values), *child = NULL;
    if (group && promc_child_group(group)->series < family->data->max_series) {
        new->group = promc_ref_of(&family->registry->arena, group);
        child = promc_child_create(family, new);
    }
    if (child) {
        promc_store(&promc_child_group(group)->series, promc_child_group(group)->series + 1);
        return child;
    }
    *dropped = true;
    if (!group)
        return promc_series_overflow(family);
    use(family, group);
    return group;
}

/* Find the series again, since another thread may have created it meanwhile; else create it. Values are clean. The lock is held. */
static struct promc_child *create_locked(promc_family *family, const promc_str *values, bool *dropped)
{
    struct promc_candidate new = {.values = values};
    struct promc_family_data *data = family->data;
    uint64_t word;
    *dropped = false;
    if (promc_load(&data->flags) & PROMC_FAMILY_DESTROYED)
        return NULL;
    struct promc_child *child = promc_series_find_word(family, values, &new.hash, &word);
    if (!child && data->birth_zero_seconds != 0 && (child = promc_series_find_leaving(family, values)))
        promc_child_unflag(child, PROMC_CHILD_LEAVING); /* it comes back */
    if (child)
        return child;
    promc_reclaim(family->registry, 4);
    if (data->cap_label)
        return create_in_group(family, &new, dropped);
    if (!at_cap(data))
        child = promc_child_create(family, &new);
    if (child)
        return child;
    *dropped = true;
    return promc_series_overflow(family);
}

/* The overflow series for an update beyond the cap, if no lock is needed: many new values must not make all threads wait for one lock. */
static struct promc_child *overflow_without_lock(const promc_family *family, const promc_str *values, uint64_t *word)
{
    const struct promc_family_data *data = family->data;
    struct promc_child *child = NULL;
    if (data->cap_label) {
        promc_str others[PROMC_LABELS_MOST];
        uint32_t hash;
        overflow_values(family, values, others);
        child = promc_series_find_overflow(family, others, &hash, word);
        bool full = child && !(promc_load(&child->flags) & PROMC_CHILD_UNUSED) &&
                    promc_load(&promc_child_group(child)->series) >= data->max_series;
        return full ? child : NULL;
    }
    promc_ref overflow = promc_load_acquire(&data->overflow);
    if (overflow == 0 || !at_cap(data))
        return NULL;
    child = promc_at(&family->registry->arena, overflow);
    *word = promc_load_acquire(&child->live.word);
    return promc_load(&child->flags) & PROMC_CHILD_REMOVED ? NULL : child; /* together with its family */
}

static int finish(promc_family *family, struct promc_child *child, uint64_t word, bool dropped, promc_series_ref *out)
{
    if (dropped)
        promc_counter_inc(family->dropped);
    if (!child && promc_load(&family->data->flags) & PROMC_FAMILY_DESTROYED)
        return promc_fail(PROMC_E_NOT_FOUND, "metric \"%s\" has been destroyed", promc_name_of(family));
    if (!child)
        return promc_fail(PROMC_E_FULL, "metric \"%s\": %s", promc_name_of(family),
                          promc_arena_full(&family->registry->arena));
    *out = promc_series_handle(family, child, word);
    return 0;
}

static int get_clean(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    promc_registry *registry = family->registry;
    bool dropped;
    uint64_t overflow_word;
    struct promc_child *overflow = overflow_without_lock(family, values, &overflow_word);
    if (overflow) {
        uint32_t hash;
        uint64_t found;
        struct promc_child *own = promc_series_find_word(family, values, &hash, &found);
        if (own) /* another thread has just created it, as the last one below the cap */
            return finish(family, own, found, false, out);
        return finish(family, overflow, overflow_word, true, out);
    }
    promc_registry_lock(registry);
    struct promc_child *child = create_locked(family, values, &dropped);
    uint64_t word = child ? word_of(child) : 0;
    promc_registry_unlock(registry);
    return finish(family, child, word, dropped, out);
}

void promc_values_repair(const promc_registry *registry, const promc_str *values, size_t count, promc_str *clean,
                         char *buffer)
{
    uint32_t limit = registry->arena.header->max_value_bytes;
    for (size_t i = 0; i < count; i++) {
        size_t n = promc_utf8_repair(buffer, values[i].data, values[i].length, limit);
        clean[i] = (promc_str){buffer, n};
        buffer += n;
    }
}

static int get_repaired_locked(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    promc_registry *registry = family->registry;
    promc_str clean[PROMC_LABELS_MOST] = {{0}};
    bool dropped;
    promc_registry_lock(registry);
    promc_values_repair(registry, values, family->data->label_count, clean, registry->scratch);
    struct promc_child *child = create_locked(family, clean, &dropped);
    uint64_t word = child ? word_of(child) : 0;
    promc_registry_unlock(registry);
    return finish(family, child, word, dropped, out);
}

static int get_repaired(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    uint32_t limit = family->registry->arena.header->max_value_bytes;
    promc_str clean[PROMC_LABELS_MOST] = {{0}};
    char buffer[REPAIR_ON_STACK];
    size_t room = 0;
    for (unsigned i = 0; i < family->data->label_count; i++) {
        size_t n = PROMC_REPAIRED_MAX(values[i].length);
        room += n < limit ? n : limit;
    }
    if (room > sizeof(buffer))
        return get_repaired_locked(family, values, out);
    promc_values_repair(family->registry, values, family->data->label_count, clean, buffer);
    uint32_t hash;
    uint64_t word;
    struct promc_child *child = promc_series_find_word(family, clean, &hash, &word);
    if (child) {
        *out = promc_series_handle(family, child, word);
        return 0;
    }
    return get_clean(family, clean, out);
}

/* The series of a family without labels; it is removed only with the family. */
static int get_only(promc_family *family, promc_series_ref *out)
{
    promc_ref first = promc_load_acquire(&family->data->first_child);
    struct promc_child *child = first ? promc_at(&family->registry->arena, first) : NULL;
    uint64_t word = child ? promc_load_acquire(&child->live.word) : 0;
    if (child && promc_load(&child->flags) & PROMC_CHILD_REMOVED)
        child = NULL;
    return finish(family, child, word, false, out);
}

int promc_series_make(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    uint32_t limit = family->registry->arena.header->max_value_bytes;
    if (family->data->label_count == 0)
        return get_only(family, out);
    for (unsigned i = 0; i < family->data->label_count; i++)
        if (values[i].length > limit || !promc_utf8_valid(values[i].data, values[i].length))
            return get_repaired(family, values, out);
    return get_clean(family, values, out);
}

bool promc_series_reserve(promc_family *family)
{
    struct promc_family_data *data = family->data;
    struct promc_arena *arena = &family->registry->arena;
    promc_str values[PROMC_LABELS_MOST];
    struct promc_candidate new = {.values = values, .marker = whole_family};
    if (data->label_count == 0)
        return promc_child_create(family, &new) != NULL;
    new.overflow = true;
    overflow_values(family, NULL, values);
    uint32_t run = 0;
    if (data->cells > 0 && (run = promc_arena_run(arena, data->cells)) == 0)
        return false;
    data->reserve_run = run;
    data->reserve_block = promc_arena_block(arena, promc_child_measure(data, &new), &data->reserve_class);
    if (data->reserve_block == 0) {
        if (run != 0)
            promc_arena_run_free(arena, run, data->cells);
        return false;
    }
    return promc_index_rebuild(family->registry, data); /* its slot */
}
