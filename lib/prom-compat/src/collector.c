/* SPDX-License-Identifier: Apache-2.0 */
/* Collectors: each has its own promc registry. */
#include "prom_internal.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

pthread_mutex_t prom_lock = PTHREAD_MUTEX_INITIALIZER;

static prom_collector_t *make(const char *name, const promc_registry_settings *settings)
{
    prom_collector_t *collector = name ? calloc(1, sizeof(*collector)) : NULL;
    if (!collector)
        return NULL;
    collector->references = 1;
    collector->name = strdup(name);
    if (collector->name && promc_registry_create(&collector->registry, settings) == 0)
        return collector;
    free(collector->name);
    free(collector);
    return NULL;
}

/* promc's own metrics are exposed only for a registry's first collector, "default". */
prom_collector_t *prom_collector_new(const char *name)
{
    promc_registry_settings settings = {.arena_bytes = PROM_ARENA_BYTES,
                                        .no_self_metrics = name && strcmp(name, "default") != 0};
    return make(name, &settings);
}

static bool is_of_this_process(const char *path)
{
    char own[40];
    int length = snprintf(own, sizeof(own), "/proc/%ld/", (long)getpid());
    return !path || strncmp(path, "/proc/self/", 11) == 0 || strncmp(path, own, (size_t)length) == 0;
}

prom_collector_t *prom_collector_process_new(const char *limits_path, const char *stat_path)
{
    if (!is_of_this_process(limits_path) || !is_of_this_process(stat_path)) {
        promc_error_set(PROMC_E_INVALID, "process metrics can be read for this process only: \"%.80s\", \"%.80s\"",
                        limits_path, stat_path);
        return NULL;
    }
    promc_registry_settings small = {.no_self_metrics = true, .arena_bytes = 1 << 20, .max_threads = 2};
    prom_collector_t *collector = make("process", &small);
    if (collector && promc_collect_process(collector->registry) < 0) {
        prom_collector_destroy(collector);
        return NULL;
    }
    return collector;
}

void prom_collector_release(prom_collector_t *collector)
{
    if (--collector->references > 0)
        return;
    promc_registry_destroy(collector->registry);
    for (prom_metric_t *metric = collector->metrics, *next; metric; metric = next) {
        next = metric->next;
        prom_metric_free(metric);
    }
    free(collector->name);
    free(collector);
}

void prom_collector_remove(prom_collector_t *collector)
{
    prom_collector_registry_t *owner = collector->owner;
    size_t at = 0;
    while (owner && owner->collectors[at] != collector)
        at++;
    if (owner)
        memmove(&owner->collectors[at], &owner->collectors[at + 1],
                (--owner->count - at) * sizeof(owner->collectors[0]));
    collector->owner = NULL;
    prom_collector_release(collector);
}

int prom_collector_destroy(prom_collector_t *self)
{
    if (!self)
        return 0;
    pthread_mutex_lock(&prom_lock);
    prom_collector_remove(self);
    pthread_mutex_unlock(&prom_lock);
    return 0;
}

void prom_collector_free_generic(void *gen)
{
    (void)prom_collector_destroy(gen);
}

int prom_collector_destroy_generic(void *gen)
{
    return prom_collector_destroy(gen);
}

/* In OpenMetrics `jobs` and `jobs_total` are the same name: promc/exposition.h. */
static bool has_family(promc_registry *registry, const char *name)
{
    char base[600];
    size_t length = strlen(name);
    if (promc_family_find(registry, name))
        return true;
    if (length <= 6 || length >= sizeof(base) || strcmp(name + length - 6, "_total") != 0)
        return false;
    memcpy(base, name, length - 6);
    base[length - 6] = '\0';
    return promc_family_find(registry, base) != NULL;
}

bool prom_name_taken(const prom_collector_t *collector, const prom_collector_registry_t *registry, const char *name)
{
    bool taken = collector && has_family(collector->registry, name);
    for (size_t i = 0; registry && i < registry->count && !taken; i++)
        taken = has_family(registry->collectors[i]->registry, name);
    return taken;
}

int prom_collector_add(prom_collector_t *collector, prom_metric_t *metric)
{
    if (!collector || !metric)
        return promc_error_set(PROMC_E_INVALID, "no collector or no metric given");
    const char *name = metric->settings.name;
    if (metric->collector)
        return promc_error_set(PROMC_E_DUPLICATE, "metric \"%s\" already has a collector, \"%s\"", name,
                               metric->collector->name);
    if (prom_name_taken(collector, collector->owner, name))
        return promc_error_set(PROMC_E_DUPLICATE, "metric \"%s\" is already registered", name);
    int rc = prom_metric_attach(metric, collector->registry);
    if (rc < 0)
        return rc;
    metric->collector = collector;
    metric->next = collector->metrics;
    collector->metrics = metric;
    return 0;
}

int prom_collector_add_metric(prom_collector_t *self, prom_metric_t *metric)
{
    pthread_mutex_lock(&prom_lock);
    int rc = prom_collector_add(self, metric);
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}

static int call_collect(void *user, uint64_t deadline_ns)
{
    (void)deadline_ns;
    prom_collector_t *collector = user;
    prom_collect_fn *collect = __atomic_load_n(&collector->collect, __ATOMIC_ACQUIRE);
    if (collect)
        (void)collect(collector);
    return 0;
}

int prom_collector_set_collect_fn(prom_collector_t *self, prom_collect_fn *fn)
{
    if (!self)
        return 1;
    __atomic_store_n(&self->collect, fn, __ATOMIC_RELEASE);
    pthread_mutex_lock(&prom_lock);
    int rc = self->collects ? 0 : promc_collector_register(self->registry, self->name, call_collect, self);
    self->collects = rc == 0;
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}
