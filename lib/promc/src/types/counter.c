/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/counter.h>

#include "read/snapshot.h"
#include "registry/registry_internal.h"
#include "series/series.h"
#include "shard/shard_internal.h"

#include <math.h>

/* Up to here a double counts whole numbers without gaps. */
#define WHOLE_MAX 9007199254740992.0

int promc_counter_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(
        registry, &(struct promc_family_plan){.type = PROMC_COUNTER, .settings = settings, .cells = 2}, out);
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

int promc_counter_add(promc_counter counter, double n)
{
    if (PROMC_UNLIKELY(!(n >= 0) || isinf(n)))
        return promc_fail(PROMC_E_INVALID, "a counter cannot take %g", n);
    if (n < WHOLE_MAX && n == (double)(uint64_t)n) {
        promc_cell_add(counter.ref, (uint64_t)n);
        return 0;
    }
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(counter.ref, &cell, &shared);
    if (!base)
        return 0;
    if (shared)
        promc_double_add(&base[cell + 1], n);
    else
        promc_double_add_own(&base[cell + 1], n);
    return 0;
}

double promc_counter_value(promc_counter counter)
{
    const struct promc_child *child = promc_series_child(counter.ref);
    const promc_registry *registry = promc_registry_in_slot(promc_ref_slot(counter.ref));
    if (!child || !registry)
        return 0;
    uint64_t integer;
    double fraction;
    promc_read_counter(registry, child, &integer, &fraction);
    return (double)integer + fraction;
}
