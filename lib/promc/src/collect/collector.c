/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/collector.h"
#include "base/atomic.h"
#include "collect/callback.h"
#include "collect/running.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* The slot of an unregistered collector, or the next one; PROMC_COLLECTORS_MAX: none. */
static uint32_t free_place(const promc_registry *registry)
{
    uint32_t at = 0;
    while (at < registry->collector_count && registry->collectors[at].name)
        at++;
    return at;
}

static int add(promc_registry *registry, const char *name, promc_collect_fn collect, void *user, void *owned)
{
    if (!registry || !name || !*name || !collect)
        return promc_fail(PROMC_E_INVALID, "a collector needs a registry, a name and a function");
    if (registry->arena.readonly)
        return promc_fail(PROMC_E_INVALID, "collector \"%s\": the registry is read-only", name);
    char *copy = strdup(name);
    if (!copy)
        return promc_fail(PROMC_E_NOMEM, "collector \"%s\": out of memory", name);
    promc_counter errors;
    int rc = promc_counter_get(registry->collector_errors, (const char *[]){name}, &errors);
    pthread_mutex_lock(&registry->local_lock);
    uint32_t at = free_place(registry);
    if (rc == 0 && at == PROMC_COLLECTORS_MAX)
        rc = promc_fail(PROMC_E_FULL, "collector \"%s\": the registry already has %d collectors", name,
                        PROMC_COLLECTORS_MAX);
    if (rc == 0) {
        struct promc_collector *place = &registry->collectors[at];
        place->name = copy;
        place->user = user;
        place->owned = owned;
        place->errors = errors;
        promc_store_release(&place->collect, collect);
        if (at == registry->collector_count)
            promc_store_release(&registry->collector_count, at + 1);
    }
    pthread_mutex_unlock(&registry->local_lock);
    if (rc != 0)
        free(copy);
    return rc;
}

int promc_collector_register(promc_registry *registry, const char *name, promc_collect_fn collect, void *user)
{
    return add(registry, name, collect, user, NULL);
}

int promc_collector_give(promc_registry *registry, const char *name, promc_collect_fn collect, void *owned)
{
    return add(registry, name, collect, owned, owned);
}

bool promc_collector_is_there(promc_registry *registry, const char *name, promc_collect_fn collect)
{
    bool there = false;
    pthread_mutex_lock(&registry->local_lock);
    for (uint32_t i = 0; i < registry->collector_count && !there; i++)
        there = registry->collectors[i].collect == collect && strcmp(registry->collectors[i].name, name) == 0;
    pthread_mutex_unlock(&registry->local_lock);
    return there;
}

int promc_collector_unregister(promc_registry *registry, const char *name)
{
    struct promc_collector *found = NULL;
    if (!registry || !name)
        return promc_fail(PROMC_E_INVALID, "no registry or no collector name given");
    pthread_mutex_lock(&registry->local_lock);
    for (uint32_t i = 0; i < registry->collector_count && !found; i++)
        if (registry->collectors[i].collect && strcmp(registry->collectors[i].name, name) == 0)
            found = &registry->collectors[i];
    if (found)
        promc_store(&found->collect, NULL); /* no run begins after this */
    pthread_mutex_unlock(&registry->local_lock);
    if (!found)
        return promc_fail(PROMC_E_NOT_FOUND, "collector \"%s\" is not registered", name);
    promc_running_wait(&found->running); /* without the lock: it may be registering something */
    pthread_mutex_lock(&registry->local_lock);
    free((char *)(uintptr_t)found->name);
    free(found->owned);
    found->name = NULL; /* the slot is free */
    found->owned = NULL;
    pthread_mutex_unlock(&registry->local_lock);
    return 0;
}

/* A run that has not returned successfully yet. */
struct run {
    struct promc_collector *collector;
    bool good;
};

/* Runs after a return, a cancellation of the thread and pthread_exit(). Without it the collector would count as running for ever. */
static void end_run(void *arg)
{
    struct run *run = arg;
    if (!run->good)
        promc_counter_inc(run->collector->errors);
    promc_running_end(&run->collector->running);
}

/* After the deadline it is not started: the last good values stay, and an error is counted. */
static void run(struct promc_collector *collector, uint64_t deadline_ns)
{
    if (!promc_running_begin(&collector->running))
        return; /* another scrape is running it: its values are fresh enough */
    struct run run = {collector, false};
    pthread_cleanup_push(end_run, &run);
    promc_collect_fn collect = promc_load_acquire(&collector->collect);
    bool late = deadline_ns != 0 && promc_now_ns() >= deadline_ns;
    run.good = !collect || (!late && collect(collector->user, deadline_ns) >= 0);
    pthread_cleanup_pop(1);
}

void promc_collectors_run(promc_registry *registry, uint64_t deadline_ns)
{
    uint32_t count = promc_load_acquire(&registry->collector_count);
    for (uint32_t i = 0; i < count; i++)
        run(&registry->collectors[i], deadline_ns);
    promc_callbacks_run(registry, deadline_ns);
}

void promc_collectors_forked(promc_registry *registry)
{
    for (uint32_t i = 0; i < registry->collector_count; i++)
        promc_store(&registry->collectors[i].running, 0);
    promc_callbacks_forked(registry);
}
