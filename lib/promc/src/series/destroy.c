/* SPDX-License-Identifier: Apache-2.0 */
#include "series/destroy.h"
#include "arena/lock.h"
#include "series/index.h"
#include "series/remove.h"

static void leave_directory(struct promc_arena *arena, struct promc_family_data *data)
{
    struct promc_arena_header *header = arena->header;
    promc_ref ref = promc_ref_of(arena, data);
    struct promc_family_data *before = NULL;
    for (struct promc_family_data *at = NULL; (at = promc_family_after(arena, at)) && at != data;)
        before = at;
    promc_store_release(before ? &before->next : &header->first_family, data->next);
    if (header->last_family == ref)
        header->last_family = before ? promc_ref_of(arena, before) : 0;
    promc_store(&header->family_count, header->family_count - 1);
}

/* Remove all except `last`: first the series that an overflow series counts, then the overflow series. */
static void remove_all_but(promc_registry *registry, struct promc_family_data *data, const struct promc_child *last)
{
    for (int pass = 0; pass < 2; pass++) {
        struct promc_child *child = NULL;
        while ((child = promc_child_after(&registry->arena, data, child))) {
            uint8_t flags = promc_load(&child->flags);
            if (child != last && !(flags & PROMC_CHILD_REMOVED) && (pass == 1 || !(flags & PROMC_CHILD_OVERFLOW)))
                promc_child_take_out(registry, data, child);
        }
    }
}

static void remove_series(promc_family *family)
{
    promc_registry *registry = family->registry;
    struct promc_family_data *data = family->data;
    struct promc_child *last =
        data->label_count > 0 ? promc_series_overflow(family) : promc_at(&registry->arena, data->first_child);
    remove_all_but(registry, data, last);
    if (last) { /* there is always room for it */
        promc_child_flag(last, PROMC_CHILD_LAST);
        promc_child_take_out(registry, data, last);
    }
    promc_store_release(&data->overflow, 0);
    if (data->label_count > 0)
        promc_index_drop(registry, data);
}

/* Keep it for now: a lookup may still use it, or a reader may still walk the list. */
static void put_aside(promc_registry *registry, promc_family *family)
{
    promc_family **link = &registry->families;
    while (*link != family)
        link = &(*link)->next;
    promc_store_release(link, family->next);
    family->destroyed_ticks = promc_registry_ticks(registry);
    family->destroyed_next = registry->destroyed;
    registry->destroyed = family;
}

static void free_those_before(promc_registry *registry)
{
    uint32_t now = promc_registry_ticks(registry), wait = promc_quarantine_ticks(registry);
    promc_family **link = &registry->destroyed;
    while (*link && now - (*link)->destroyed_ticks < wait)
        link = &(*link)->destroyed_next;
    promc_family *family = *link; /* the list is newest first: free this family and all after it */
    *link = NULL;
    while (family) {
        promc_family *next = family->destroyed_next;
        promc_family_free(family);
        family = next;
    }
}

void promc_family_end(promc_family *family)
{
    promc_registry *registry = family->registry;
    struct promc_family_data *data = family->data;
    registry->hooks->end_callbacks(registry, data);
    pthread_mutex_lock(&registry->local_lock);
    free_those_before(registry);
    promc_registry_lock(registry);
    promc_store(&data->flags, data->flags | PROMC_FAMILY_DESTROYED);
    leave_directory(&registry->arena, data);
    remove_series(family);
    promc_registry_unlock(registry);
    put_aside(registry, family);
    pthread_mutex_unlock(&registry->local_lock);
}
