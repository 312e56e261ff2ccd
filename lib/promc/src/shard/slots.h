/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registries of this process. A registry's slot is its index in every thread's promc_tls.base, and in its handles. There are fifteen.
 * Further registries are in the crowd: their handles have slot 0, in which no thread has cells, so every update takes the slow path,
 * finds its registry by the address, and goes to the shared shard. So more registries work, without any cost to the fast path.
 */
#ifndef PROMC_SHARD_SLOTS_H
#define PROMC_SHARD_SLOTS_H

#include "arena/registry.h"
#include <promc/shard.h>

#define PROMC_CROWD 240

/* Guards the slots; held across fork. It is the first of all locks: then the threads', each registry's local one, the arena's. */
extern pthread_mutex_t promc_slots_lock;

/* The registry in a slot, or NULL. Lock-free. */
promc_registry *promc_registry_in_slot(uint32_t slot);
/* The registry of a handle; if that was destroyed, the one that has its slot now; NULL: none. Lock-free; O(1), in the crowd O(crowd). */
promc_registry *promc_registry_of(promc_series_ref ref);

/* With the lock held. */
/* A slot for another registry, 0: it goes to the crowd; PROMC_SLOTS: there is no room. */
uint32_t promc_slots_free(void);
/* Publish the registry in its slot, with its arena's addresses. */
void promc_slots_enter(promc_registry *registry);
/* The registry may be one that was never published. */
void promc_slots_leave(const promc_registry *registry);
/* Entry `place` of all entries, 0 to PROMC_PLACES - 1; NULL: empty. */
#define PROMC_PLACES (PROMC_SLOTS + PROMC_CROWD)
promc_registry *promc_slots_at(uint32_t place);

#endif
