/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/lock.h"
#include "base/error.h"
#include "base/platform.h"

#include <errno.h>

int promc_lock_init(struct promc_arena *arena)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    bool can = !arena->shared || (promc_mutex_robust(&attributes) &&
                                  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0);
    /* glibc reports here that the kernel has no robust mutexes */
    can = can && pthread_mutex_init(&arena->header->lock, &attributes) == 0;
    pthread_mutexattr_destroy(&attributes);
    return can ? 0 : promc_fail(PROMC_E_INVALID, "this system has no robust mutexes, which a shared arena needs");
}

void promc_lock_forked(struct promc_arena *arena)
{
    if (!arena->shared)
        pthread_mutex_unlock(&arena->header->lock);
}

/* @return whether the lock is held now, even if its last owner died. */
static bool settle(promc_registry *registry, int rc)
{
    if (rc != EOWNERDEAD)
        return rc == 0;
    registry->hooks->recover(registry);
    promc_mutex_consistent(&registry->arena.header->lock);
    return true;
}

void promc_registry_lock(promc_registry *registry)
{
    (void)settle(registry, pthread_mutex_lock(&registry->arena.header->lock));
}

bool promc_registry_trylock(promc_registry *registry)
{
    return settle(registry, pthread_mutex_trylock(&registry->arena.header->lock));
}

void promc_registry_unlock(promc_registry *registry)
{
    pthread_mutex_unlock(&registry->arena.header->lock);
}
