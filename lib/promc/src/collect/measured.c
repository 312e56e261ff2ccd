/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/measured.h"

#include "collect/collector.h"
#include "series/lookup.h"

#include <promc/collect.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX_MOST 65
#define NAME_MOST 64 /* length of the ready-made collectors' own names */

/* Not in the arena: in a shared one all workers would use it. */
struct measured {
    const struct promc_measured_source *source;
    promc_gauge series[PROMC_MEASURED_MAX]; /* the zero handle for values that are not exposed */
    uint64_t state[];
};

/*
 * A counter that the kernel keeps: its total is set, not added to, so it is in the child like a gauge's value and
 * has no cells. (Adding differences would add up rounding errors, and in a shared arena the totals of several processes.)
 */
static int register_family(promc_registry *registry, const struct promc_measure *measure, const char *prefix,
                           promc_family **out)
{
    char name[PREFIX_MOST + NAME_MOST];
    (void)snprintf(name, sizeof(name), "%s%s", prefix, measure->name);
    promc_family_settings settings = {.name = name, .help = measure->help, .unit = measure->unit};
    memcpy(settings.labels, measure->labels, sizeof(measure->labels));
    const struct promc_family_plan plan = {.row = measure->type == PROMC_COUNTER ? PROMC_ROW_COUNTER_KEPT
                                                                                 : PROMC_ROW_GAUGE,
                                           .settings = &settings,
                                           .flags = prefix[0] == '\0' ? PROMC_FAMILY_COLLECTED : 0};
    return promc_family_create(registry, &plan, out);
}

static int register_all(promc_registry *registry, struct measured *measured, const struct promc_measurements *first,
                        const char *prefix)
{
    const struct promc_measured_source *source = measured->source;
    promc_family *family = NULL;
    const char *registered = "";
    for (unsigned i = 0; i < source->count; i++) {
        const struct promc_measure *measure = &source->table[i];
        if (!first->have[i])
            continue;
        if (strcmp(registered, measure->name) != 0) {
            int error = register_family(registry, measure, prefix, &family);
            if (error != 0)
                return error;
            registered = measure->name;
        }
        int error = promc_series_get(family, measure->label_values, &measured->series[i].ref);
        if (error != 0)
            return error;
    }
    return 0;
}

static void show(const struct measured *measured, const struct promc_measurements *values)
{
    for (unsigned i = 0; i < measured->source->count; i++)
        if (values->have[i])
            promc_gauge_set(measured->series[i], values->value[i]);
}

static int collect(void *user, uint64_t deadline_ns)
{
    struct measured *measured = user;
    struct promc_measurements values = {0};
    (void)deadline_ns; /* a few small files of the kernel */
    int error = measured->source->measure(measured->state, &values);
    show(measured, &values);
    return error;
}

int promc_measured_register(promc_registry *registry, const struct promc_measured_source *source, const char *prefix)
{
    char collector[PREFIX_MOST + NAME_MOST];
    if (strlen(prefix) >= PREFIX_MOST) {
        return promc_fail(PROMC_E_NAME, "collector \"%s\": the prefix is longer than %d bytes", source->collector,
                          PREFIX_MOST - 1);
    }
    (void)snprintf(collector, sizeof(collector), "%s%s", prefix, source->collector);
    if (!registry || registry->arena.readonly)
        return promc_fail(PROMC_E_INVALID, "collector \"%s\": the registry is missing or read-only", source->collector);
    if (promc_collector_is_there(registry, collector, collect))
        return promc_fail(PROMC_E_DUPLICATE, "collector \"%s\" is already registered", collector);
    struct measured *measured = calloc(1, sizeof(*measured) + source->state_bytes);
    if (!measured)
        return promc_fail(PROMC_E_NOMEM, "collector \"%s\": out of memory", source->collector);
    measured->source = source;
    struct promc_measurements first = {0};
    (void)source->measure(measured->state, &first); /* unavailable values are left out */
    int error = register_all(registry, measured, &first, prefix);
    if (error == 0) {
        show(measured, &first);
        error = promc_collector_give(registry, collector, collect, measured);
    }
    if (error != 0)
        free(measured);
    return error;
}

int promc_collect_prefixed(promc_registry *registry, unsigned collectors, const char *prefix)
{
    static const struct promc_measured_source *const sources[] = {&promc_measured_process, &promc_measured_malloc,
                                                                  &promc_measured_cgroup, &promc_measured_scheduler,
                                                                  &promc_measured_pressure};
    int error = prefix && collectors != 0 && collectors <= PROMC_COLLECT_ALL
                    ? 0
                    : promc_fail(PROMC_E_INVALID,
                                 "promc_collect_prefixed: no prefix given, or unknown collectors (%#x)", collectors);
    for (unsigned i = 0; error == 0 && i < sizeof(sources) / sizeof(sources[0]); i++)
        if (collectors & 1u << i)
            error = promc_measured_register(registry, sources[i], prefix);
    return error;
}
