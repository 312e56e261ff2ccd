/* SPDX-License-Identifier: Apache-2.0 */
#include "series/birth.h"
#include "arena/lock.h"

uint32_t promc_birth_least_seconds(const promc_registry *registry)
{
    const struct promc_family_data *data = NULL;
    uint32_t least = 0;
    while ((data = promc_family_after(&registry->arena, data)))
        if (data->birth_zero_seconds != 0 && (least == 0 || data->birth_zero_seconds < least))
            least = data->birth_zero_seconds;
    return least;
}

/* Walks from the family's newest series backwards, as long as they are young. The lock is held. */
static uint64_t young_in(const promc_registry *registry, const struct promc_family_data *data, uint32_t now)
{
    uint64_t young = 0;
    for (promc_ref ref = data->last_child; ref != 0; young++) {
        const struct promc_child *child = promc_at(&registry->arena, ref);
        if (!promc_birth_is_young(registry, data, child->created, now))
            break;
        ref = child->prev;
    }
    return young;
}

struct promc_births promc_births_of(promc_registry *registry)
{
    struct promc_births births = {.least_seconds = promc_birth_least_seconds(registry)};
    const struct promc_family_data *data = NULL;
    if (births.least_seconds == 0)
        return births;
    uint32_t now = promc_registry_ticks(registry);
    promc_registry_lock(registry);
    while ((data = promc_family_after(&registry->arena, data)))
        if (data->birth_zero_seconds != 0)
            births.young += young_in(registry, data, now);
    promc_registry_unlock(registry);
    return births;
}
