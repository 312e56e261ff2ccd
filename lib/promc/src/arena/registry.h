/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A registry as this process sees it. The state that processes share is in the arena. Every room uses this struct, so it is in the
 * lowest room possible; low rooms call higher ones through `hooks` and `types`, which registry.c sets.
 */
#ifndef PROMC_ARENA_REGISTRY_H
#define PROMC_ARENA_REGISTRY_H

#include "arena/arena.h"
#include "base/clock.h"
#include "base/error.h"
#include <promc/collect.h>
#include <promc/counter.h>
#include <promc/gauge.h>

#define PROMC_COLLECTORS_MAX 64

struct promc_callback;
struct promc_override;
struct promc_type_ops;
struct promc_family_plan;
struct promc_family_data;

struct promc_hooks {
    /* A process died with the arena's lock: series/recover.c. The lock is held. */
    void (*recover)(promc_registry *registry);
    /* The writer of a shard has died: its whole process, or this process' thread, perhaps within an observation. */
    void (*settle)(promc_registry *registry, uint32_t shard, bool process_gone, bool within);
    /* In the child after fork: registry/registry.c. There are no other threads, and no lock is held. */
    void (*forked)(promc_registry *registry);
    /* Apply the operator's overrides to a family before it is made: registry/overrides.c. */
    int (*override)(promc_registry *registry, struct promc_family_plan *plan, promc_family_settings *settings);
    /* Collectors and callbacks, before a scrape reads: collect/collector.c, registry/self.c. */
    void (*collect)(promc_registry *registry, uint64_t deadline_ns);
    /* A family is about to be destroyed. On return none of its callbacks runs or will run: collect/callback.c. */
    void (*end_callbacks)(promc_registry *registry, const struct promc_family_data *data);
};

struct promc_collector {
    const char *name;
    promc_collect_fn collect;
    void *user;
    void *owned;          /* freed with the collector; NULL: nothing */
    promc_counter errors; /* promc_collector_errors_total{collector} */
    uint32_t running;     /* collect/running.h */
};

struct promc_registry {
    struct promc_arena arena;
    uint32_t slot;          /* in promc_tls.base */
    uint32_t serial;        /* unique within this process */
    uint32_t home;          /* index + 1 of the shard with this process' gauge values; atomic. See types/workers.h */
    uint32_t quarantine_ms; /* 60,000; shorter only in tests */
    const struct promc_hooks *hooks;
    const struct promc_type_ops *types; /* by enum promc_row */
    pthread_mutex_t local_lock;         /* guards the fields below; taken before the arena's lock */
    promc_family *families;             /* atomic; newest first */
    promc_family *destroyed;            /* waiting for the end of their quarantine; under local_lock */
    uint32_t collector_count;           /* atomic */
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
    promc_gauge birth_zero_seconds;
    promc_gauge series_withheld;
    promc_counter stale_updates;
    promc_counter invalid_observations;
    promc_family *series_dropped;
    promc_family *refused_updates;
    promc_family *collector_errors;
};

/* 1/16 s since the registry was made. */
static inline uint32_t promc_registry_ticks(const promc_registry *registry)
{
    int64_t age = (int64_t)(promc_now_ns() - registry->arena.header->born_ns);
    return age > 0 ? (uint32_t)(age / 62500000) : 0;
}

/* Quarantine of removed objects; rounded up. */
static inline uint32_t promc_quarantine_ticks(const promc_registry *registry)
{
    return registry->quarantine_ms ? registry->quarantine_ms * 16 / 1000 + 1 : 0;
}

#endif
