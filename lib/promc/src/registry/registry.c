/* SPDX-License-Identifier: Apache-2.0 */
#include "arena/arena_file.h"
#include "arena/arena_map.h"
#include "arena/commit.h"
#include "arena/lock.h"
#include "base/platform.h"
#include "base/version.h"
#include "collect/callback.h"
#include "collect/collector.h"
#include "registry/overrides.h"
#include "registry/self.h"
#include "series/recover.h"
#include "series/validate.h"
#include "shard/fork.h"
#include "shard/process.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "shard/thread.h"
#include "types/types.h"

#include <stdlib.h>
#include <string.h>

#define ARENA_MIN ((size_t)256 << 10)
#if SIZE_MAX > UINT32_MAX
#define ARENA_MAX ((size_t)32 << 30)
#define ARENA_RANGE "262144 to 34359738368"
#else
#define ARENA_MAX ((size_t)1 << 30)
#define ARENA_RANGE "262144 to 1073741824"
#endif

void promc_registry_default_settings(promc_registry_settings *settings)
{
    *settings = (promc_registry_settings){.arena_bytes = (size_t)64 << 20,
                                          .max_threads = 64,
                                          .max_series_per_family = 10000,
                                          .max_label_value_bytes = 1024};
}

static int out_of_range(const char *field, unsigned long long value, const char *range)
{
    return promc_fail(PROMC_E_INVALID, "%s is %llu, must be %s", field, value, range);
}

/* Zero fields take their defaults, except max_threads: its default is smaller in a small arena. */
static int complete_settings(promc_registry_settings *settings, const promc_registry_settings *given)
{
    promc_registry_settings defaults;
    promc_registry_default_settings(&defaults);
    *settings = given ? *given : defaults;
    int rc = PROMC_RESERVED_CHECK(promc_registry_settings, settings);
    if (rc < 0)
        return rc;
    if (settings->arena_bytes == 0 && settings->memory)
        return promc_fail(PROMC_E_INVALID, "memory is given without its size, arena_bytes");
    if (settings->arena_bytes == 0)
        settings->arena_bytes = defaults.arena_bytes;
    if (settings->max_series_per_family == 0)
        settings->max_series_per_family = defaults.max_series_per_family;
    if (settings->max_label_value_bytes == 0)
        settings->max_label_value_bytes = defaults.max_label_value_bytes;
    if (settings->arena_bytes < ARENA_MIN || settings->arena_bytes > ARENA_MAX)
        return out_of_range("arena_bytes", settings->arena_bytes, ARENA_RANGE);
    settings->arena_bytes = (settings->arena_bytes + (settings->memory ? 0 : PROMC_PAGE - 1)) / PROMC_PAGE * PROMC_PAGE;
    if (settings->shared_mode && (settings->shared_mode & ~0666u || (settings->shared_mode & 0600) != 0600))
        return promc_fail(PROMC_E_INVALID, "shared_mode is 0%o, must include 0600 and no bits outside 0666",
                          settings->shared_mode);
    if (settings->memory_is_shared > 1)
        return out_of_range("memory_is_shared", settings->memory_is_shared, "0 or 1");
    if (settings->max_threads > 1024)
        return out_of_range("max_threads", settings->max_threads, "at most 1024");
    if (settings->max_label_value_bytes < 4 || settings->max_label_value_bytes > 65535)
        return out_of_range("max_label_value_bytes", settings->max_label_value_bytes, "4 to 65535");
    if (settings->birth_zero_seconds > PROMC_BIRTH_ZERO_MOST)
        return out_of_range("birth_zero_seconds", settings->birth_zero_seconds, "at most 86400");
    const promc_label *labels = settings->constant_labels;
    if (labels && settings->constant_label_count == 0)
        while (settings->constant_label_count <= 64 && labels[settings->constant_label_count].name)
            settings->constant_label_count++;
    if (settings->constant_label_count > 0 && !labels)
        return promc_fail(PROMC_E_INVALID, "constant_label_count is %zu without constant_labels",
                          settings->constant_label_count);
    if (settings->constant_label_count > 64)
        return out_of_range("constant_label_count", settings->constant_label_count, "at most 64");
    for (size_t i = 0; i < settings->constant_label_count; i++) {
        rc = promc_check_constant("(registry)", &settings->constant_labels[i], settings->utf8_names);
        if (rc < 0)
            return rc;
    }
    return 0;
}

static uint64_t random_seed(void)
{
    uint64_t seed;
    if (promc_random(&seed, sizeof(seed)))
        return seed;
    /* Early at boot there may be no entropy: use addresses and time. */
    return (promc_now_ns() * UINT64_C(0x9e3779b97f4a7c15) ^ (uint64_t)(uintptr_t)&seed) +
           (promc_wall_ms() ^ promc_self() << 17);
}

/* The fields of a fresh arena that arena_map.c has not filled. */
static int init_header(promc_registry *registry, const promc_registry_settings *settings)
{
    struct promc_arena *arena = &registry->arena;
    struct promc_arena_header *header = arena->header;
    header->max_series = settings->max_series_per_family;
    header->birth_zero_seconds = settings->birth_zero_seconds;
    header->max_value_bytes = settings->max_label_value_bytes;
    header->flags = (arena->shared ? PROMC_ARENA_SHARED : 0u) |
                    (settings->created_timestamps ? PROMC_ARENA_CREATED_TIMESTAMPS : 0u) |
                    (settings->no_self_metrics ? PROMC_ARENA_HIDE_SELF : 0u) |
                    (settings->utf8_names ? PROMC_ARENA_UTF8_NAMES : 0u);
    header->seed = random_seed();
    header->born_ms = promc_wall_ms();
    header->born_ns = promc_now_ns();
    int rc = promc_lock_init(arena);
    size_t count = settings->constant_label_count;
    if (rc < 0 || count == 0)
        return rc;
    header->constant_pairs = promc_arena_alloc(arena, count * sizeof(struct promc_pair));
    bool good = header->constant_pairs != 0;
    struct promc_pair *pairs = promc_at(arena, header->constant_pairs);
    for (size_t i = 0; good && i < count; i++)
        good = promc_pair_copy(arena, &pairs[i], &settings->constant_labels[i]);
    header->constant_label_count = (uint32_t)count;
    return good ? 0 : promc_fail(PROMC_E_FULL, "constant labels: %s", promc_arena_full(arena));
}

static int open_in_slot(promc_registry *registry, const promc_registry_settings *settings)
{
    bool fresh = false;
    int rc = promc_overrides_load(settings->overrides, &registry->overrides);
    if (rc == 0)
        rc = promc_arena_open(&registry->arena, settings, &fresh);
    if (rc < 0)
        return rc;
    registry->scratch = malloc((size_t)PROMC_LABELS_MOST * (registry->arena.header->max_value_bytes + 4) +
                               (size_t)PROMC_LABELS_MOST * settings->max_label_value_bytes);
    if (!registry->scratch)
        return promc_fail(PROMC_E_NOMEM, "out of memory");
    if (fresh)
        rc = init_header(registry, settings);
    pthread_mutex_init(&registry->local_lock, NULL);
    promc_slots_enter(registry);
    if (rc == 0)
        rc = promc_self_register(registry);
    if (rc == 0 && fresh)
        rc = promc_arena_publish(&registry->arena);
    return rc;
}

static void free_registry(promc_registry *registry)
{
    promc_slots_leave(registry);
    for (promc_family *family = registry->families; family;) {
        promc_family *next = family->next;
        promc_family_free(family);
        family = next;
    }
    for (promc_family *family = registry->destroyed; family;) {
        promc_family *next = family->destroyed_next;
        promc_family_free(family);
        family = next;
    }
    for (uint32_t i = 0; i < registry->collector_count; i++) {
        free((char *)(uintptr_t)registry->collectors[i].name);
        free(registry->collectors[i].owned);
    }
    promc_overrides_free(registry->overrides);
    promc_callbacks_free(registry);
    free(registry->scratch);
    promc_arena_close(&registry->arena);
    free(registry);
}

/* The parent still exposes the counts of a private registry, so the child's copy counts from zero. */
static void forked(promc_registry *registry)
{
    struct promc_arena_header *header = registry->arena.header;
    promc_collectors_forked(registry);
    registry->home = 0;
    if (registry->arena.shared)
        return;
    promc_series_forked(registry);
    promc_store(&header->forked_ms, promc_wall_ms());
    promc_store(&header->forked_ticks, promc_registry_ticks(registry));
    memset(header->scrapes, 0, sizeof(header->scrapes));
}

static void collect(promc_registry *registry, uint64_t deadline_ns)
{
    promc_collectors_run(registry, deadline_ns);
    promc_self_update(registry);
}

static const struct promc_hooks hooks = {
    .recover = promc_series_recover,
    .settle = promc_series_settle,
    .forked = forked,
    .override = promc_overrides_apply,
    .collect = collect,
    .end_callbacks = promc_callbacks_end,
};

/* A registry in a free slot, without an arena. The slots' lock is held. */
static int new_registry(promc_registry **out)
{
    static uint32_t serial;
    int rc = promc_threads_init();
    if (rc == 0)
        rc = promc_fork_init();
    if (rc < 0)
        return rc;
    uint32_t slot = promc_slots_free();
    if (slot == PROMC_SLOTS)
        return promc_fail(PROMC_E_BUSY, "%d registries exist in the process", PROMC_PLACES - 1);
    promc_registry *registry = calloc(1, sizeof(*registry));
    if (!registry)
        return promc_fail(PROMC_E_NOMEM, "out of memory");
    registry->slot = slot;
    registry->serial = ++serial;
    registry->quarantine_ms = 60000;
    registry->hooks = &hooks;
    registry->types = promc_types;
    registry->arena.fd = -1;
    *out = registry;
    return 0;
}

int promc_registry_create(promc_registry **out, const promc_registry_settings *given)
{
    promc_registry_settings settings;
    promc_registry *registry;
    *out = NULL;
    int rc = complete_settings(&settings, given);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&promc_slots_lock);
    rc = new_registry(&registry);
    if (rc == 0) {
        rc = open_in_slot(registry, &settings);
        if (rc < 0)
            free_registry(registry);
        else
            *out = registry;
    }
    pthread_mutex_unlock(&promc_slots_lock);
    return rc;
}

int promc_registry_open_readonly(promc_registry **out, const char *path)
{
    promc_registry *registry;
    *out = NULL;
    if (!path)
        return promc_fail(PROMC_E_INVALID, "no path given");
    pthread_mutex_lock(&promc_slots_lock);
    int rc = new_registry(&registry);
    if (rc == 0) {
        rc = promc_arena_open_readonly(&registry->arena, path);
        pthread_mutex_init(&registry->local_lock, NULL);
        if (rc < 0) {
            free_registry(registry);
        } else {
            promc_slots_enter(registry);
            *out = registry;
        }
    }
    pthread_mutex_unlock(&promc_slots_lock);
    return rc;
}

/* In a shared arena the contents of this process' shards stay; its part of up-down gauges is dropped after the process has ended. */
static void release_shards(promc_registry *registry)
{
    if (!registry->arena.shared || registry->arena.readonly || !promc_threads_lock())
        return;
    for (struct promc_thread *thread = promc_threads_first(); thread; thread = thread->next)
        if (thread->shard[registry->slot] != 0)
            promc_shard_release(registry, thread->shard[registry->slot] - 1);
    promc_threads_unlock();
}

void promc_registry_destroy(promc_registry *registry)
{
    if (!registry)
        return;
    pthread_mutex_lock(&promc_slots_lock);
    release_shards(registry);
    promc_threads_forget(registry->slot);
    pthread_mutex_destroy(&registry->local_lock);
    free_registry(registry);
    pthread_mutex_unlock(&promc_slots_lock);
}

int promc_registry_get_stats(const promc_registry *registry, promc_registry_stats *out, size_t size)
{
    const struct promc_arena_header *header = registry->arena.header;
    promc_registry_stats stats = {
        .arena_bytes = registry->arena.bytes,
        .arena_used_bytes = promc_arena_used(&registry->arena),
        .families = promc_load(&header->family_count),
        .series = promc_load(&header->series),
        .stale_updates = (uint64_t)promc_counter_value(registry->stale_updates),
        .shards = promc_load(&header->shards_used),
    };
    for (const promc_family *family = promc_load_acquire(&registry->families); family;
         family = promc_load_acquire(&family->next))
        stats.series_dropped += (uint64_t)promc_counter_value(family->dropped);
    for (unsigned i = 0; i < PROMC_SCRAPES_MAX; i++)
        stats.scrapes_in_flight += promc_load(&header->scrapes[i].token) != 0;
    return promc_hand_out("promc_registry_stats", out, size, &stats, sizeof(stats),
                          PROMC_BYTES_TO(promc_registry_stats, scrapes_in_flight));
}
