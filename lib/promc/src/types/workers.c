/* SPDX-License-Identifier: Apache-2.0 */
#include "types/workers.h"
#include "series/expiry.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "types/values.h"

#include <math.h>

#define UNSET UINT64_C(0x7ff8705072634750) /* a NaN's bits */

static uint64_t stored(double value)
{
    uint64_t bits = promc_double_bits(value);
    return bits == UNSET ? promc_double_bits(NAN) ^ UNSET : bits ^ UNSET;
}

static double value_of(uint64_t cell)
{
    return promc_cell_double(cell ^ UNSET);
}

/* This process' cell of the series; NULL: the handle is stale, which is counted. */
static uint64_t *own_cell(promc_series_ref ref)
{
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(ref, &cell, &shared);
    promc_registry *registry = promc_registry_of(ref);
    if (!base || !registry)
        return NULL;
    uint32_t home = promc_load(&registry->home);
    if (home == 0 && !shared) {
        size_t place = (size_t)((char *)promc_shard_of(base) - registry->arena.shards);
        uint32_t mine = (uint32_t)(place / registry->arena.shard_stride) + 1;
        if (__atomic_compare_exchange_n(&registry->home, &home, mine, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            home = mine;
    }
    if (home == 0)
        return base + cell;
    uint64_t *own = promc_shard_cells(&registry->arena, home - 1) + cell;
    promc_store(&own[1],
                promc_load(&own[1]) + 1); /* two concurrent updates may count as one: only the change matters */
    return own;
}

void promc_workers_set(promc_series_ref ref, double value)
{
    uint64_t *cell = own_cell(ref);
    if (cell)
        promc_store(cell, stored(value));
}

void promc_workers_add(promc_series_ref ref, double delta)
{
    uint64_t *cell = own_cell(ref);
    uint64_t old = cell ? promc_load(cell) : 0;
    while (cell && !__atomic_compare_exchange_n(cell, &old, stored((old ? value_of(old) : 0) + delta), true,
                                                __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* Combine two cells into one; either may be unset. */
static uint64_t together(uint16_t workers, uint64_t a, uint64_t b)
{
    if (a == 0 || b == 0)
        return a ? a : b;
    double one = value_of(a), other = value_of(b);
    switch ((enum promc_workers)workers) {
    case PROMC_WORKERS_MAX:
    case PROMC_WORKERS_LIVEMAX:
        return stored(fmax(one, other));
    case PROMC_WORKERS_MIN:
    case PROMC_WORKERS_LIVEMIN:
        return stored(fmin(one, other));
    default:
        return stored(one + other);
    }
}

static bool only_living(uint16_t workers)
{
    return workers == PROMC_WORKERS_LIVESUM || workers == PROMC_WORKERS_LIVEMAX || workers == PROMC_WORKERS_LIVEMIN;
}

double promc_workers_value(const promc_registry *registry, const struct promc_child *child)
{
    const struct promc_arena *arena = &registry->arena;
    uint32_t used = promc_load_acquire(&arena->header->shards_used), cell = promc_child_cell(child);
    uint16_t workers = promc_child_family(child)->workers;
    const uint64_t *common = promc_shard_cells(arena, arena->header->max_threads) + cell;
    uint64_t all = together(workers, promc_load(&common[0]), promc_load(&common[1]));
    for (uint32_t i = 0; i < used; i++)
        all = together(workers, all, promc_load(promc_shard_cells(arena, i) + cell));
    return all ? value_of(all) : 0;
}

bool promc_workers_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    out->integer = 0;
    out->number = promc_workers_value(registry, child);
    return true;
}

bool promc_workers_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest)
{
    bool zero;
    *digest = promc_cells_digest(registry, child, PROMC_WORKERS_CELLS, &zero);
    return true;
}

void promc_workers_gone(const struct promc_arena *arena, uint64_t *cells, struct promc_child *child)
{
    uint16_t workers = promc_child_family(child)->workers;
    uint64_t *dead = promc_shard_cells(arena, arena->header->max_threads) + promc_child_cell(child) + 1;
    uint64_t last = __atomic_exchange_n(cells, 0, __ATOMIC_RELAXED);
    if (!only_living(workers))
        promc_store(dead, together(workers, promc_load(dead), last));
}
