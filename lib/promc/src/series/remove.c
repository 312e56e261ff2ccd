/* SPDX-License-Identifier: Apache-2.0 */
#include "series/remove.h"
#include "arena/lock.h"
#include "series/birth.h"
#include "series/index.h"
#include "series/lookup.h"
#include "series/type_ops.h"

#include <string.h>

static void unlink_child(struct promc_arena *arena, struct promc_family_data *data, struct promc_child *child)
{
    promc_ref next = child->next;
    /* Change the forward chain first: readers and recovery follow it. The child keeps its own `next`. */
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

/* The cells stay and the generation changes: a scrape that points to it can still read it, but no handle can write. */
static void end_handles(struct promc_child *child)
{
    promc_store_release(&child->live.word, promc_load(&child->live.word) + (UINT64_C(1) << 32));
}

/* It no longer counts with its value of the cap label; that value's overflow series is removed too if it was never used. */
static void leave_group(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child)
{
    promc_ref of = promc_child_group(child)->of;
    if (of == 0 || promc_load(&child->flags) & PROMC_CHILD_OVERFLOW)
        return;
    struct promc_child *group = promc_at(&registry->arena, of);
    uint32_t left = promc_child_group(group)->series - 1;
    promc_store(&promc_child_group(group)->series, left);
    if (left == 0 && promc_load(&group->flags) & PROMC_CHILD_UNUSED)
        promc_child_take_out(registry, data, group);
}

void promc_child_take_out(promc_registry *registry, struct promc_family_data *data, struct promc_child *child)
{
    uint8_t flags = promc_load(&child->flags);
    if (data->cap_label)
        leave_group(registry, data, child);
    if (data->label_count > 0)
        promc_index_delete(registry, data, child);
    promc_child_flag(child, PROMC_CHILD_REMOVED);
    end_handles(child);
    unlink_child(&registry->arena, data, child);
    enter_quarantine(registry, child);
    const struct promc_type_ops *ops = promc_ops_of(registry, data);
    if (ops->removed)
        ops->removed(child);
    if (flags & PROMC_CHILD_UNUSED) {
        data->groups--;
        return;
    }
    promc_store(&data->series, data->series - 1);
    promc_store(&data->text_bytes, data->text_bytes - child->text_length);
    if (flags & PROMC_CHILD_OVERFLOW)
        promc_store(&data->overflows, data->overflows - 1);
    __atomic_fetch_sub(&registry->arena.header->series, 1, __ATOMIC_RELAXED);
}

/* An overflow series must stay: its counts are in no other series. That of one value of the cap label goes when all others of the value have gone. */
static bool stays(const struct promc_family_data *data, const struct promc_child *child, uint8_t flags)
{
    if (flags & (PROMC_CHILD_REMOVED | PROMC_CHILD_LEAVING) || data->label_count == 0)
        return true;
    return flags & PROMC_CHILD_OVERFLOW &&
           (!data->cap_label || promc_child_group(child)->of == 0 || promc_child_group(child)->series > 0);
}

bool promc_child_remove(promc_registry *registry, struct promc_family_data *data, struct promc_child *child)
{
    uint8_t flags = promc_load(&child->flags);
    if (stays(data, child, flags))
        return false;
    if (data->birth_zero_seconds != 0 &&
        !promc_birth_is_shown(registry, data, child->created, promc_registry_ticks(registry))) {
        promc_child_flag(child, PROMC_CHILD_LEAVING);
        end_handles(child);
    } else {
        promc_child_take_out(registry, data, child);
    }
    return true;
}

bool promc_child_gone(promc_registry *registry, struct promc_child *child, uint32_t now)
{
    struct promc_family_data *data = promc_child_family(child);
    if (!(promc_load(&child->flags) & PROMC_CHILD_LEAVING) ||
        !promc_birth_is_shown(registry, data, promc_load(&child->created), now) || !promc_registry_trylock(registry))
        return false;
    bool gone = (promc_load(&child->flags) & PROMC_CHILD_LEAVING) != 0; /* it may have come back just now */
    if (gone)
        promc_child_take_out(registry, data, child);
    promc_registry_unlock(registry);
    return gone;
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
    promc_str strs[PROMC_LABELS_MOST];
    if (!values_of(family, values, strs))
        return promc_fail(PROMC_E_LABEL_COUNT, "metric \"%s\": %u label values are needed", promc_name_of(family),
                          family->data->label_count);
    promc_registry_lock(registry);
    promc_values_repair(registry, strs, family->data->label_count, strs, registry->scratch);
    struct promc_child *child = promc_series_find(family, strs);
    bool removed = child && promc_child_remove(registry, family->data, child);
    promc_registry_unlock(registry);
    if (removed)
        return 0;
    return promc_fail(PROMC_E_NOT_FOUND,
                      child ? "metric \"%s\": its overflow series or only series cannot be removed"
                            : "metric \"%s\": no such series",
                      promc_name_of(family));
}

static int label_index(const promc_family *family, const char *name)
{
    for (unsigned i = 0; name && i < family->data->label_count; i++)
        if (strcmp(promc_at(&family->registry->arena, promc_labels_of(family->data)[i].name.ref), name) == 0)
            return (int)i;
    return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\" has no label \"%s\"", promc_name_of(family),
                      name ? name : "(null)");
}

static bool matches(const struct promc_child *child, const promc_str *match, const int *index, size_t count)
{
    promc_str values[PROMC_LABELS_MOST];
    promc_child_values(child, values);
    for (size_t i = 0; i < count; i++) {
        promc_str value = values[index[i]];
        if (match[i].length != value.length || memcmp(match[i].data, value.data, value.length) != 0)
            return false;
    }
    return true;
}

static int remove_all(promc_family *family, const promc_label *match, const int *index, size_t count)
{
    promc_registry *registry = family->registry;
    promc_str values[PROMC_LABELS_MOST];
    int removed = 0;
    struct promc_child *child = NULL;
    for (size_t i = 0; i < count; i++) {
        if (!match[i].value)
            return 0;
        values[i] = (promc_str){match[i].value, strlen(match[i].value)};
    }
    promc_registry_lock(registry);
    promc_values_repair(registry, values, count, values, registry->scratch);
    while ((child = promc_child_after(&registry->arena, family->data, child)))
        if (matches(child, values, index, count))
            removed += promc_child_remove(registry, family->data, child);
    promc_registry_unlock(registry);
    return removed;
}

int promc_family_remove_matching(promc_family *family, const promc_label *match, size_t count)
{
    if (!family || (count > 0 && !match))
        return promc_fail(PROMC_E_INVALID, "no metric family or no labels given");
    int index[PROMC_LABELS_MOST];
    if (count > PROMC_LABELS_MOST)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\" does not have %zu labels", promc_name_of(family), count);
    for (size_t i = 0; i < count; i++) {
        index[i] = label_index(family, match[i].name);
        if (index[i] < 0)
            return index[i];
    }
    /* With a cap label, a second time: an overflow series can go only after the others of its value. */
    int removed = remove_all(family, match, index, count);
    if (family->data->cap_label)
        removed += remove_all(family, match, index, count);
    return removed;
}
