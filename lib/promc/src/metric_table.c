/* SPDX-License-Identifier: Apache-2.0 */
/* Static tables of metrics. The struct's layout is the compiler's; it is retraced here row by row. */
#include <promc/table.h>

#include "atomic.h"
#include "registry_internal.h"

#include <string.h>

/* Every handle type is a promc_series_ref and nothing else, so that rows of all types are filled alike. */
_Static_assert(sizeof(promc_counter) == sizeof(promc_series_ref), "a counter's handle");
_Static_assert(sizeof(promc_gauge) == sizeof(promc_series_ref), "a gauge's handle");
_Static_assert(sizeof(promc_updown) == sizeof(promc_series_ref), "an up-down gauge's handle");
_Static_assert(sizeof(promc_histogram) == sizeof(promc_series_ref), "a histogram's handle");

size_t promc_table_series(const promc_table_metric *metric)
{
    size_t series = 1;
    if (metric->is_family)
        return 0;
    for (const promc_table_label *label = metric->labels; label->name; label++)
        series *= label->value_count;
    return series;
}

static size_t aligned(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

/* Where the row's member begins, at or after `offset`; *next is where it ends. */
static size_t member_of(const promc_table_metric *metric, size_t offset, size_t *next)
{
    size_t at = aligned(offset, metric->is_family ? _Alignof(promc_family *) : _Alignof(promc_series_ref));
    *next = at + (metric->is_family ? sizeof(promc_family *) : promc_table_series(metric) * sizeof(promc_series_ref));
    return at;
}

static int check(const promc_table *table)
{
    size_t offset = 0;
    for (size_t i = 0; i < table->metric_count; i++) {
        const promc_table_metric *metric = &table->metrics[i];
        (void)member_of(metric, offset, &offset);
        if (!metric->is_family && metric->options.idle_expiry_seconds)
            return promc_fail(PROMC_E_INVALID,
                              "table \"%s\": the series of \"%s\" are array elements and cannot expire", table->name,
                              metric->name);
    }
    if (aligned(offset, _Alignof(promc_series_ref)) != aligned(table->handles_bytes, _Alignof(promc_series_ref)))
        return promc_fail(PROMC_E_INVALID, "table \"%s\": its rows make a struct of %zu bytes, not of %zu", table->name,
                          offset, table->handles_bytes);
    return 0;
}

static int register_family(promc_registry *registry, const promc_table_metric *metric, promc_family **out)
{
    promc_histogram_settings settings = {
        .family = {.name = metric->name,
                   .help = metric->help,
                   .unit = metric->options.unit,
                   .max_series = metric->options.max_series,
                   .idle_expiry_seconds = metric->options.idle_expiry_seconds},
        .buckets = metric->options.buckets,
        .bucket_count = metric->options.bucket_count,
    };
    for (size_t i = 0; i < PROMC_MAX_LABELS && metric->labels[i].name; i++)
        settings.family.labels[i] = metric->labels[i].name;
    switch (metric->type) {
    case PROMC_COUNTER:
        return promc_counter_register(registry, &settings.family, out);
    case PROMC_GAUGE:
        return promc_gauge_register(registry, &settings.family, out);
    case PROMC_UPDOWN:
        return promc_updown_register(registry, &settings.family, out);
    case PROMC_HISTOGRAM:
        return promc_histogram_register(registry, &settings, out);
    default:
        return promc_fail(PROMC_E_TYPE, "metric \"%s\": type %d cannot be in a table", metric->name, metric->type);
    }
}

/* One series, through the handle type of the row. */
static int get(const promc_table_metric *metric, promc_family *family, const char *const *values, promc_series_ref *out)
{
    promc_counter counter = {{0}};
    promc_gauge gauge = {{0}};
    promc_updown updown = {{0}};
    promc_histogram histogram = {{0}};
    int rc;
    switch (metric->type) {
    case PROMC_COUNTER:
        rc = promc_counter_get(family, values, &counter);
        *out = counter.ref;
        return rc;
    case PROMC_GAUGE:
        rc = promc_gauge_get(family, values, &gauge);
        *out = gauge.ref;
        return rc;
    case PROMC_UPDOWN:
        rc = promc_updown_get(family, values, &updown);
        *out = updown.ref;
        return rc;
    default:
        rc = promc_histogram_get(family, values, &histogram);
        *out = histogram.ref;
        return rc;
    }
}

/* Row-major, as C lays out an array of arrays: the last label's value changes fastest. */
static int create_series(const promc_table_metric *metric, promc_family *family, promc_series_ref *handles)
{
    size_t series = promc_table_series(metric), labels = 0;
    while (metric->labels[labels].name)
        labels++;
    for (size_t i = 0; i < series; i++) {
        const char *values[PROMC_MAX_LABELS] = {NULL};
        size_t rest = i;
        for (size_t k = labels; k-- > 0;) {
            values[k] = metric->labels[k].values[rest % metric->labels[k].value_count];
            rest /= metric->labels[k].value_count;
        }
        int rc = get(metric, family, values, &handles[i]);
        if (rc < 0)
            return rc;
    }
    /* past a cap the lookup gives the overflow series, which would make several elements one */
    if (promc_load_acquire(&family->data->overflow))
        return promc_fail(PROMC_E_FULL,
                          "metric \"%s\" has %zu combinations of label values, more than its cap or the arena",
                          metric->name, series);
    return 0;
}

int promc_table_register(promc_registry *registry, const promc_table *table, void *handles)
{
    memset(handles, 0, table->handles_bytes);
    int rc = check(table);
    size_t next = 0;
    for (size_t i = 0; i < table->metric_count && rc == 0; i++) {
        const promc_table_metric *metric = &table->metrics[i];
        char *member = (char *)handles + member_of(metric, next, &next);
        promc_family *family;
        rc = register_family(registry, metric, &family);
        if (rc == 0 && metric->is_family)
            memcpy(member, &family, sizeof(family));
        else if (rc == 0)
            rc = create_series(metric, family, (promc_series_ref *)(void *)member);
    }
    if (rc < 0)
        memset(handles, 0, table->handles_bytes);
    return rc;
}
