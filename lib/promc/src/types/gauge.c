/* SPDX-License-Identifier: Apache-2.0 */
#include "types/gauge.h"
#include "series/expiry.h"
#include "series/hash.h"
#include "series/lookup.h"
#include "series/refused.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "types/values.h"
#include "types/workers.h"

#include <promc/gauge.h>
#include <sched.h>
#include <time.h>

int promc_gauge_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    bool workers = registry && registry->arena.shared && settings && settings->workers != PROMC_WORKERS_MOSTRECENT;
    enum promc_row row = workers ? PROMC_ROW_GAUGE_WORKERS : PROMC_ROW_GAUGE;
    return promc_family_create(registry, &(struct promc_family_plan){.row = row, .settings = settings}, out);
}

int promc_updown_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(registry, &(struct promc_family_plan){.row = PROMC_ROW_UPDOWN, .settings = settings},
                               out);
}

/* An untyped metric is set like a gauge. */
static int expect_settable(const promc_family *family)
{
    if (family && family->type == PROMC_UNTYPED)
        return 0;
    return promc_family_expect(family, PROMC_GAUGE, "a gauge that can be set");
}

int promc_gauge_get(promc_family *family, const char *const *values, promc_gauge *out)
{
    *out = (promc_gauge){0};
    int rc = expect_settable(family);
    return rc < 0 ? rc : promc_series_get(family, values, &out->ref);
}

int promc_gauge_get_n(promc_family *family, const promc_str *values, size_t count, promc_gauge *out)
{
    *out = (promc_gauge){0};
    int rc = expect_settable(family);
    return rc < 0 ? rc : promc_series_get_n(family, values, count, &out->ref);
}

promc_gauge promc_gauge_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_gauge out = {0};
    if (expect_settable(family) == 0)
        out.ref = promc_series_with(family, values, count);
    return out;
}

int promc_updown_get(promc_family *family, const char *const *values, promc_updown *out)
{
    *out = (promc_updown){0};
    int rc = promc_family_expect(family, PROMC_UPDOWN, "an up-down gauge");
    return rc < 0 ? rc : promc_series_get(family, values, &out->ref);
}

int promc_updown_get_n(promc_family *family, const promc_str *values, size_t count, promc_updown *out)
{
    *out = (promc_updown){0};
    int rc = promc_family_expect(family, PROMC_UPDOWN, "an up-down gauge");
    return rc < 0 ? rc : promc_series_get_n(family, values, count, &out->ref);
}

promc_updown promc_updown_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_updown out = {0};
    if (promc_family_expect(family, PROMC_UPDOWN, "an up-down gauge") == 0)
        out.ref = promc_series_with(family, values, count);
    return out;
}

/* The value's place, or NULL for a zero or stale (then counted) handle. */
static struct promc_child_value *place_of(promc_gauge gauge)
{
    const struct promc_child *child = promc_series_child(gauge.ref);
    if (PROMC_UNLIKELY(!child)) {
        promc_cell_add_slow(gauge.ref, 0);
        return NULL;
    }
    return promc_child_value(child);
}

/* Only a gauge with `workers` has cells. The zero handle has none. */
static bool is_of_workers(promc_gauge gauge)
{
    return (uint32_t)gauge.ref.word != 0;
}

void promc_gauge_set(promc_gauge gauge, double value)
{
    if (PROMC_UNLIKELY(is_of_workers(gauge))) {
        promc_workers_set(gauge.ref, value);
        return;
    }
    struct promc_child_value *place = place_of(gauge);
    if (!place)
        return;
    promc_store(&place->bits, promc_double_bits(value));
    promc_child_value_changed(place);
}

int promc_gauge_set_at(promc_gauge gauge, double value, int64_t time_ms)
{
    if (time_ms < 0 || time_ms > INT64_C(1) << 62)
        return promc_fail(PROMC_E_INVALID, "time %lld ms is out of range", (long long)time_ms);
    if (is_of_workers(gauge))
        return promc_fail(PROMC_E_INVALID, "a gauge with workers cannot have a time");
    struct promc_child_value *place = place_of(gauge);
    if (!place)
        return promc_fail(PROMC_E_NOT_FOUND, "the gauge's series does not exist (any more)");
    struct promc_family_data *data = promc_child_family(promc_series_block(gauge.ref));
    if (!(promc_load(&data->flags) & PROMC_FAMILY_TIMED))
        (void)__atomic_fetch_or(&data->flags, PROMC_FAMILY_TIMED, __ATOMIC_RELAXED);
    promc_store(&place->updates, PROMC_VALUE_TORN);
    promc_store_release(&place->bits, promc_double_bits(value));
    promc_store_release(&place->updates, PROMC_VALUE_TIMED | (uint64_t)time_ms);
    return 0;
}

void promc_gauge_set_to_current_time(promc_gauge gauge)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    promc_gauge_set(gauge, (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
}

void promc_gauge_add(promc_gauge gauge, double delta)
{
    if (PROMC_UNLIKELY(is_of_workers(gauge))) {
        promc_workers_add(gauge.ref, delta);
        return;
    }
    struct promc_child_value *place = place_of(gauge);
    if (!place)
        return;
    promc_double_add(&place->bits, delta);
    promc_child_value_changed(place);
}

static double kept(const struct promc_child *child)
{
    return promc_cell_double(promc_load(&promc_child_value(child)->bits));
}

/* Attempts to read a value together with its time. After the last one, the newest value is used. */
enum { LOOKS = 1000, LOOKS_PER_YIELD = 8 };

bool promc_kept_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    const struct promc_child_value *value = promc_child_value(child);
    (void)registry;
    out->integer = 0;
    for (unsigned i = 0; i < LOOKS; i++) {
        uint64_t time = promc_load_acquire(&value->updates);
        out->number = promc_cell_double(promc_load_acquire(&value->bits));
        if (!(time & PROMC_VALUE_TIMED))
            return true;
        if (time != PROMC_VALUE_TORN && promc_load(&value->updates) == time) {
            out->time_ms = time & ~PROMC_VALUE_TIMED;
            out->timed = true;
            return true;
        }
        if (i % LOOKS_PER_YIELD == LOOKS_PER_YIELD - 1)
            sched_yield();
    }
    return false;
}

bool promc_kept_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest)
{
    const struct promc_child_value *value = promc_child_value(child);
    (void)registry;
    *digest = promc_hash_finish(
        promc_hash_mix(promc_load(&value->bits) ^ PROMC_HASH_K0, promc_load(&value->updates) ^ PROMC_HASH_K1));
    return true;
}

static double updown(const promc_registry *registry, const struct promc_child *child)
{
    const struct promc_arena *arena = &registry->arena;
    uint32_t used = promc_load_acquire(&arena->header->shards_used), cell = promc_child_cell(child);
    uint64_t total = 0;
    for (uint32_t i = 0; i < used; i++)
        total += promc_load(promc_shard_cells(arena, i) + cell);
    if (promc_load(&arena->header->shared_used))
        total += promc_load(promc_shard_cells(arena, arena->header->max_threads) + cell);
    return (double)(int64_t)total;
}

bool promc_updown_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    out->integer = 0;
    out->number = updown(registry, child);
    return true;
}

bool promc_updown_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest)
{
    bool zero;
    *digest = promc_cells_digest(registry, child, 1, &zero);
    return zero;
}

void promc_updown_gone(const struct promc_arena *arena, uint64_t *cells, struct promc_child *child)
{
    (void)arena;
    (void)child;
    promc_store(&cells[0], 0);
}

double promc_gauge_value(promc_gauge gauge)
{
    const struct promc_child *child = promc_series_child(gauge.ref);
    const promc_registry *registry = promc_registry_of(gauge.ref);
    if (child && is_of_workers(gauge))
        return registry ? promc_workers_value(registry, child) : 0;
    return child ? kept(child) : 0;
}

double promc_updown_value(promc_updown gauge)
{
    const struct promc_child *child = promc_series_child(gauge.ref);
    const promc_registry *registry = promc_registry_of(gauge.ref);
    return child && registry ? updown(registry, child) : 0;
}
