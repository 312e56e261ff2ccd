/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/callback.h"
#include "arena/lock.h"
#include "collect/running.h"
#include "series/lookup.h"
#include "shard/shard.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

int promc_callback_register(promc_registry *registry, enum promc_type type, const promc_family_settings *settings,
                            promc_family **out)
{
    if (out)
        *out = NULL;
    if (type != PROMC_COUNTER && type != PROMC_GAUGE && type != PROMC_UNTYPED)
        return promc_fail(PROMC_E_INVALID,
                          "metric \"%s\": only counters, gauges and untyped metrics can have callbacks",
                          settings && settings->name ? settings->name : "(null)");
    promc_family *family;
    enum promc_row row = type == PROMC_COUNTER ? PROMC_ROW_COUNTER_KEPT
                         : type == PROMC_GAUGE ? PROMC_ROW_GAUGE
                                               : PROMC_ROW_UNTYPED;
    int rc = promc_family_create(
        registry, &(struct promc_family_plan){.row = row, .settings = settings, .flags = PROMC_FAMILY_CALLBACK},
        &family);
    if (rc < 0)
        return rc;
    family->by_callback = true;
    if (out)
        *out = family;
    return 0;
}

static struct promc_callback *find(promc_registry *registry, promc_series_ref ref)
{
    for (struct promc_callback *c = promc_load_acquire(&registry->callbacks); c; c = c->next)
        if (c->ref.where == ref.where && c->ref.word == ref.word && !promc_load(&c->replaced))
            return c;
    return NULL;
}

/* Enter an entry that is not needed any more; NULL: there is none. */
static struct promc_callback *enter_unused(promc_registry *registry)
{
    for (struct promc_callback *c = registry->callbacks; c; c = c->next)
        if ((promc_load(&c->replaced) || !promc_series_child(c->ref)) && promc_running_begin(&c->running))
            return c;
    return NULL;
}

/* In the place of `old` (NULL: none) if it does not run now, in an unused entry, or in a new one. The local lock is held. */
static bool store(promc_registry *registry, struct promc_callback *old, const struct promc_callback *new)
{
    struct promc_callback *place = old && promc_running_begin(&old->running) ? old : enter_unused(registry);
    bool fresh = !place;
    if (fresh && !(place = malloc(sizeof(*place))))
        return false;
    if (old && old != place)
        promc_store(&old->replaced, 1);
    if (fresh) {
        *place = *new;
        place->next = registry->callbacks;
        promc_store_release(&registry->callbacks, place);
        return true;
    }
    place->ref = new->ref;
    place->value = new->value;
    place->user = new->user;
    place->counter = new->counter;
    promc_store(&place->replaced, 0);
    promc_running_end(&place->running);
    return true;
}

int promc_callback_set(promc_family *family, const char *const *values, promc_value_fn value, void *user)
{
    promc_series_ref ref;
    if (!family || !value)
        return promc_fail(PROMC_E_INVALID, "a callback needs a metric family and a function");
    if (!family->by_callback)
        return promc_fail(PROMC_E_TYPE, "metric \"%s\" does not take callbacks", promc_name_of(family));
    int rc = promc_series_get(family, values, &ref);
    if (rc < 0)
        return rc;
    if (promc_load(&promc_series_block(ref)->flags) & PROMC_CHILD_OVERFLOW)
        return promc_fail(PROMC_E_FULL, "metric \"%s\": no room for another series", promc_name_of(family));
    promc_registry *registry = family->registry;
    const struct promc_callback new = {
        .ref = ref, .value = value, .user = user, .counter = family->type == PROMC_COUNTER};
    pthread_mutex_lock(&registry->local_lock);
    struct promc_callback *old = find(registry, ref);
    bool stored = store(registry, old, &new);
    pthread_mutex_unlock(&registry->local_lock);
    return stored ? 0 : promc_fail(PROMC_E_NOMEM, "metric \"%s\": out of memory", promc_name_of(family));
}

int promc_callback_unset(promc_family *family, const char *const *values)
{
    promc_str strs[PROMC_LABELS_MOST];
    if (!family || !family->by_callback)
        return promc_fail(PROMC_E_TYPE, "no metric family with callbacks given");
    for (unsigned i = 0; i < family->label_count; i++) {
        if (!values || !values[i])
            return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": %u label values are needed", promc_name_of(family),
                              family->label_count);
        strs[i] = (promc_str){values[i], strlen(values[i])};
    }
    promc_registry *registry = family->registry;
    struct promc_callback *found = NULL;
    pthread_mutex_lock(&registry->local_lock);
    promc_registry_lock(registry);
    promc_values_repair(registry, strs, family->label_count, strs, registry->scratch);
    const struct promc_child *child = promc_series_find(family, strs);
    promc_registry_unlock(registry);
    if (child)
        found = find(registry, promc_series_handle(family, child, promc_load(&child->live.word)));
    if (found)
        promc_store(&found->replaced, 1); /* no run begins after this */
    pthread_mutex_unlock(&registry->local_lock);
    if (!found)
        return promc_fail(PROMC_E_NOT_FOUND, "metric \"%s\": no callback for these values", promc_name_of(family));
    promc_running_wait(&found->running);
    return 0;
}

void promc_callbacks_end(promc_registry *registry, const struct promc_family_data *data)
{
    for (struct promc_callback *c = promc_load_acquire(&registry->callbacks); c; c = c->next) {
        pthread_mutex_lock(&registry->local_lock);
        const struct promc_child *child = promc_series_child(c->ref);
        bool ends = child && promc_child_family(child) == data;
        if (ends)
            promc_store(&c->replaced, 1);
        pthread_mutex_unlock(&registry->local_lock);
        if (ends)
            promc_running_wait(&c->running); /* without the lock: it may be registering something */
    }
}

/* Runs also if the thread is cancelled: see collector.c. */
static void end_run(void *callback)
{
    promc_running_end(&((struct promc_callback *)callback)->running);
}

static void take_value(const struct promc_callback *callback, const struct promc_child *child)
{
    double value = callback->value(callback->user);
    struct promc_child_value *place = promc_child_value(child);
    double last = promc_cell_double(promc_load(&place->bits));
    if (!callback->counter || (isfinite(value) && value >= last && value >= 0)) {
        promc_store(&place->bits, promc_double_bits(value));
        promc_child_value_changed(place);
    }
}

static void run(struct promc_callback *callback)
{
    if (!promc_running_begin(&callback->running))
        return;
    pthread_cleanup_push(end_run, callback);
    const struct promc_child *child = promc_load(&callback->replaced) ? NULL : promc_series_child(callback->ref);
    if (child)
        take_value(callback, child);
    pthread_cleanup_pop(1);
}

void promc_callbacks_run(promc_registry *registry, uint64_t deadline_ns)
{
    for (struct promc_callback *c = promc_load_acquire(&registry->callbacks); c; c = c->next) {
        if (deadline_ns != 0 && promc_now_ns() >= deadline_ns)
            return; /* the last good values stay */
        run(c);
    }
}

void promc_callbacks_forked(promc_registry *registry)
{
    for (struct promc_callback *c = registry->callbacks; c; c = c->next)
        promc_store(&c->running, 0);
}

void promc_callbacks_free(promc_registry *registry)
{
    for (struct promc_callback *c = registry->callbacks; c;) {
        struct promc_callback *next = c->next;
        free(c);
        c = next;
    }
    registry->callbacks = NULL;
}
