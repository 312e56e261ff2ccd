/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/lock.h"

#include <errno.h>

void promc_lock_init(struct promc_arena *arena)
{
    pthread_mutexattr_t attributes;
    pthread_mutexattr_init(&attributes);
    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
    if (arena->shared)
        pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&arena->header->lock, &attributes);
    pthread_mutexattr_destroy(&attributes);
}

void promc_lock_forked(struct promc_arena *arena)
{
    if (arena->shared)
        return;
    /* Refused, since the parent's thread holds it; but ThreadSanitizer, which follows locks, then knows it is free. */
    (void)pthread_mutex_unlock(&arena->header->lock);
    promc_lock_init(arena);
}

/* @return whether the lock is held, whoever had it before. */
static bool settle(promc_registry *registry, int rc)
{
    if (rc != EOWNERDEAD)
        return rc == 0;
    registry->hooks->recover(registry);
    pthread_mutex_consistent(&registry->arena.header->lock);
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
