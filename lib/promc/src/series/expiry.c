/* SPDX-License-Identifier: Apache-2.0 */
#include "series/expiry.h"
#include "arena/lock.h"
#include "series/birth.h"
#include "series/hash.h"
#include "series/remove.h"
#include "series/type_ops.h"

uint32_t promc_cells_digest(const promc_registry *registry, const struct promc_child *child, uint32_t count, bool *zero)
{
    const struct promc_arena *arena = &registry->arena;
    uint64_t h = PROMC_HASH_K0;
    uint32_t used = promc_load_acquire(&arena->header->shards_used), cell = promc_child_cell(child);
    *zero = true;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t total = 0;
        for (uint32_t shard = 0; shard <= used; shard++)
            total += promc_load(promc_shard_cells(arena, shard < used ? shard : arena->header->max_threads) + cell + i);
        *zero = *zero && total == 0;
        h = promc_hash_mix(h ^ total, PROMC_HASH_K1);
    }
    return promc_hash_finish(h);
}

/* Has nothing changed for the expiry's time? Records a change since the last check. */
static bool is_idle(const promc_registry *registry, struct promc_child *child, uint32_t now)
{
    const struct promc_family_data *data = promc_child_family(child);
    struct promc_child_idle *idle = promc_child_idle(child);
    uint32_t digest;
    bool may = promc_ops_of(registry, data)->digest(registry, child, &digest);
    if (digest != promc_load(&idle->mark) || !may) {
        promc_store(&idle->mark, digest);
        promc_store(&idle->since, now);
        return false;
    }
    if (data->birth_zero_seconds != 0 && !promc_birth_is_shown(registry, data, promc_load(&child->created), now))
        return false;
    uint64_t limit = (uint64_t)data->idle_expiry_seconds * 16;
    return (int32_t)(now - promc_load(&idle->since)) >= 0 && now - promc_load(&idle->since) >= limit;
}

/* Is there room for sleeping series? */
static bool is_roomy(const promc_registry *registry, const struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    uint64_t series = promc_load(&data->series);
    if (data->cap_label && promc_child_group(child)->of != 0) {
        const struct promc_child *group = promc_at(&registry->arena, promc_child_group(child)->of);
        series = promc_load(&promc_child_group(group)->series);
    }
    return series * 4 < (uint64_t)data->max_series * 3;
}

bool promc_child_expired(promc_registry *registry, struct promc_child *child, uint32_t now)
{
    struct promc_family_data *data = promc_child_family(child);
    bool sleeps = (promc_load(&data->flags) & PROMC_FAMILY_SLEEPS) != 0;
    if (!is_idle(registry, child, now)) {
        if (promc_load(&child->flags) & PROMC_CHILD_ASLEEP)
            promc_child_unflag(child, PROMC_CHILD_ASLEEP);
        return false;
    }
    if (sleeps && (is_roomy(registry, child) || promc_load(&child->flags) & PROMC_CHILD_OVERFLOW)) {
        promc_child_flag(child, PROMC_CHILD_ASLEEP);
        return true;
    }
    if (!promc_registry_trylock(registry))
        return sleeps && (promc_load(&child->flags) & PROMC_CHILD_ASLEEP);
    bool removed = promc_child_remove(registry, data, child);
    promc_registry_unlock(registry);
    return removed;
}
