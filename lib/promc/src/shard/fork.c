/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/fork.h"
#include "arena/lock.h"
#include "shard/process.h"
#include "shard/slots.h"
#include "shard/thread.h"

#include <signal.h>

static bool installed;
static sigset_t saved_mask; /* of the forking thread; the slots' lock guards it */

/*
 * Take every lock in the defined order (slots, threads, then each registry's), so that the child inherits no unfinished
 * change. A shared arena's own lock is not taken: it stays with its holder in the parent. Signals are blocked, so that no
 * handler updates a metric in the child before the child has released the parent's shards.
 */
static void prepare(void)
{
    sigset_t all;
    pthread_mutex_lock(&promc_slots_lock);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &saved_mask);
    (void)promc_threads_lock();
    for (uint32_t place = 0; place < PROMC_PLACES; place++) {
        promc_registry *registry = promc_slots_at(place);
        if (!registry)
            continue;
        pthread_mutex_lock(&registry->local_lock);
        if (!registry->arena.shared)
            promc_registry_lock(registry);
    }
}

static void in_parent(void)
{
    for (uint32_t place = PROMC_PLACES; place-- > 0;) {
        promc_registry *registry = promc_slots_at(place);
        if (!registry)
            continue;
        if (!registry->arena.shared)
            promc_registry_unlock(registry);
        pthread_mutex_unlock(&registry->local_lock);
    }
    promc_threads_unlock();
    sigset_t mask = saved_mask;
    pthread_mutex_unlock(&promc_slots_lock);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

static void in_child(void)
{
    promc_self_reset();
    promc_threads_reset();
    for (uint32_t place = 0; place < PROMC_PLACES; place++) {
        promc_registry *registry = promc_slots_at(place);
        if (!registry)
            continue;
        pthread_mutex_unlock(&registry->local_lock);
        promc_lock_forked(&registry->arena);
        registry->hooks->forked(registry);
    }
    sigset_t mask = saved_mask;
    pthread_mutex_unlock(&promc_slots_lock);
    pthread_sigmask(SIG_SETMASK, &mask, NULL);
}

int promc_fork_init(void)
{
    if (installed)
        return 0;
    if (pthread_atfork(prepare, in_parent, in_child) != 0)
        return promc_fail(PROMC_E_NOMEM, "pthread_atfork failed");
    installed = true;
    return 0;
}
