/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples: series that the program holds, and updates from before the metric had a family. They are in hash chains that only grow,
 * so a reader needs no lock; a metric keeps PROM_MOST_SAMPLES of them and counts further ones as `other`.
 */
#include "prom_internal.h"

#include <math.h>
#include <string.h>

#define PROM_CHAINS 1024

static const char *value_or_empty(const char *value)
{
    return value ? value : "";
}

/* FNV-1a over the values and their terminators. */
static uint64_t hash_of(const prom_metric_t *metric, const char *const *values)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < metric->label_count; i++) {
        const char *c = value_or_empty(values[i]);
        do
            hash = (hash ^ (unsigned char)*c) * UINT64_C(0x100000001b3);
        while (*c++);
    }
    return hash;
}

static bool has_values(const struct prom_metric_sample *sample, const char *const *values)
{
    for (size_t i = 0; i < sample->metric->label_count; i++)
        if (strcmp(sample->values[i], value_or_empty(values[i])) != 0)
            return false;
    return true;
}

static struct prom_metric_sample *find(const prom_metric_t *metric, uint64_t hash, const char *const *values)
{
    struct prom_metric_sample **chains = __atomic_load_n(&metric->chains, __ATOMIC_ACQUIRE);
    struct prom_metric_sample *sample = chains ? __atomic_load_n(&chains[hash % PROM_CHAINS], __ATOMIC_ACQUIRE) : NULL;
    while (sample && !(sample->hash == hash && has_values(sample, values)))
        sample = sample->next;
    return sample;
}

/* Create a sample, and its series if there is a family. The metric's lock is held. */
static struct prom_metric_sample *make(prom_metric_t *metric, uint64_t hash, const char *const *values)
{
    size_t text = 0, n = metric->label_count;
    for (size_t i = 0; i < n; i++)
        text += strlen(value_or_empty(values[i])) + 1;
    struct prom_metric_sample *sample = calloc(1, sizeof(*sample) + n * sizeof(char *) + text);
    if (!sample)
        return NULL;
    char *out = (char *)&sample->values[n];
    for (size_t i = 0; i < n; i++) {
        sample->values[i] = out;
        out = stpcpy(out, value_or_empty(values[i])) + 1;
    }
    sample->metric = metric;
    sample->hash = hash;
    if (metric->family && prom_handle_get(metric->family, metric->kind, sample->values, &sample->handle) < 0) {
        free(sample);
        return NULL;
    }
    return sample;
}

static struct prom_metric_sample *make_in_chain(prom_metric_t *metric, uint64_t hash, const char *const *values)
{
    if (!metric->chains) {
        struct prom_metric_sample **chains = calloc(PROM_CHAINS, sizeof(*chains));
        if (!chains)
            return NULL;
        __atomic_store_n(&metric->chains, chains, __ATOMIC_RELEASE);
    }
    struct prom_metric_sample *sample = make(metric, hash, values);
    if (sample) {
        struct prom_metric_sample **chain = &metric->chains[hash % PROM_CHAINS];
        sample->next = *chain;
        __atomic_store_n(chain, sample, __ATOMIC_RELEASE);
        metric->sample_count++;
    }
    return sample;
}

static struct prom_metric_sample *past_cap(prom_metric_t *metric)
{
    const char *others[PROMC_MAX_LABEL_LIST];
    for (size_t i = 0; i < metric->label_count; i++)
        others[i] = "other";
    if (!metric->past_cap)
        metric->past_cap = make(metric, 0, others);
    return metric->past_cap;
}

struct prom_metric_sample *prom_sample_of(prom_metric_t *metric, const char **values)
{
    if (metric->label_count > 0 && !values)
        return NULL;
    uint64_t hash = hash_of(metric, values);
    struct prom_metric_sample *sample = find(metric, hash, values);
    if (sample)
        return sample;
    pthread_mutex_lock(&metric->lock);
    sample = find(metric, hash, values);
    if (!sample)
        sample = metric->sample_count < PROM_MOST_SAMPLES ? make_in_chain(metric, hash, values) : past_cap(metric);
    pthread_mutex_unlock(&metric->lock);
    return sample;
}

static int update_series(enum prom_kind kind, union prom_handle handle, enum prom_action action, double value)
{
    if (kind == PROM_COUNTER)
        return promc_counter_add(handle.counter, value) < 0;
    if (kind == PROM_HISTOGRAM)
        promc_histogram_observe(handle.histogram, value);
    else if (action == PROM_SET)
        promc_gauge_set(handle.gauge, value);
    else
        promc_gauge_add(handle.gauge, value);
    return 0;
}

static int keep_observation(struct prom_metric_sample *sample, double value)
{
    if (!sample->observed)
        sample->observed = calloc(PROM_MOST_EARLY, sizeof(*sample->observed));
    if (!sample->observed || sample->observed_count == PROM_MOST_EARLY)
        return 1;
    sample->observed[sample->observed_count++] = value;
    return 0;
}

/* There is no family yet. The metric's lock is held. */
static int update_early(struct prom_metric_sample *sample, enum prom_action action, double value)
{
    if (action == PROM_OBSERVE)
        return keep_observation(sample, value);
    if (sample->metric->kind == PROM_COUNTER && !(value >= 0 && isfinite(value)))
        return 1;
    sample->early = action == PROM_SET ? value : sample->early + value;
    return 0;
}

int prom_sample_update(struct prom_metric_sample *sample, enum prom_action action, double value)
{
    prom_metric_t *metric = sample->metric;
    if (!__atomic_load_n(&metric->family, __ATOMIC_ACQUIRE)) {
        pthread_mutex_lock(&metric->lock);
        bool early = !metric->family; /* another thread may have attached it meanwhile */
        int rc = early ? update_early(sample, action, value) : 0;
        pthread_mutex_unlock(&metric->lock);
        if (early)
            return rc;
    }
    return update_series(metric->kind, sample->handle, action, value);
}

/* promc refuses NULL values. */
static const char *const *without_nulls(const prom_metric_t *metric, const char **values, const char **room)
{
    bool any = false;
    for (size_t i = 0; i < metric->label_count; i++) {
        room[i] = value_or_empty(values[i]);
        any = any || !values[i];
    }
    return any ? room : values;
}

int prom_update(prom_metric_t *metric, enum prom_kind kind, enum prom_action action, double value, const char **values)
{
    const char *room[PROMC_MAX_LABEL_LIST];
    if (!metric || metric->kind != kind || (metric->label_count > 0 && !values))
        return 1;
    promc_family *family = __atomic_load_n(&metric->family, __ATOMIC_ACQUIRE);
    if (!family) {
        struct prom_metric_sample *sample = prom_sample_of(metric, values);
        return sample ? prom_sample_update(sample, action, value) : 1;
    }
    union prom_handle handle = metric->only;
    if (metric->label_count > 0 && prom_handle_get(family, kind, without_nulls(metric, values, room), &handle) < 0)
        return 1;
    return update_series(kind, handle, action, value);
}

static int bind_one(struct prom_metric_sample *sample, promc_family *family)
{
    enum prom_kind kind = sample->metric->kind;
    int rc = prom_handle_get(family, kind, sample->values, &sample->handle);
    if (rc < 0)
        return rc;
    if (kind != PROM_HISTOGRAM)
        (void)update_series(kind, sample->handle, PROM_ADD, sample->early);
    for (size_t i = 0; i < sample->observed_count; i++)
        (void)update_series(kind, sample->handle, PROM_OBSERVE, sample->observed[i]);
    free(sample->observed);
    sample->observed = NULL;
    return 0;
}

int prom_samples_bind(prom_metric_t *metric, promc_family *family)
{
    int rc = metric->past_cap ? bind_one(metric->past_cap, family) : 0;
    for (size_t i = 0; metric->chains && i < PROM_CHAINS && rc == 0; i++)
        for (struct prom_metric_sample *sample = metric->chains[i]; sample && rc == 0; sample = sample->next)
            rc = bind_one(sample, family);
    return rc;
}

static void free_one(struct prom_metric_sample *sample)
{
    free(sample->observed);
    free(sample);
}

void prom_samples_free(prom_metric_t *metric)
{
    for (size_t i = 0; metric->chains && i < PROM_CHAINS; i++) {
        for (struct prom_metric_sample *sample = metric->chains[i], *next; sample; sample = next) {
            next = sample->next;
            free_one(sample);
        }
    }
    free(metric->chains);
    if (metric->past_cap)
        free_one(metric->past_cap);
}
