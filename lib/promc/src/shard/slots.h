/* SPDX-License-Identifier: Apache-2.0 */
/* The registries of this process. A registry's slot is its place in every thread's promc_tls.base, and in its handles. */
#ifndef PROMC_SHARD_SLOTS_H
#define PROMC_SHARD_SLOTS_H

#include "arena/registry.h"

/* Guards the slots; held across fork. The first of all locks: then the threads', each registry's local one, the arena's. */
extern pthread_mutex_t promc_slots_lock;

/* The registry in a slot, or NULL. Lock-free. */
promc_registry *promc_registry_in_slot(uint32_t slot);
/* A free slot, or PROMC_SLOTS: none. The lock is held. */
uint32_t promc_slots_free(void);
/* Make the registry found in its slot; NULL: nobody. The lock is held. */
void promc_slots_set(uint32_t slot, promc_registry *registry);

#endif
