/* SPDX-License-Identifier: Apache-2.0 */
/* The arena's lock: robust, and in a shared arena shared by processes. A process that died with it is cleaned up after. */
#ifndef PROMC_ARENA_LOCK_H
#define PROMC_ARENA_LOCK_H

#include "arena/registry.h"

void promc_registry_lock(promc_registry *registry);
bool promc_registry_trylock(promc_registry *registry);
void promc_registry_unlock(promc_registry *registry);

/* Of a fresh arena. */
void promc_lock_init(struct promc_arena *arena);
/* After fork, in the child: a private arena's lock is anew nobody's (it is robust, so only its owner could unlock it). */
void promc_lock_forked(struct promc_arena *arena);

#endif
