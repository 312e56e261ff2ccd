/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/self.h"
#include "series/birth.h"

static int own_family(promc_registry *registry, enum promc_row row, const promc_family_settings *settings,
                      promc_family **out)
{
    return promc_family_create(
        registry, &(struct promc_family_plan){.row = row, .settings = settings, .flags = PROMC_FAMILY_SELF}, out);
}

static int own_gauge(promc_registry *registry, const char *name, const char *help, const char *unit, promc_gauge *out)
{
    promc_family *family;
    int rc = own_family(registry, PROMC_ROW_GAUGE, &(promc_family_settings){.name = name, .help = help, .unit = unit},
                        &family);
    return rc < 0 ? rc : promc_gauge_get(family, NULL, out);
}

static int own_counter(promc_registry *registry, const char *name, const char *help, promc_counter *out)
{
    promc_family *family;
    int rc = own_family(registry, PROMC_ROW_COUNTER, &(promc_family_settings){.name = name, .help = help}, &family);
    return rc < 0 ? rc : promc_counter_get(family, NULL, out);
}

static int own_counters_by(promc_registry *registry, const char *name, const char *help, const char *label,
                           promc_family **out)
{
    return own_family(registry, PROMC_ROW_COUNTER,
                      &(promc_family_settings){.name = name, .help = help, .labels = {label}, .max_series = UINT32_MAX},
                      out);
}

int promc_self_register(promc_registry *registry)
{
    promc_family *dropped;
    int rc = own_gauge(registry, "promc_scrape_duration_seconds",
                       "Duration of the previous scrape, including the time the scraper took to read it.", "seconds",
                       &registry->scrape_duration);
    if (rc == 0)
        rc = own_gauge(registry, "promc_scrape_bytes", "Size of the previous scrape's response.", "bytes",
                       &registry->scrape_bytes);
    if (rc == 0)
        rc = own_gauge(registry, "promc_series", "Number of series in the registry.", NULL, &registry->series);
    if (rc == 0)
        rc = own_gauge(registry, "promc_arena_bytes", "Memory used by the registry.", "bytes", &registry->arena_bytes);
    if (rc == 0)
        rc = own_gauge(registry, "promc_arena_limit_bytes", "Memory limit of the registry.", "bytes",
                       &registry->arena_limit_bytes);
    if (rc == 0)
        rc = own_gauge(registry, "promc_birth_zero_seconds",
                       "Minimum time for which a family exposes a new series as 0; 0 if no family does.", "seconds",
                       &registry->birth_zero_seconds);
    if (rc == 0)
        rc = own_gauge(registry, "promc_series_withheld", "Series currently exposed as 0 because they are new.", NULL,
                       &registry->series_withheld);
    if (rc == 0)
        rc = own_counter(registry, "promc_stale_updates_total", "Updates through the handle of a removed series.",
                         &registry->stale_updates);
    if (rc == 0)
        rc = own_counter(registry, "promc_invalid_observations_total",
                         "Refused observations: NaN, or negative or infinite in a summary.",
                         &registry->invalid_observations);
    if (rc == 0)
        rc = own_counters_by(registry, "promc_collector_errors_total",
                             "Collector runs that failed or exceeded their deadline.", "collector",
                             &registry->collector_errors);
    if (rc == 0)
        rc = own_family(
            registry, PROMC_ROW_COUNTER,
            &(promc_family_settings){.name = "promc_refused_updates_total",
                                     .help = "Lookups and updates refused because of a program error, by reason.",
                                     .labels = {"family", "reason"},
                                     .max_series = UINT32_MAX},
            &registry->refused_updates);
    if (rc == 0)
        rc = own_counters_by(registry, "promc_series_dropped_total",
                             "Lookups that got the overflow series because of a series cap or the memory limit.",
                             "family", &dropped);
    if (rc == 0)
        registry->series_dropped = dropped; /* from here on, each new family with labels gets a series in it */
    return rc;
}

void promc_self_update(promc_registry *registry)
{
    if (registry->arena.readonly)
        return;
    promc_registry_stats stats;
    (void)promc_registry_get_stats(registry, &stats, sizeof(stats));
    promc_gauge_set(registry->series, (double)stats.series);
    promc_gauge_set(registry->arena_bytes, (double)stats.arena_used_bytes);
    promc_gauge_set(registry->arena_limit_bytes, (double)stats.arena_bytes);
    struct promc_births births = promc_births_of(registry);
    promc_gauge_set(registry->birth_zero_seconds, births.least_seconds);
    promc_gauge_set(registry->series_withheld, (double)births.young);
}
