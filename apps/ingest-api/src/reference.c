/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ingest-api metrics`: the reference of all metrics, from the registry as the server would make it. What the registry
 * does not know, the values of a label, is in the static table (metrics/table.h).
 */
#include "reference.h"

#include "metrics/table.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What only some machines have is left out, so that the reference is the same on all. */
static const char machine_dependent[] = "cgroup_";

static const char preamble[] =
    "# Metrics of ingest-api\n"
    "\n"
    "Made by `ingest-api metrics > docs/metrics.md`; `tests/test_metrics_reference.py` fails when it is not up to "
    "date.\n"
    "`ingest-api metrics --json` (docs/metrics.json) is the same for tools. The service's own metrics are defined in\n"
    "`apps/ingest-api/src/metrics/table.h`; the others come from promc (`promc_*`), promc-http (`http_*`) and\n"
    "promc's collectors (`process_*`, `malloc_*`). Where the kernel limits CPU time there are `cgroup_cpu_*` too.\n"
    "\n"
    "Values in brackets are all that a label can have; one without brackets is open. Every histogram also has `le`.\n"
    "\n"
    "Counters and histograms are a process's own: `sum` them over replicas, after `rate` or `increase`. A gauge whose\n"
    "meaning says that it is shared tells what the store or the broker says, so every replica shows the same: `max "
    "by`\n"
    "its labels, never `sum`. The rules in infra/prometheus do so.\n"
    "\n"
    "A series that is made by its first event would begin at that event's value, and `increase` never see it. So\n"
    "the service makes series before their events where it knows of them, and Prometheus sees a new one as 0 for\n"
    "its first 15 s; a person with curl sees the value at once. Right for scrapes at least every 5 s, with a\n"
    "time-out of 4 s; for longer intervals `PROMC_OVERRIDES='* birth_zero_seconds=N'`, twice the interval and the\n"
    "time-out. What is counted in a series' first 15 s is lost to Prometheus when the process ends in them.\n"
    "\n"
    "| metric | type | labels | meaning |\n"
    "| --- | --- | --- | --- |\n";

static int by_name(const void *a, const void *b)
{
    return strcmp(((const promc_family_description *)a)->name, ((const promc_family_description *)b)->name);
}

/* @return malloc()ed descriptions, sorted; NULL without memory. */
static promc_family_description *describe(promc_registry *registry, size_t *count)
{
    size_t n = 0;
    for (promc_family *family = promc_family_next(registry, NULL); family; family = promc_family_next(registry, family))
        n++;
    promc_family_description *all = calloc(n + 1, sizeof(*all));
    *count = 0;
    for (promc_family *family = promc_family_next(registry, NULL); all && family;
         family = promc_family_next(registry, family)) {
        (void)promc_family_describe(family, &all[*count], sizeof all[*count]);
        if (strncmp(all[*count].name, machine_dependent, sizeof(machine_dependent) - 1) != 0)
            ++*count;
    }
    if (all)
        qsort(all, *count, sizeof(*all), by_name);
    return all;
}

/* The label as the table has it; without values: not in the table, or open. */
static promc_table_label enumerated(const char *metric, size_t label)
{
    promc_table_label labels[PROMC_MAX_LABELS];
    for (size_t i = 0; i < ingest_table.metric_count; i++) {
        const promc_table_metric *row = &ingest_table.metrics[i];
        if (strcmp(row->name, metric) == 0 && label < promc_table_labels(row, labels))
            return labels[label];
    }
    return (promc_table_label){0};
}

static void print_row(const promc_family_description *family)
{
    printf("| `%s` | %s |", family->name, family->type_name);
    for (size_t i = 0; i < family->label_count; i++) {
        const promc_table_label known = enumerated(family->name, i);
        printf("%s`%s`", i ? ", " : " ", family->labels[i]);
        for (size_t k = 0; known.values && k < known.value_count; k++)
            printf("%s%s%s", k ? ", " : " (", known.values[k], k + 1 == known.value_count ? ")" : "");
    }
    printf(" | %s", family->help);
    for (size_t i = 0; i < family->bucket_count; i++)
        printf("%s%.15g%s", i ? ", " : " Buckets: ", family->buckets[i], i + 1 == family->bucket_count ? "." : "");
    for (size_t i = 0; i < family->quantile_count; i++)
        printf("%s%.15g", i ? ", " : " Quantiles: ", family->quantiles[i]);
    if (family->quantile_count)
        printf(", of the last %u s, within %.15g %%.", family->max_age_seconds, family->quantile_error * 100);
    if (family->idle_expiry_seconds)
        printf(" A series goes after %g days without an update.", family->idle_expiry_seconds / 86400.0);
    printf(" |\n");
}

static json_t *to_json(const promc_family_description *family)
{
    json_t *labels = json_array(), *buckets = json_array(), *quantiles = json_array();
    for (size_t i = 0; i < family->label_count; i++) {
        const promc_table_label known = enumerated(family->name, i);
        json_t *label = json_pack("{s:s}", "name", family->labels[i]), *list = known.values ? json_array() : NULL;
        for (size_t k = 0; known.values && k < known.value_count; k++)
            json_array_append_new(list, json_string(known.values[k]));
        if (list)
            json_object_set_new(label, "values", list);
        json_array_append_new(labels, label);
    }
    for (size_t i = 0; i < family->bucket_count; i++)
        json_array_append_new(buckets, json_real(family->buckets[i]));
    for (size_t i = 0; i < family->quantile_count; i++)
        json_array_append_new(quantiles, json_real(family->quantiles[i]));
    json_t *object = json_pack("{s:s, s:s, s:s, s:s, s:o}", "name", family->name, "type", family->type_name, "help",
                               family->help, "unit", family->unit, "labels", labels);
    if (family->type == PROMC_HISTOGRAM)
        json_object_set_new(object, "buckets", buckets);
    else
        json_decref(buckets);
    if (family->type == PROMC_SUMMARY) {
        json_object_set_new(object, "max_age_seconds", json_integer(family->max_age_seconds));
        json_object_set_new(object, "error", json_real(family->quantile_error));
        json_object_set_new(object, "quantiles", quantiles);
    } else {
        json_decref(quantiles);
    }
    return object;
}

static int print_json(const promc_family_description *families, size_t count)
{
    json_t *all = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(all, to_json(&families[i]));
    int rc = json_array_size(all) == count ? json_dumpf(all, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(15)) : -1;
    json_decref(all);
    putchar('\n');
    return rc;
}

int command_metrics(bool json)
{
    size_t count;
    if (metrics_init(true, 1) < 0)
        return 1;
    promc_family_description *families = describe(metrics_registry(), &count);
    int rc = families ? 0 : -1;
    if (rc == 0 && json) {
        rc = print_json(families, count);
    } else if (rc == 0) {
        fputs(preamble, stdout);
        for (size_t i = 0; i < count; i++)
            print_row(&families[i]);
    }
    if (rc < 0 || fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "ingest-api: the metrics cannot be written to standard output: %s\n",
                families ? "write error" : "no memory");
        rc = 1;
    }
    free(families);
    metrics_destroy();
    return rc;
}
