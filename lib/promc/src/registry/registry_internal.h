/* SPDX-License-Identifier: Apache-2.0 */
/* A registry as this process sees it. What processes share is in the arena. */
#ifndef PROMC_REGISTRY_REGISTRY_INTERNAL_H
#define PROMC_REGISTRY_REGISTRY_INTERNAL_H

#include "arena/arena.h"
#include "registry/family.h"
#include <promc/collect.h>
#include <promc/gauge.h>

#define PROMC_COLLECTORS_MAX 64

struct promc_callback;
struct promc_override;

struct promc_collector {
    const char *name;
    promc_collect_fn collect;
    void *user;
    promc_counter errors; /* promc_collector_errors_total{collector} */
    uint32_t running;     /* 1 while a scrape is inside it */
};

struct promc_registry {
    struct promc_arena arena;
    uint32_t slot;              /* in promc_tls.base */
    uint32_t quarantine_ms;     /* 60,000; shorter only in tests */
    pthread_mutex_t local_lock; /* guards what is below; taken before the arena's lock */
    promc_family *families;     /* atomic; newest first */
    uint32_t collector_count;   /* atomic */
    struct promc_collector collectors[PROMC_COLLECTORS_MAX];
    struct promc_override *overrides; /* under local_lock */
    struct promc_callback *callbacks; /* atomic; newest first */
    char *scratch;                    /* for repairing label values; under the arena's lock */

    /* promc's own metrics; the zero handle on a read-only registry */
    promc_gauge scrape_duration;
    promc_gauge scrape_bytes;
    promc_gauge series;
    promc_gauge arena_bytes;
    promc_gauge arena_limit_bytes;
    promc_counter stale_updates;
    promc_counter invalid_observations;
    promc_family *series_dropped;
    promc_family *collector_errors;
};

/* The registry in a slot, or NULL. Lock-free. */
promc_registry *promc_registry_in_slot(uint32_t slot);
/* Guards the slots; held across fork. */
extern pthread_mutex_t promc_slots_lock;
/* Clean up after a process that died with the lock: walk what is linked, rebuild what follows from it. */
void promc_registry_recover(promc_registry *registry);

/* The arena's lock. A process that died with it is cleaned up after. */
void promc_registry_lock(promc_registry *registry);
bool promc_registry_trylock(promc_registry *registry);
void promc_registry_unlock(promc_registry *registry);

/* After fork, in the child: a private arena's lock is anew nobody's (it is robust, so only its owner could unlock it). */
void promc_registry_init_lock(promc_registry *registry);

/* 1/16 s since the registry was made. */
uint32_t promc_registry_ticks(const promc_registry *registry);

/* How long what is removed stays untouched; rounded up. */
static inline uint32_t promc_quarantine_ticks(const promc_registry *registry)
{
    return registry->quarantine_ms ? registry->quarantine_ms * 16 / 1000 + 1 : 0;
}

/* Set the thread's error detail. */
void promc_set_error_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the code is its value: `return promc_fail(PROMC_E_NAME, "…", …)`. A macro, so that a compiler sees which it is. */
#define promc_fail(code, ...) (promc_set_error_detail(__VA_ARGS__), (code))

/* 0 if the family is of this type, or NULL: that is for the lookup to say. `what` with its article: "a counter". */
static inline int promc_family_expect(const promc_family *family, enum promc_type type, const char *what)
{
    if (family && family->type != type)
        return promc_fail(PROMC_E_TYPE, "metric \"%s\" is not %s", promc_family_name(family), what);
    return 0;
}

#endif
