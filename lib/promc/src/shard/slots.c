/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/slots.h"
#include "base/atomic.h"

pthread_mutex_t promc_slots_lock = PTHREAD_MUTEX_INITIALIZER;
static promc_registry *slots[PROMC_SLOTS];

/* `bytes` is stored last and cleared first: a thread that sees it sees the other fields. 0: the slot is empty. */
static struct {
    uintptr_t base;
    size_t bytes;
    promc_registry *registry;
} crowd[PROMC_CROWD];

promc_registry *promc_registry_in_slot(uint32_t slot)
{
    return slot < PROMC_SLOTS ? promc_load_acquire(&slots[slot]) : NULL;
}

/*
 * A handle's own entry does not change while its registry exists. Other entries may change during the search: `bytes` is read a second time
 * to recognise an entry of which one field was old and another new.
 */
static __attribute__((noinline)) promc_registry *find_in_crowd(uintptr_t where)
{
    for (uint32_t i = 0; where != 0 && i < PROMC_CROWD; i++) {
        size_t bytes = promc_load_acquire(&crowd[i].bytes);
        if (bytes == 0 || where - promc_load_acquire(&crowd[i].base) >= bytes)
            continue;
        promc_registry *registry = promc_load_acquire(&crowd[i].registry);
        if (promc_load(&crowd[i].bytes) == bytes)
            return registry;
    }
    return NULL;
}

promc_registry *promc_registry_of(promc_series_ref ref)
{
    uint32_t slot = promc_ref_slot(ref);
    return PROMC_LIKELY(slot != 0) ? promc_load_acquire(&slots[slot]) : find_in_crowd(ref.where);
}

promc_registry *promc_slots_at(uint32_t place)
{
    return place < PROMC_SLOTS ? slots[place] : crowd[place - PROMC_SLOTS].registry;
}

uint32_t promc_slots_free(void)
{
    for (uint32_t slot = 1; slot < PROMC_SLOTS; slot++)
        if (!slots[slot])
            return slot;
    for (uint32_t i = 0; i < PROMC_CROWD; i++)
        if (!crowd[i].registry)
            return 0;
    return PROMC_SLOTS;
}

static void enter_crowd(promc_registry *registry)
{
    uint32_t i = 0;
    while (crowd[i].registry)
        i++;
    promc_store_release(&crowd[i].base, (uintptr_t)registry->arena.base);
    promc_store_release(&crowd[i].registry, registry);
    promc_store_release(&crowd[i].bytes, registry->arena.bytes);
}

void promc_slots_enter(promc_registry *registry)
{
    if (registry->slot != 0)
        promc_store_release(&slots[registry->slot], registry);
    else
        enter_crowd(registry);
}

void promc_slots_leave(const promc_registry *registry)
{
    if (registry->slot != 0)
        promc_store_release(&slots[registry->slot], NULL);
    for (uint32_t i = 0; registry->slot == 0 && i < PROMC_CROWD; i++) {
        if (crowd[i].registry != registry)
            continue;
        promc_store_release(&crowd[i].bytes, 0);
        promc_store_release(&crowd[i].registry, NULL);
    }
}
