/* SPDX-License-Identifier: Apache-2.0 */
/* Registries: lists of collectors. */
#include "prom_internal.h"

#include <stdio.h>
#include <string.h>

prom_collector_registry_t *PROM_COLLECTOR_REGISTRY_DEFAULT;

static void remove_all(prom_collector_registry_t *registry)
{
    while (registry->count > 0)
        prom_collector_remove(registry->collectors[registry->count - 1]);
    free(registry->name);
    free(registry);
}

static int find_clash(const prom_collector_registry_t *registry, const prom_collector_t *collector)
{
    for (size_t i = 0; i < registry->count; i++)
        if (strcmp(registry->collectors[i]->name, collector->name) == 0)
            return promc_error_set(PROMC_E_DUPLICATE, "the registry already has a collector \"%s\"", collector->name);
    for (promc_family *family = NULL; (family = promc_family_next(collector->registry, family));) {
        const char *name = promc_family_name(family);
        if (strncmp(name, "promc_", 6) != 0 && prom_name_taken(NULL, registry, name))
            return promc_error_set(PROMC_E_DUPLICATE, "metric \"%s\" is already registered", name);
    }
    return 0;
}

/* prom_lock is held. */
static int add_collector(prom_collector_registry_t *registry, prom_collector_t *collector)
{
    if (collector->owner)
        return promc_error_set(PROMC_E_DUPLICATE, "collector \"%s\" already has a registry", collector->name);
    if (registry->count == PROM_MOST_COLLECTORS)
        return promc_error_set(PROMC_E_FULL, "the registry already has %d collectors, its limit", PROM_MOST_COLLECTORS);
    int rc = find_clash(registry, collector);
    if (rc < 0)
        return rc;
    collector->owner = registry;
    registry->collectors[registry->count++] = collector;
    return 0;
}

int prom_collector_registry_register_collector(prom_collector_registry_t *self, prom_collector_t *collector)
{
    if (!self || !collector)
        return promc_error_set(PROMC_E_INVALID, "no registry or no collector given") < 0;
    pthread_mutex_lock(&prom_lock);
    int rc = add_collector(self, collector);
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}

static prom_collector_registry_t *make(const char *name)
{
    prom_collector_registry_t *registry = calloc(1, sizeof(*registry));
    prom_collector_t *collector = prom_collector_new("default");
    char *copy = strdup(name ? name : "");
    if (registry && collector && copy) {
        registry->name = copy;
        collector->owner = registry;
        registry->collectors[registry->count++] = collector;
        return registry;
    }
    if (collector)
        prom_collector_release(collector); /* no other reference exists */
    free(copy);
    free(registry);
    return NULL;
}

prom_collector_registry_t *prom_collector_registry_new(const char *name)
{
    return make(name);
}

/* prom_lock is held. */
static int enable_process_metrics(prom_collector_registry_t *registry)
{
    prom_collector_t *collector = prom_collector_process_new(NULL, NULL);
    int rc = collector ? add_collector(registry, collector) : PROMC_E_NOMEM;
    if (rc < 0 && collector)
        prom_collector_release(collector);
    return rc;
}

int prom_collector_registry_enable_process_metrics(prom_collector_registry_t *self)
{
    if (!self)
        return 1;
    pthread_mutex_lock(&prom_lock);
    int rc = enable_process_metrics(self);
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}

int prom_collector_registry_default_init(void)
{
    int rc = 0;
    pthread_mutex_lock(&prom_lock);
    if (!PROM_COLLECTOR_REGISTRY_DEFAULT) {
        PROM_COLLECTOR_REGISTRY_DEFAULT = make("default");
        rc = PROM_COLLECTOR_REGISTRY_DEFAULT ? enable_process_metrics(PROM_COLLECTOR_REGISTRY_DEFAULT) : PROMC_E_NOMEM;
    }
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}

int prom_collector_registry_destroy(prom_collector_registry_t *self)
{
    if (!self)
        return 0;
    pthread_mutex_lock(&prom_lock);
    if (PROM_COLLECTOR_REGISTRY_DEFAULT == self)
        PROM_COLLECTOR_REGISTRY_DEFAULT = NULL;
    remove_all(self);
    pthread_mutex_unlock(&prom_lock);
    return 0;
}

/* prom_lock is held. */
static prom_collector_t *default_collector(void)
{
    const prom_collector_registry_t *registry = PROM_COLLECTOR_REGISTRY_DEFAULT;
    for (size_t i = 0; registry && i < registry->count; i++)
        if (strcmp(registry->collectors[i]->name, "default") == 0)
            return registry->collectors[i];
    return NULL;
}

int prom_collector_registry_register_metric(prom_metric_t *metric)
{
    pthread_mutex_lock(&prom_lock);
    prom_collector_t *collector = default_collector();
    int rc = collector
                 ? prom_collector_add(collector, metric)
                 : promc_error_set(PROMC_E_INVALID,
                                   "there is no default registry: call prom_collector_registry_default_init() first");
    pthread_mutex_unlock(&prom_lock);
    return rc < 0;
}

prom_metric_t *prom_collector_registry_must_register_metric(prom_metric_t *metric)
{
    if (prom_collector_registry_register_metric(metric) == 0)
        return metric;
    fprintf(stderr, "libprom: %s\n", promc_error_detail());
    exit(1);
}

int prom_collector_registry_validate_metric_name(prom_collector_registry_t *self, const char *metric_name)
{
    (void)self;
    static const char first[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:";
    static const char later[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_:0123456789";
    bool good =
        metric_name && *metric_name && strchr(first, *metric_name) && metric_name[strspn(metric_name, later)] == '\0';
    return !good;
}
