/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/slots.h"
#include "base/atomic.h"

pthread_mutex_t promc_slots_lock = PTHREAD_MUTEX_INITIALIZER;
static promc_registry *slots[PROMC_SLOTS];

promc_registry *promc_registry_in_slot(uint32_t slot)
{
    return slot < PROMC_SLOTS ? promc_load_acquire(&slots[slot]) : NULL;
}

uint32_t promc_slots_free(void)
{
    uint32_t slot = 1;
    while (slot < PROMC_SLOTS && slots[slot])
        slot++;
    return slot;
}

void promc_slots_set(uint32_t slot, promc_registry *registry)
{
    promc_store_release(&slots[slot], registry);
}
