/* SPDX-License-Identifier: Apache-2.0 */
#include "types/counter.h"
#include "series/expiry.h"
#include "series/lookup.h"
#include "series/refused.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "types/values.h"

#include <promc/counter.h>

#include <math.h>

/* Up to here a double represents all integers. */
#define WHOLE_MAX 9007199254740992.0
/* promc_counter_add() adds nothing to an integer cell above this: it might wrap, and the counter would fall. */
#define CELL_MOST (UINT64_C(1) << 62)

int promc_counter_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(registry, &(struct promc_family_plan){.row = PROMC_ROW_COUNTER, .settings = settings},
                               out);
}

int promc_counter_get(promc_family *family, const char *const *values, promc_counter *out)
{
    if (PROMC_UNLIKELY(promc_family_expect(family, PROMC_COUNTER, "a counter") < 0)) {
        *out = (promc_counter){0};
        return PROMC_E_TYPE;
    }
    return promc_series_get(family, values, &out->ref);
}

int promc_counter_get_n(promc_family *family, const promc_str *values, size_t count, promc_counter *out)
{
    if (PROMC_UNLIKELY(promc_family_expect(family, PROMC_COUNTER, "a counter") < 0)) {
        *out = (promc_counter){0};
        return PROMC_E_TYPE;
    }
    return promc_series_get_n(family, values, count, &out->ref);
}

promc_counter promc_counter_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_counter out = {0};
    if (PROMC_LIKELY(promc_family_expect(family, PROMC_COUNTER, "a counter") == 0))
        out.ref = promc_series_with(family, values, count);
    return out;
}

/* The thread has no shard yet, the handle is stale, or the integer is so large that its cell may wrap. */
static __attribute__((noinline)) int add_slow(promc_counter counter, double n, bool whole)
{
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(counter.ref, &cell, &shared);
    if (!base)
        return 0;
    if (whole && promc_load(&base[cell]) < CELL_MOST) {
        promc_cell_add(counter.ref, (uint64_t)n);
        return 0;
    }
    if (shared)
        promc_double_add(&base[cell + 1], n);
    else
        promc_double_add_own(&base[cell + 1], n);
    return 0;
}

static __attribute__((noinline, cold)) int refuse(promc_counter counter, double n)
{
    promc_refused_series(counter.ref, PROMC_REFUSED_OBSERVATION);
    return promc_fail(PROMC_E_INVALID, "%g cannot be added to a counter", n);
}

int promc_counter_add(promc_counter counter, double n)
{
    if (PROMC_UNLIKELY(!(n >= 0) || isinf(n)))
        return refuse(counter, n);
    bool whole = n < WHOLE_MAX && n == (double)(int64_t)n; /* signed: one instruction for both directions */
    if (whole && n < (double)(UINT32_MAX / 2)) {           /* so small that no cell wraps while the program runs */
        promc_cell_add(counter.ref, (uint64_t)(int64_t)n);
        return 0;
    }
    promc_series_ref ref = counter.ref;
    uint64_t *base = promc_tls.base[promc_ref_slot(ref)];
    if (PROMC_UNLIKELY(whole || !base || promc_load(&promc_ref_live(ref)->word) != ref.word))
        return add_slow(counter, n, whole);
    promc_double_add_own(base + (uint32_t)ref.word + 1, n);
    return 0;
}

static inline void read(const promc_registry *registry, const struct promc_child *child, uint64_t *integer,
                        double *fraction)
{
    const struct promc_arena *arena = &registry->arena;
    const uint64_t *cells = promc_shard_cells(arena, 0) + promc_child_cell(child);
    uint32_t used = promc_load_acquire(&arena->header->shards_used);
    uint64_t whole = 0;
    double rest = 0;
    for (uint32_t i = 0; i < used; i++) {
        if (__builtin_add_overflow(whole, promc_load(&cells[0]), &whole))
            rest += 0x1p64; /* the sum of the cells has wrapped */
        rest += promc_cell_double(promc_load(&cells[1]));
        cells += arena->shard_stride / 8;
    }
    if (promc_load(&arena->header->shared_used)) {
        cells = promc_shard_cells(arena, arena->header->max_threads) + promc_child_cell(child);
        if (__builtin_add_overflow(whole, promc_load(&cells[0]), &whole))
            rest += 0x1p64;
        rest += promc_cell_double(promc_load(&cells[1]));
    }
    *integer = whole;
    *fraction = rest;
}

bool promc_counter_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    read(registry, child, &out->integer, &out->number);
    return true;
}

bool promc_counter_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest)
{
    bool zero;
    *digest = promc_cells_digest(registry, child, 2, &zero);
    return true;
}

double promc_counter_value(promc_counter counter)
{
    const struct promc_child *child = promc_series_child(counter.ref);
    const promc_registry *registry = promc_registry_of(counter.ref);
    if (!child || !registry)
        return 0;
    if (promc_child_family(child)->cells == 0) /* its value is in the child */
        return promc_cell_double(promc_load(&promc_child_value(child)->bits));
    uint64_t integer;
    double fraction;
    read(registry, child, &integer, &fraction);
    return (double)integer + fraction;
}
