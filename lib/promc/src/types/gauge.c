/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/gauge.h>

#include "read/snapshot.h"
#include "registry/registry_internal.h"
#include "series/series.h"
#include "shard/process.h"
#include "shard/shard_internal.h"

#include <time.h>

int promc_gauge_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(registry, &(struct promc_family_plan){.type = PROMC_GAUGE, .settings = settings}, out);
}

int promc_updown_register(promc_registry *registry, const promc_family_settings *settings, promc_family **out)
{
    return promc_family_create(
        registry, &(struct promc_family_plan){.type = PROMC_UPDOWN, .settings = settings, .cells = 1}, out);
}

/* An untyped metric is set as a gauge is. */
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

void promc_gauge_set(promc_gauge gauge, double value)
{
    struct promc_child_value *place = place_of(gauge);
    if (!place)
        return;
    promc_store(&place->bits, promc_double_bits(value));
    promc_child_value_changed(place);
}

void promc_gauge_set_to_current_time(promc_gauge gauge)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    promc_gauge_set(gauge, (double)now.tv_sec + (double)now.tv_nsec * 1e-9);
}

void promc_gauge_add(promc_gauge gauge, double delta)
{
    struct promc_child_value *place = place_of(gauge);
    if (!place)
        return;
    promc_double_add(&place->bits, delta);
    promc_child_value_changed(place);
}

static double value_of(promc_series_ref ref)
{
    const struct promc_child *child = promc_series_child(ref);
    const promc_registry *registry = promc_registry_in_slot(promc_ref_slot(ref));
    return child && registry ? promc_read_gauge(registry, child) : 0;
}

double promc_gauge_value(promc_gauge gauge)
{
    return value_of(gauge.ref);
}

double promc_updown_value(promc_updown gauge)
{
    return value_of(gauge.ref);
}
