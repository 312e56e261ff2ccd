/* SPDX-License-Identifier: Apache-2.0 */
/* Static tables of metrics. The struct's layout is the compiler's; here it is computed again, row by row. */
#include <promc/table.h>

#include "base/atomic.h"
#include "series/lookup.h"

#include <string.h>

/* Every handle type contains only a promc_series_ref, so rows of all types are filled in the same way. */
_Static_assert(sizeof(promc_counter) == sizeof(promc_series_ref), "a counter's handle");
_Static_assert(sizeof(promc_gauge) == sizeof(promc_series_ref), "a gauge's handle");
_Static_assert(sizeof(promc_updown) == sizeof(promc_series_ref), "an up-down gauge's handle");
_Static_assert(sizeof(promc_histogram) == sizeof(promc_series_ref), "a histogram's handle");
_Static_assert(sizeof(promc_summary) == sizeof(promc_series_ref), "a summary's handle");

size_t promc_table_series(const promc_table_metric *metric)
{
    size_t series = 1;
    if (metric->is_family)
        return 0;
    for (const promc_table_label *label = metric->labels; label->name; label++)
        series *= label->value_count;
    return series;
}

size_t promc_table_labels(const promc_table_metric *metric, promc_table_label labels[PROMC_MAX_LABELS])
{
    size_t count = 0;
    while (count < PROMC_MAX_LABELS && metric->labels[count].name) {
        labels[count] = metric->labels[count];
        count++;
    }
    if (metric->type == PROMC_STATESET && count < PROMC_MAX_LABELS)
        labels[count++] = (promc_table_label){metric->name, metric->options.states, metric->options.state_count};
    return count;
}

static size_t aligned(size_t offset, size_t alignment)
{
    return (offset + alignment - 1) / alignment * alignment;
}

/* The start of the row's member, at or after `offset`; *next is its end. */
static size_t member_of(const promc_table_metric *metric, size_t offset, size_t *next)
{
    size_t at = aligned(offset, metric->is_family ? _Alignof(promc_family *) : _Alignof(promc_series_ref));
    *next = at + (metric->is_family ? sizeof(promc_family *) : promc_table_series(metric) * sizeof(promc_series_ref));
    return at;
}

/* Options that the row's type cannot use: an error of the table's author. */
static int check_options(const promc_table *table, const promc_table_metric *metric)
{
    const promc_table_options *options = &metric->options;
    const char *wrong = options->buckets && metric->type != PROMC_HISTOGRAM ? "buckets but is not a histogram"
                        : options->summary && metric->type != PROMC_SUMMARY
                            ? "a summary's settings but is not a summary"
                        : options->states && metric->type != PROMC_STATESET ? "states but is not a stateset"
                        : options->value && !metric->by_callback            ? "a value function but is not a callback"
                                                                            : NULL;
    if (wrong)
        return promc_fail(PROMC_E_INVALID, "table \"%s\": \"%s\" has %s", table->name, metric->name, wrong);
    bool expires = options->idle_expiry_seconds || (options->summary && options->summary->family.idle_expiry_seconds);
    if (!metric->is_family && expires)
        return promc_fail(PROMC_E_INVALID, "table \"%s\": the series of \"%s\" are array elements and cannot expire",
                          table->name, metric->name);
    return 0;
}

/* Words that a program compiled for a newer promc may have set. */
static int check_reserved(const promc_table *table)
{
    int rc = PROMC_RESERVED_CHECK(promc_table, table);
    for (size_t i = 0; rc == 0 && i < table->metric_count; i++) {
        rc = PROMC_RESERVED_CHECK(promc_table_metric, &table->metrics[i]);
        if (rc == 0)
            rc = PROMC_RESERVED_CHECK(promc_table_options, &table->metrics[i].options);
    }
    return rc;
}

static int check(const promc_table *table)
{
    size_t offset = 0;
    int rc = check_reserved(table);
    if (rc < 0)
        return rc;
    for (size_t i = 0; i < table->metric_count; i++) {
        const promc_table_metric *metric = &table->metrics[i];
        (void)member_of(metric, offset, &offset);
        rc = check_options(table, metric);
        if (rc < 0)
            return rc;
    }
    if (aligned(offset, _Alignof(promc_series_ref)) != aligned(table->handles_bytes, _Alignof(promc_series_ref)))
        return promc_fail(PROMC_E_INVALID, "table \"%s\": its rows need a struct of %zu bytes, it has %zu", table->name,
                          offset, table->handles_bytes);
    return 0;
}

static promc_family_settings family_settings(const promc_table_metric *metric)
{
    promc_family_settings family = {0};
    if (metric->options.summary)
        family = metric->options.summary->family;
    memset(family.labels, 0, sizeof(family.labels));
    family.label_list = NULL;
    family.name = metric->name;
    family.help = metric->help;
    if (metric->options.unit)
        family.unit = metric->options.unit;
    if (metric->options.max_series)
        family.max_series = metric->options.max_series;
    if (metric->options.cap_label)
        family.cap_label = metric->options.cap_label;
    if (metric->options.idle_expiry_seconds)
        family.idle_expiry_seconds = metric->options.idle_expiry_seconds;
    for (size_t i = 0; i < PROMC_MAX_LABELS && metric->labels[i].name; i++)
        family.labels[i] = metric->labels[i].name;
    return family;
}

static int register_callback(promc_registry *registry, const promc_table_metric *metric,
                             const promc_family_settings *family, promc_family **out)
{
    int rc = promc_callback_register(registry, metric->type, family, out);
    return rc < 0 || !metric->options.value ? rc : promc_callback_set(*out, NULL, metric->options.value, NULL);
}

static int register_histogram(promc_registry *registry, const promc_table_metric *metric,
                              const promc_family_settings *family, promc_family **out)
{
    const promc_histogram_settings settings = {
        .family = *family, .buckets = metric->options.buckets, .bucket_count = metric->options.bucket_count};
    return promc_histogram_register(registry, &settings, out);
}

static int register_summary(promc_registry *registry, const promc_table_metric *metric,
                            const promc_family_settings *family, promc_family **out)
{
    promc_summary_settings settings = {0};
    if (metric->options.summary)
        settings = *metric->options.summary;
    settings.family = *family;
    return promc_summary_register(registry, &settings, out);
}

static int register_family(promc_registry *registry, const promc_table_metric *metric, promc_family **out)
{
    const promc_family_settings family = family_settings(metric);
    if (metric->by_callback)
        return register_callback(registry, metric, &family, out);
    switch (metric->type) {
    case PROMC_COUNTER:
        return promc_counter_register(registry, &family, out);
    case PROMC_GAUGE:
        return promc_gauge_register(registry, &family, out);
    case PROMC_UPDOWN:
        return promc_updown_register(registry, &family, out);
    case PROMC_HISTOGRAM:
        return register_histogram(registry, metric, &family, out);
    case PROMC_SUMMARY:
        return register_summary(registry, metric, &family, out);
    case PROMC_UNTYPED:
        return promc_untyped_register(registry, &family, out);
    case PROMC_INFO:
        return promc_info_register(registry, &family, out);
    case PROMC_STATESET:
        return promc_stateset_register(registry, &family, metric->options.states, metric->options.state_count, out);
    default:
        return promc_fail(PROMC_E_TYPE, "metric \"%s\": type %d cannot be in a table", metric->name, metric->type);
    }
}

/* Row-major, as C stores an array of arrays: the last label's value changes fastest. */
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
        int rc = promc_series_get(family, values, &handles[i]);
        if (rc < 0)
            return rc;
    }
    /* Beyond a cap the lookup returns the overflow series, and several elements would be the same. */
    if (promc_load_acquire(&family->data->overflow))
        return promc_fail(PROMC_E_FULL,
                          "metric \"%s\" has %zu combinations of label values, more than its cap or the arena allows",
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
