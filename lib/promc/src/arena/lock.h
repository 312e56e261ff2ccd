/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The arena's lock. In a shared arena processes share it, and it is robust: if a process dies while it holds the lock, the next holder
 * repairs the changes. In a private arena it is not robust: a forked child has to release the lock that the parent took for it, but only
 * its owner can release a robust one (and musl's list of a thread's robust locks, which fork copies, would contain it twice).
 */
#ifndef PROMC_ARENA_LOCK_H
#define PROMC_ARENA_LOCK_H

#include "arena/registry.h"

void promc_registry_lock(promc_registry *registry);
bool promc_registry_trylock(promc_registry *registry);
void promc_registry_unlock(promc_registry *registry);

/* Initialise the lock of a fresh arena. PROMC_E_INVALID if the system cannot share it. */
int promc_lock_init(struct promc_arena *arena);
/* After fork, in the child: release a private arena's lock. */
void promc_lock_forked(struct promc_arena *arena);

#endif
