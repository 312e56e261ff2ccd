/* SPDX-License-Identifier: Apache-2.0 */
#include "read/snapshot.h"
#include "arena/lock.h"
#include "shard/process.h"

static promc_str text_at(const promc_registry *registry, struct promc_text text)
{
    if (text.length == 0)
        return (promc_str){"", 0};
    return (promc_str){promc_at(&registry->arena, text.ref), text.length};
}

int promc_reading_begin(promc_registry *registry, struct promc_reading *reading)
{
    *reading = (struct promc_reading){.registry = registry, .now = promc_registry_ticks(registry)};
    reading->hidden = registry->arena.header->flags & PROMC_ARENA_HIDE_SELF ? PROMC_FAMILY_SELF : 0;
    if (registry->arena.readonly)
        return 0;
    struct promc_arena_header *header = registry->arena.header;
    promc_registry_lock(registry);
    for (uint32_t i = 0; i < PROMC_SCRAPES_MAX; i++) {
        struct promc_scrape_slot *slot = &header->scrapes[i];
        if (promc_load(&slot->token) != 0 &&
            (!registry->arena.shared || promc_process_alive(slot->owner, slot->owner_start)))
            continue;
        slot->epoch = promc_load(&header->epoch);
        slot->owner = promc_self();
        slot->owner_start = registry->arena.shared ? promc_self_start() : 0;
        reading->token = ++header->next_token;
        reading->slot = i;
        promc_store(&slot->token, reading->token);
        break;
    }
    promc_registry_unlock(registry);
    if (reading->token == 0)
        return promc_fail(PROMC_E_BUSY, "%d scrapes of the registry are in flight", PROMC_SCRAPES_MAX);
    return 0;
}

void promc_reading_end(struct promc_reading *reading)
{
    if (reading->token == 0)
        return;
    /* Free the slot only if it still has this reading's token: after a fork, the child's slots are empty. */
    struct promc_scrape_slot *slot = &reading->registry->arena.header->scrapes[reading->slot];
    uint64_t token = reading->token;
    (void)__atomic_compare_exchange_n(&slot->token, &token, 0, false, __ATOMIC_RELEASE, __ATOMIC_RELAXED);
    reading->token = 0;
}

static void fill_view(const promc_registry *registry, const struct promc_family_data *data,
                      struct promc_family_view *view)
{
    *view = (struct promc_family_view){
        .data = data,
        /* a damaged arena: promc_registry_open_readonly() shows as much as it can */
        .ops = &registry->types[data->row < PROMC_ROWS ? data->row : PROMC_ROW_UNTYPED],
        .sample_name = text_at(registry, data->name),
        .help = text_at(registry, data->help),
        .unit = text_at(registry, data->unit),
        .constant_labels = text_at(registry, data->constant_labels),
        .constant_label_count = data->constant_label_count,
        .label_count = data->label_count,
        .utf8_name = promc_load(&data->flags) & PROMC_FAMILY_UTF8_NAME,
        .utf8_labels = promc_load(&data->flags) & PROMC_FAMILY_UTF8_LABELS,
    };
    view->name = (promc_str){view->sample_name.data, data->base_length};
    if (view->label_count >
        PROMC_LABELS_MOST) /* a damaged arena: promc_registry_open_readonly() shows as much as it can */
        view->label_count = PROMC_LABELS_MOST;
    for (unsigned i = 0; i < view->label_count; i++)
        view->label_names[i] = text_at(registry, promc_labels_of(data)[i].name);
    if (view->ops->view)
        view->ops->view(&registry->arena, data, view);
}

/* In a damaged arena a family may claim more than the reader has room for. */
static bool is_whole(const struct promc_family_view *view)
{
    return view->bound_count <= PROMC_MAX_BUCKETS && view->quantile_count <= PROMC_MAX_QUANTILES;
}

bool promc_reading_next_family(struct promc_reading *reading, struct promc_family_view *view)
{
    const struct promc_arena *arena = &reading->registry->arena;
    promc_ref next;
    do {
        if (reading->started && !reading->family)
            return false;
        next = promc_load_acquire(reading->started ? &reading->family->next : &arena->header->first_family);
        reading->started = true;
        reading->family = next ? promc_at(arena, next) : NULL;
        if (next)
            fill_view(reading->registry, reading->family, view);
    } while (next && ((promc_load(&reading->family->flags) & reading->hidden) || !is_whole(view)));
    reading->child = NULL;
    reading->at_end = false;
    return next != 0;
}

/* Creation time, but not before the fork that reset this copy's values to zero. */
static double created_of(const promc_registry *registry, uint32_t ticks)
{
    const struct promc_arena_header *header = registry->arena.header;
    uint64_t ms = header->born_ms + (uint64_t)ticks * 1000 / 16, forked = promc_load(&header->forked_ms);
    return (double)(ms < forked ? forked : ms) / 1000.0;
}

bool promc_reading_next_series(struct promc_reading *reading, struct promc_series_view *view)
{
    promc_registry *registry = reading->registry;
    uint32_t ticks;
    struct promc_child *child = promc_reading_peek(reading, &ticks);
    if (!child) {
        reading->at_end = true;
        return false;
    }
    reading->child = child;
    view->child = child;
    view->labels = (promc_str){promc_child_text(child), child->text_length};
    view->created = created_of(registry, ticks);
    view->ticks = ticks;
    view->marker.length = 0;
    if (PROMC_UNLIKELY(promc_load(&child->flags) & PROMC_CHILD_OVERFLOW))
        view->marker = promc_child_marker(&registry->arena, child);
    return true;
}

void promc_family_constant(const promc_registry *registry, const struct promc_family_view *view, unsigned i,
                           promc_str *name, promc_str *value)
{
    const struct promc_pair *pairs = promc_at(&registry->arena, view->data->constant_pairs);
    *name = text_at(registry, pairs[i].name);
    *value = text_at(registry, pairs[i].value);
}

unsigned promc_series_values(const promc_registry *registry, const struct promc_series_view *view,
                             promc_str values[PROMC_LABELS_MOST])
{
    (void)registry;
    return promc_child_values(view->child, values);
}
