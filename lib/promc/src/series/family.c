/* SPDX-License-Identifier: Apache-2.0 */
#include "series/family.h"
#include "arena/commit.h"
#include "arena/lock.h"
#include "base/utf8.h"
#include "series/child.h"
#include "series/destroy.h"
#include "series/labels.h"
#include "series/lookup.h"
#include "series/reclaim.h"
#include "series/record.h"
#include "series/type_ops.h"
#include "series/validate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A checked plan of a family. */
struct checked {
    struct promc_names names;
    unsigned label_count, constant_count;
    unsigned cap_label; /* index + 1; 0: none */
    bool utf8_labels;
};

static int find_cap_label(const promc_family_settings *settings, struct checked *out)
{
    out->cap_label = 0;
    for (unsigned i = 0; settings->cap_label && i < out->label_count; i++)
        if (strcmp(settings->cap_label, promc_label_wanted(settings, i)) == 0)
            out->cap_label = i + 1;
    if (settings->cap_label && *settings->cap_label && out->cap_label == 0)
        return promc_fail(PROMC_E_LABEL_NAME, "metric \"%s\": cap_label \"%s\" is not one of its labels",
                          out->names.full, settings->cap_label);
    return 0;
}

static int check(promc_registry *registry, const struct promc_family_plan *plan, struct checked *out)
{
    const promc_family_settings *settings = plan->settings;
    const struct promc_type_ops *type = &registry->types[plan->row];
    bool utf8 = registry->arena.header->flags & PROMC_ARENA_UTF8_NAMES;
    int rc = promc_check_name(settings->name, type, utf8, settings->verbatim_name, &out->names);
    if (rc == 0)
        rc = promc_check_unit(&out->names, type, settings->unit);
    if (rc == 0)
        rc = promc_check_labels(&registry->arena, &out->names, type, settings, &out->label_count, &out->constant_count,
                                &out->utf8_labels);
    return rc < 0 ? rc : find_cap_label(settings, out);
}

/* A copy in the arena, made UTF-8. */
static bool copy_text(struct promc_arena *arena, const char *text, struct promc_text *out)
{
    size_t length = text ? strlen(text) : 0;
    *out = (struct promc_text){0};
    if (length == 0)
        return true;
    if (promc_utf8_valid(text, length)) {
        *out = promc_arena_text(arena, text, length);
        return out->ref != 0;
    }
    out->ref = promc_arena_alloc(arena, PROMC_REPAIRED_MAX(length) + 1);
    if (out->ref != 0)
        out->length = (uint32_t)promc_utf8_repair(promc_at(arena, out->ref), text, length, SIZE_MAX);
    return out->ref != 0;
}

/* The constant pairs, raw and rendered. */
static bool fill_constants(struct promc_arena *arena, struct promc_family_data *data, const struct checked *checked,
                           const promc_label *own)
{
    unsigned inherited = arena->header->constant_label_count;
    if (checked->constant_count == 0)
        return true;
    data->constant_label_count = (uint16_t)checked->constant_count;
    data->constant_pairs = promc_arena_alloc(arena, checked->constant_count * sizeof(struct promc_pair));
    if (data->constant_pairs == 0)
        return false;
    struct promc_pair *pairs = promc_at(arena, data->constant_pairs);
    size_t room = 0;
    for (unsigned i = 0; i < checked->constant_count; i++) {
        if (i < inherited)
            pairs[i] = ((struct promc_pair *)promc_at(arena, arena->header->constant_pairs))[i];
        else if (!promc_pair_copy(arena, &pairs[i], &own[i - inherited]))
            return false;
        room += 2 * ((size_t)pairs[i].name.length + pairs[i].value.length) + 6;
    }
    data->constant_labels.ref = promc_arena_alloc(arena, room);
    if (data->constant_labels.ref == 0)
        return false;
    char *start = promc_at(arena, data->constant_labels.ref), *out = start;
    for (unsigned i = 0; i < checked->constant_count; i++) {
        if (i > 0)
            *out++ = ',';
        out = promc_render_pair(out, promc_at(arena, pairs[i].name.ref), pairs[i].name.length,
                                promc_at(arena, pairs[i].value.ref), pairs[i].value.length);
    }
    data->constant_labels.length = (uint32_t)(out - start);
    return true;
}

bool promc_pair_copy(struct promc_arena *arena, struct promc_pair *out, const promc_label *label)
{
    out->name = promc_arena_text(arena, label->name, strlen(label->name));
    out->value = promc_arena_text(arena, label->value, strlen(label->value));
    return out->name.ref != 0 && out->value.ref != 0;
}

static bool fill_labels(struct promc_arena *arena, struct promc_family_data *data,
                        const promc_family_settings *settings, unsigned count)
{
    char rendered[2 * PROMC_NAME_MAX + 2];
    data->label_count = (uint8_t)count;
    for (unsigned i = 0; i < count; i++) {
        const char *wanted = promc_label_wanted(settings, i);
        size_t length = strlen(wanted);
        struct promc_label_data *label = &promc_labels_of(data)[i];
        label->name = promc_arena_text(arena, wanted, length);
        if (label->name.ref == 0)
            return false;
        size_t name = (size_t)(promc_render_name(rendered, wanted, length) - rendered);
        label->prefix = (uint32_t)name + 2; /* ="  */
        data->fixed_text += (uint32_t)name + 3 + (i > 0);
    }
    return true;
}

static void fill_bounds(struct promc_family_data *data, const struct promc_family_plan *plan)
{
    data->bound_count = (uint32_t)plan->bound_count;
    data->bound_padded = (data->bound_count + 3) / 4 * 4;
    data->bound_usual = plan->native_at ? 0 : data->bound_padded;
    for (uint32_t i = 0; i < data->bound_padded; i++)
        data->bounds[i] = i < data->bound_count ? plan->bounds[i] : INFINITY;
}

/* The type's data per family, and the sizes per child. */
static bool fill_type(struct promc_registry *registry, struct promc_family_data *data,
                      const struct promc_family_plan *plan)
{
    const struct promc_type_ops *ops = &registry->types[plan->row];
    data->type = (uint8_t)plan->type;
    data->row = (uint8_t)plan->row;
    data->cells = plan->cells;
    data->native = plan->native;
    data->native_at = plan->native_at;
    fill_bounds(data, plan);
    if (ops->fill && !ops->fill(&registry->arena, data, plan))
        return false;
    data->own_bytes = (uint8_t)ops->own_bytes;
    data->behind_bytes = ops->behind_bytes ? (uint32_t)ops->behind_bytes(&registry->arena, data) : 0;
    return true;
}

/* Only for series that inc, add and observe update. A total that is set is a copy of another system's, which has existed for longer. */
static uint32_t birth_zero_seconds(const promc_registry *registry, const struct promc_family_plan *plan)
{
    uint32_t seconds = plan->settings->birth_zero_seconds;
    if (seconds == 0)
        seconds = registry->arena.header->birth_zero_seconds;
    return seconds == PROMC_BIRTH_ZERO_OFF || plan->cells == 0 || !registry->types[plan->row].accumulates ? 0 : seconds;
}

/* NULL: the arena is full. The lock is held. A failed attempt does not give its memory back. That does not matter in a full arena. */
static struct promc_family_data *make_data(promc_registry *registry, const struct promc_family_plan *plan,
                                           const struct checked *checked)
{
    struct promc_arena *arena = &registry->arena;
    const promc_family_settings *settings = plan->settings;
    size_t labels_at = sizeof(struct promc_family_data) + (plan->bound_count + 4) * sizeof(double);
    promc_ref ref = promc_arena_alloc(arena, labels_at + checked->label_count * sizeof(struct promc_label_data));
    if (ref == 0)
        return NULL;
    struct promc_family_data *data = promc_at(arena, ref);
    data->labels_at = (uint32_t)labels_at;
    data->max_series = settings->max_series ? settings->max_series : arena->header->max_series;
    data->idle_expiry_seconds = checked->label_count > 0 ? settings->idle_expiry_seconds : 0;
    data->cap_label = (uint16_t)checked->cap_label;
    data->birth_zero_seconds = birth_zero_seconds(registry, plan);
    data->workers = (uint16_t)settings->workers;
    data->base_length = checked->names.base_length;
    data->flags = plan->flags | (checked->names.utf8 ? PROMC_FAMILY_UTF8_NAME : 0) |
                  (checked->utf8_labels ? PROMC_FAMILY_UTF8_LABELS : 0);
    data->name = promc_arena_text(arena, checked->names.full, checked->names.full_length);
    bool good = data->name.ref != 0 && copy_text(arena, settings->help, &data->help) &&
                copy_text(arena, settings->unit, &data->unit) &&
                fill_constants(arena, data, checked, settings->constant_labels) &&
                fill_labels(arena, data, settings, checked->label_count) && fill_type(registry, data, plan);
    return good ? data : NULL;
}

struct making {
    promc_registry *registry;
    const struct promc_family_plan *plan;
    const struct checked *checked;
};

static struct promc_family_data *make(void *user)
{
    const struct making *making = user;
    return make_data(making->registry, making->plan, making->checked);
}

/* Create its only series, or reserve room for its overflow series; then append the family to the directory. */
static bool publish(promc_registry *registry, promc_family *family)
{
    struct promc_arena *arena = &registry->arena;
    promc_ref ref = promc_ref_of(arena, family->data);
    if (!promc_series_reserve(family))
        return false;
    if (arena->header->last_family != 0) {
        struct promc_family_data *last = promc_at(arena, arena->header->last_family);
        promc_store_release(&last->next, ref);
    } else {
        promc_store_release(&arena->header->first_family, ref);
    }
    arena->header->last_family = ref;
    promc_store(&arena->header->family_count, arena->header->family_count + 1);
    return true;
}

static bool same_text(const struct promc_arena *arena, struct promc_text text, const char *other)
{
    return text.length == strlen(other) && memcmp(promc_at(arena, text.ref), other, text.length) == 0;
}

static bool same_labels(const struct promc_arena *arena, const struct promc_family_data *data,
                        const struct promc_family_plan *plan, const struct checked *checked)
{
    if (data->label_count != checked->label_count)
        return false;
    for (unsigned i = 0; i < checked->label_count; i++)
        if (!same_text(arena, promc_labels_of(data)[i].name, promc_label_wanted(plan->settings, i)))
            return false;
    return true;
}

static bool same_constants(const struct promc_arena *arena, const struct promc_family_data *data,
                           const struct promc_family_plan *plan, const struct checked *checked)
{
    unsigned inherited = arena->header->constant_label_count;
    if (data->constant_label_count != checked->constant_count)
        return false;
    const struct promc_pair *pairs = promc_at(arena, data->constant_pairs);
    for (unsigned i = inherited; i < checked->constant_count; i++) {
        const promc_label *label = &plan->settings->constant_labels[i - inherited];
        if (!same_text(arena, pairs[i].name, label->name) || !same_text(arena, pairs[i].value, label->value))
            return false;
    }
    return true;
}

static bool same_buckets(const struct promc_family_data *data, const struct promc_family_plan *plan)
{
    return data->cells == plan->cells && data->native_at == plan->native_at && data->bound_count == plan->bound_count &&
           (plan->bound_count == 0 || memcmp(data->bounds, plan->bounds, plan->bound_count * sizeof(double)) == 0);
}

/* The first difference between an existing family and the wanted definition; NULL: none. Help, cap and expiry of the first registration stay. */
static const char *difference(const promc_registry *registry, const struct promc_family_data *data,
                              const struct promc_family_plan *plan, const struct checked *checked)
{
    const struct promc_arena *arena = &registry->arena;
    const struct promc_type_ops *ops = promc_ops_of(registry, data);
    if (!same_labels(arena, data, plan, checked))
        return "other labels";
    if (!same_constants(arena, data, plan, checked))
        return "other constant labels";
    if (data->type == PROMC_GAUGE && data->workers != plan->settings->workers)
        return "another way to combine its workers' values";
    if (data->row != plan->row || !same_buckets(data, plan))
        return "other buckets or another kind";
    if ((data->flags ^ plan->flags) & (PROMC_FAMILY_CALLBACK | PROMC_FAMILY_SELF))
        return "values from another source";
    if (ops->same && !ops->same(arena, data, plan))
        return "other settings of its type";
    return NULL;
}

/* This process' handle to a family, or NULL. */
static promc_family *known_here(const promc_registry *registry, const struct promc_family_data *data)
{
    promc_family *family = registry->families;
    while (family && family->data != data)
        family = family->next;
    return family;
}

static void set_data(promc_family *family, struct promc_family_data *data)
{
    family->data = data;
    family->type = data->type;
    family->label_count = data->label_count;
    family->fixed_text = data->fixed_text;
    for (unsigned i = 0; i < data->label_count; i++)
        family->label_prefix[i] = (uint16_t)promc_labels_of(data)[i].prefix;
    if (data->cap_label) {
        struct promc_text name = promc_labels_of(data)[data->cap_label - 1].name;
        promc_str marker = {promc_at(&family->registry->arena, name.ref), name.length};
        family->overflow_text = (uint32_t)promc_overflow_text(marker);
    }
}

static const char in_shared[] = ", in the shared arena: if you changed its definition, give the metric a new name "
                                "or the program a new arena";

/*
 * Fill family->data from a new or an existing record: families with the same definition are one family, in all processes and modules.
 * *there is this process' handle to the family, if it has one. Both locks are held.
 */
static int make_or_adopt(promc_registry *registry, const struct promc_family_plan *plan, const struct checked *checked,
                         promc_family *family, promc_family **there)
{
    struct promc_arena *arena = &registry->arena;
    for (struct promc_family_data *data = NULL; (data = promc_family_after(arena, data));) {
        bool named = data->type == plan->type && same_text(arena, data->name, checked->names.full);
        const char *other = named ? difference(registry, data, plan, checked) : NULL;
        if (named && !other) {
            *there = known_here(registry, data);
            set_data(family, data);
            return 0;
        }
        if (other)
            return promc_fail(PROMC_E_DUPLICATE, "metric \"%s\" is already registered with %s%s", checked->names.full,
                              other, arena->shared ? in_shared : "");
        int rc =
            promc_check_clash(arena, &checked->names, &registry->types[plan->row], data, promc_ops_of(registry, data));
        if (rc < 0)
            return rc;
    }
    promc_reclaim(registry, 4);
    struct making making = {registry, plan, checked};
    struct promc_family_data *data = promc_record_make(arena, make, &making);
    if (data) {
        set_data(family, data);
        if (publish(registry, family))
            return 0;
    }
    return promc_fail(PROMC_E_FULL, "metric \"%s\": %s", checked->names.full, promc_arena_full(arena));
}

static void add_handle(promc_registry *registry, promc_family *family)
{
    if (family->data->label_count > 0 && registry->series_dropped) {
        const char *name = promc_name_of(family);
        (void)promc_series_get(registry->series_dropped, &name, &family->dropped.ref);
    }
    family->next = registry->families;
    family->place = family->next ? (family->next->place + 1) % PROMC_PLACES_SEEN : 0;
    promc_store_release(&registry->families, family);
}

static int create(promc_registry *registry, const struct promc_family_plan *plan, promc_family **out)
{
    struct checked checked;
    int rc = check(registry, plan, &checked);
    if (rc < 0)
        return rc;
    promc_family *family = calloc(1, sizeof(*family));
    if (!family)
        return promc_fail(PROMC_E_NOMEM, "metric \"%s\": out of memory", checked.names.full);
    family->registry = registry;
    family->base = registry->arena.base;
    family->seed = registry->arena.header->seed;
    family->slot = (uint8_t)registry->slot;
    family->serial = registry->serial;
    pthread_mutex_lock(&registry->local_lock);
    promc_family *there = NULL;
    promc_registry_lock(registry);
    rc = make_or_adopt(registry, plan, &checked, family, &there);
    promc_registry_unlock(registry);
    if (rc == 0 && !there)
        add_handle(registry, family);
    else
        free(family);
    pthread_mutex_unlock(&registry->local_lock);
    if (rc == 0 && out)
        *out = there ? there : family;
    return rc;
}

int promc_family_create(promc_registry *registry, const struct promc_family_plan *plan, promc_family **out)
{
    if (out)
        *out = NULL;
    if (!registry || !plan->settings)
        return promc_fail(PROMC_E_INVALID, "no registry or no settings given");
    int rc = PROMC_RESERVED_CHECK(promc_family_settings, plan->settings);
    if (rc < 0)
        return rc;
    if (registry->arena.readonly)
        return promc_fail(PROMC_E_INVALID, "the registry is read-only");
    promc_family_settings settings = *plan->settings;
    struct promc_family_plan changed = *plan;
    changed.settings = &settings;
    if (settings.birth_zero_seconds != PROMC_BIRTH_ZERO_OFF && settings.birth_zero_seconds > PROMC_BIRTH_ZERO_MOST)
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": birth_zero_seconds is %u, must be at most %d",
                          settings.name ? settings.name : "(null)", settings.birth_zero_seconds, PROMC_BIRTH_ZERO_MOST);
    if (settings.verbatim_name > 1)
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": verbatim_name is %llu, must be 0 or 1",
                          settings.name ? settings.name : "(null)", (unsigned long long)settings.verbatim_name);
    const struct promc_type_ops *ops = &registry->types[plan->row];
    if (settings.workers > PROMC_WORKERS_LIVEMIN ||
        (settings.workers && (ops->type != PROMC_GAUGE || plan->flags & PROMC_FAMILY_CALLBACK)))
        return promc_fail(PROMC_E_INVALID,
                          "metric \"%s\": workers is %llu, must be 0 to %d, and 0 for all but gauges without callbacks",
                          settings.name ? settings.name : "(null)", (unsigned long long)settings.workers,
                          PROMC_WORKERS_LIVEMIN);
    changed.type = ops->type;
    changed.cells = ops->cells;
    rc = registry->hooks->override(registry, &changed, &settings);
    if (rc == 0 && ops->plan)
        ops->plan(&changed);
    return rc < 0 ? rc : create(registry, &changed, out);
}

static bool is_called(const promc_family *family, const char *name, size_t length)
{
    const struct promc_family_data *data = family->data;
    const char *own = promc_at(&family->registry->arena, data->name.ref);
    return (length == data->name.length || length == data->base_length) && memcmp(own, name, length) == 0;
}

promc_family *promc_family_find(promc_registry *registry, const char *name)
{
    if (!registry || !name)
        return NULL;
    size_t length = strlen(name);
    for (promc_family *family = promc_load_acquire(&registry->families); family;
         family = promc_load_acquire(&family->next))
        if (is_called(family, name, length))
            return family;
    return NULL;
}

const char *promc_family_name(const promc_family *family)
{
    return family ? promc_name_of(family) : "";
}

enum promc_type promc_family_type(const promc_family *family)
{
    return (enum promc_type)family->data->type;
}

uint32_t promc_family_series_count(const promc_family *family)
{
    return family ? promc_load(&family->data->series) : 0;
}

/* Remove promc's own counts for a family of that name. */
static void forget_counts(promc_registry *registry, const char *name)
{
    if (registry->series_dropped)
        (void)promc_family_remove(registry->series_dropped, &name);
    if (registry->refused_updates)
        (void)promc_family_remove_matching(registry->refused_updates, &(promc_label){"family", name}, 1);
}

int promc_family_destroy(promc_family *family)
{
    if (!family)
        return promc_fail(PROMC_E_INVALID, "no metric family given");
    promc_registry *registry = family->registry;
    const char *name = promc_name_of(family);
    if (family->data->flags & PROMC_FAMILY_SELF)
        return promc_fail(PROMC_E_INVALID, "metric \"%s\" is reserved for promc", name);
    if (registry->arena.shared)
        return promc_fail(
            PROMC_E_INVALID,
            "metric \"%s\": its arena is shared, and other processes may use it; remove its series instead", name);
    promc_family_end(family);
    forget_counts(registry, name);
    return 0;
}

void promc_family_free(promc_family *family)
{
    free(family->states);
    free(family);
}
