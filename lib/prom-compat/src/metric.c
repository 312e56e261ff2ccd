/* SPDX-License-Identifier: Apache-2.0 */
/* Creation and destruction of metrics: prom_counter.h, prom_gauge.h, prom_histogram.h. */
#include "prom_internal.h"

#include <string.h>

static prom_metric_t *make(enum prom_kind kind, const char *name, const char *help, size_t label_count,
                           const char **labels)
{
    if (!name || label_count > PROMC_MAX_LABEL_LIST || (label_count > 0 && !labels)) {
        promc_error_set(PROMC_E_INVALID,
                        "metric \"%.100s\" with %zu labels: a metric needs a name and at most %d labels",
                        name ? name : "(null)", label_count, PROMC_MAX_LABEL_LIST);
        return NULL;
    }
    prom_metric_t *metric = calloc(1, sizeof(*metric));
    if (!metric)
        return NULL;
    metric->kind = kind;
    metric->label_count = label_count;
    metric->settings.verbatim_name = 1;
    metric->settings.name = strdup(name);
    metric->settings.help = strdup(help ? help : "");
    metric->labels = calloc(label_count + 1, sizeof(*metric->labels));
    metric->settings.label_list = (const char *const *)metric->labels;
    bool good = metric->settings.name && metric->settings.help && metric->labels;
    for (size_t i = 0; metric->labels && i < label_count; i++) {
        metric->labels[i] = strdup(labels[i] ? labels[i] : "");
        good = good && metric->labels[i];
    }
    pthread_mutex_init(&metric->lock, NULL);
    if (good)
        return metric;
    prom_metric_free(metric);
    return NULL;
}

prom_counter_t *prom_counter_new(const char *name, const char *help, size_t label_key_count, const char **label_keys)
{
    return make(PROM_COUNTER, name, help, label_key_count, label_keys);
}

prom_gauge_t *prom_gauge_new(const char *name, const char *help, size_t label_key_count, const char **label_keys)
{
    return make(PROM_GAUGE, name, help, label_key_count, label_keys);
}

prom_histogram_t *prom_histogram_new(const char *name, const char *help, prom_histogram_buckets_t *buckets,
                                     size_t label_key_count, const char **label_keys)
{
    prom_metric_t *metric = make(PROM_HISTOGRAM, name, help, label_key_count, label_keys);
    if (metric)
        metric->buckets = buckets ? buckets : prom_histogram_default_buckets;
    else
        prom_histogram_buckets_destroy(buckets);
    return metric;
}

int prom_handle_get(promc_family *family, enum prom_kind kind, const char *const *values, union prom_handle *out)
{
    switch (kind) {
    case PROM_COUNTER:
        return promc_counter_get(family, values, &out->counter);
    case PROM_GAUGE:
        return promc_gauge_get(family, values, &out->gauge);
    default:
        return promc_histogram_get(family, values, &out->histogram);
    }
}

static int make_family(prom_metric_t *metric, promc_registry *registry, promc_family **family)
{
    switch (metric->kind) {
    case PROM_COUNTER:
        return promc_counter_register(registry, &metric->settings, family);
    case PROM_GAUGE:
        return promc_gauge_register(registry, &metric->settings, family);
    default:
        return promc_histogram_register(registry,
                                        &(promc_histogram_settings){.family = metric->settings,
                                                                    .buckets = metric->buckets->upper_bounds,
                                                                    .bucket_count = (size_t)metric->buckets->count},
                                        family);
    }
}

int prom_metric_attach(prom_metric_t *metric, promc_registry *registry)
{
    promc_family *family;
    int rc = make_family(metric, registry, &family);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&metric->lock);
    if (metric->label_count == 0)
        rc = prom_handle_get(family, metric->kind, NULL, &metric->only);
    if (rc == 0)
        rc = prom_samples_bind(metric, family);
    if (rc == 0) /* from here on updates go to the family, without the lock */
        __atomic_store_n(&metric->family, family, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&metric->lock);
    if (rc < 0)
        promc_family_destroy(family);
    return rc;
}

void prom_metric_free(prom_metric_t *metric)
{
    prom_samples_free(metric);
    if (metric->buckets)
        prom_histogram_buckets_destroy(metric->buckets);
    for (size_t i = 0; metric->labels && i < metric->label_count; i++)
        free(metric->labels[i]);
    free(metric->labels);
    free((char *)(uintptr_t)metric->settings.name);
    free((char *)(uintptr_t)metric->settings.help);
    pthread_mutex_destroy(&metric->lock);
    free(metric);
}

static int destroy(prom_metric_t *metric)
{
    if (!metric)
        return 0;
    pthread_mutex_lock(&prom_lock);
    if (metric->collector) {
        prom_metric_t **link = &metric->collector->metrics;
        while (*link != metric)
            link = &(*link)->next;
        *link = metric->next;
        promc_family_destroy(metric->family);
    }
    pthread_mutex_unlock(&prom_lock);
    prom_metric_free(metric);
    return 0;
}

int prom_counter_destroy(prom_counter_t *self)
{
    return destroy(self);
}

int prom_gauge_destroy(prom_gauge_t *self)
{
    return destroy(self);
}

int prom_histogram_destroy(prom_histogram_t *self)
{
    return destroy(self);
}
