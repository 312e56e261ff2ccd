/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internals of libprom. A collector is one promc registry; a prom registry is a list of collectors in one exposition.
 *
 * Two kinds of lock. prom_lock guards which registries, collectors and metrics belong together. A metric's lock guards the creation of
 * its samples, and updates while it has no family. prom_lock is taken first. Updates of a metric with a family take no lock.
 */
#ifndef PROM_INTERNAL_H
#define PROM_INTERNAL_H

#include "prom.h"

#include <promc/promc.h>
#include <pthread.h>
#include <stdbool.h>

/* Memory limit of a collector: ten metrics with 10,000 series each, on 64 threads. Memory is allocated as needed. */
#define PROM_ARENA_BYTES (128 << 20)
#define PROM_MOST_COLLECTORS 65 /* in an exposition: the first registry and 64 more */
#define PROM_MOST_SAMPLES 10000 /* kept by a metric for the program */
#define PROM_MOST_EARLY 1024    /* observations of a series before its histogram is registered */

enum prom_kind { PROM_COUNTER, PROM_GAUGE, PROM_HISTOGRAM };

union prom_handle {
    promc_counter counter;
    promc_gauge gauge;
    promc_histogram histogram;
};

/* One series that the program holds, or that was updated before its metric had a family. Freed with the metric. */
struct prom_metric_sample {
    prom_metric_t *metric;
    struct prom_metric_sample *next; /* in its chain */
    uint64_t hash;
    union prom_handle handle; /* once the metric has a family */
    double early;             /* before that: a counter's or gauge's value */
    double *observed;         /* and a histogram's observations */
    size_t observed_count;
    const char *values[]; /* label values; their text follows */
};

struct prom_metric_sample_histogram {
    struct prom_metric_sample sample;
};

struct prom_metric {
    enum prom_kind kind;
    promc_family_settings settings; /* its strings are the metric's */
    char **labels;                  /* of the settings, NULL-terminated */
    size_t label_count;
    prom_histogram_buckets_t *buckets;
    promc_family *family;   /* NULL until a collector has the metric; atomic */
    union prom_handle only; /* for a metric without labels, once it has a family */

    pthread_mutex_t lock;
    struct prom_metric_sample *
        *chains;         /* PROM_CHAINS of them, or NULL; read without the lock, only ever grown: atomic */
    size_t sample_count; /* in the chains */
    struct prom_metric_sample *past_cap; /* all values `other` */

    prom_collector_t *collector; /* and its next metric: under prom_lock */
    prom_metric_t *next;
};

struct prom_collector {
    char *name;
    promc_registry *registry;
    unsigned references; /* its registry's or the program's, and one for each scrape: under prom_lock */
    prom_collector_registry_t *owner;
    prom_metric_t *metrics;
    prom_collect_fn *collect; /* atomic */
    bool collects;            /* it is registered with promc */
};

struct prom_collector_registry {
    char *name;
    prom_collector_t *collectors[PROM_MOST_COLLECTORS];
    size_t count;
};

extern pthread_mutex_t prom_lock;

/* Calls promc_counter_get() or the function of the other kind. */
int prom_handle_get(promc_family *family, enum prom_kind kind, const char *const *values, union prom_handle *out);

/* Register the metric's family in the registry, and add what was counted before. prom_lock is held. */
int prom_metric_attach(prom_metric_t *metric, promc_registry *registry);
/* Only if no collector has it. */
void prom_metric_free(prom_metric_t *metric);

/* The sample with these values, created if necessary; NULL: no memory. Lock-free if it exists. */
struct prom_metric_sample *prom_sample_of(prom_metric_t *metric, const char **values);
/* Create the series of all samples and add what was counted before. The metric's lock is held. */
int prom_samples_bind(prom_metric_t *metric, promc_family *family);
void prom_samples_free(prom_metric_t *metric);
/* PROM_ADD with a negative value is also dec and sub. @return 0 or 1. */
enum prom_action { PROM_ADD, PROM_SET, PROM_OBSERVE };
int prom_sample_update(struct prom_metric_sample *sample, enum prom_action action, double value);
int prom_update(prom_metric_t *metric, enum prom_kind kind, enum prom_action action, double value, const char **values);

/* All with prom_lock held. prom_collector_add(): an error code of promc's, or 0. */
int prom_collector_add(prom_collector_t *collector, prom_metric_t *metric);
void prom_collector_release(prom_collector_t *collector);
void prom_collector_remove(prom_collector_t *collector);
/* Whether a family of that name is in the collector, or in another one of its registry. prom_lock is held. */
bool prom_name_taken(const prom_collector_t *collector, const prom_collector_registry_t *registry, const char *name);

/*
 * A scrape of the registry in its current state: it references the collectors, so they may be destroyed meanwhile. Exported for
 * libpromhttp. registry NULL: the default one. @return NULL: no such registry, or no memory.
 */
struct prom_scrape;
PROM_API struct prom_scrape *prom_scrape_open(prom_collector_registry_t *registry,
                                              const promc_exposition_request *request);
PROM_API const promc_exposition_head *prom_scrape_head(const struct prom_scrape *scrape);
PROM_API long prom_scrape_read(struct prom_scrape *scrape, char *buffer, size_t capacity);
PROM_API void prom_scrape_close(struct prom_scrape *scrape);

#endif
