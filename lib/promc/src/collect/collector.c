/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/collector.h"
#include "base/atomic.h"
#include "collect/callback.h"

#include <stdlib.h>
#include <string.h>

int promc_collector_register(promc_registry *registry, const char *name, promc_collect_fn collect, void *user)
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
    uint32_t count = registry->collector_count;
    if (rc == 0 && count == PROMC_COLLECTORS_MAX)
        rc = promc_fail(PROMC_E_FULL, "collector \"%s\": the registry has %d already", name, PROMC_COLLECTORS_MAX);
    if (rc == 0) {
        registry->collectors[count] =
            (struct promc_collector){.name = copy, .collect = collect, .user = user, .errors = errors};
        promc_store_release(&registry->collector_count, count + 1);
    }
    pthread_mutex_unlock(&registry->local_lock);
    if (rc != 0)
        free(copy);
    return rc;
}

/* Past the deadline it is not begun: the last good values stay, and the lateness is counted. */
static void run(struct promc_collector *collector, uint64_t deadline_ns)
{
    if (__atomic_exchange_n(&collector->running, 1, __ATOMIC_ACQUIRE) != 0)
        return; /* another scrape is at it: its values are as fresh as ours would be */
    bool late = deadline_ns != 0 && promc_now_ns() >= deadline_ns;
    if (late || collector->collect(collector->user, deadline_ns) < 0)
        promc_counter_inc(collector->errors);
    promc_store_release(&collector->running, 0);
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
