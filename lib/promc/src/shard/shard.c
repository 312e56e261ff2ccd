/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/shard.h"
#include "arena/commit.h"
#include "arena/lock.h"
#include "base/platform.h"
#include "shard/process.h"
#include "shard/slots.h"
#include "shard/thread.h"

#include <errno.h>
#include <string.h>

#define NONE UINT32_MAX

static struct promc_shard *header_of(promc_registry *registry, uint32_t shard)
{
    return promc_shard_of(promc_shard_cells(&registry->arena, shard));
}

/*
 * A process that frees dead processes' shards must never see our pid with another process's start time: it would take us for dead, and two
 * threads would write the same cells. So a shard without an owner has no start time (0, unknown), and in a shard that our process already
 * has, our start time is stored before the thread's number.
 */
static bool claim(promc_registry *registry, uint32_t index, uint64_t expected)
{
    struct promc_shard *shard = header_of(registry, index);
    if (registry->arena.shared && expected != 0)
        promc_store(&shard->owner_start, promc_self_start());
    if (!__atomic_compare_exchange_n(&shard->owner, &expected, promc_self(), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    if (registry->arena.shared && expected == 0)
        promc_store(&shard->owner_start, promc_self_start());
    return true;
}

/* The lowest shard in use that is free. */
static uint32_t claim_free(promc_registry *registry)
{
    uint32_t used = promc_load_acquire(&registry->arena.header->shards_used), pid = promc_pid(promc_self());
    for (uint32_t i = 0; i < used; i++) {
        uint64_t owner = promc_load_acquire(&header_of(registry, i)->owner);
        if (promc_tid(owner) == 0 && (owner == 0 || promc_pid(owner) == pid) && claim(registry, i, owner))
            return i;
    }
    return NONE;
}

/* The first one that has not been in use: its memory is committed here. The lock is held. */
static uint32_t claim_fresh(promc_registry *registry)
{
    struct promc_arena_header *header = registry->arena.header;
    uint32_t index = promc_load(&header->shards_used);
    if (index == header->max_threads || !promc_commit_shard(&registry->arena, index) || !claim(registry, index, 0))
        return NONE;
    promc_store_release(&header->shards_used, index + 1);
    return index;
}

/* A shard whose thread has ended without releasing it. */
static uint32_t claim_dead(promc_registry *registry)
{
    uint32_t used = promc_load_acquire(&registry->arena.header->shards_used), pid = promc_pid(promc_self());
    for (uint32_t i = 0; i < used; i++) {
        uint64_t owner = promc_load_acquire(&header_of(registry, i)->owner);
        if (promc_pid(owner) == pid && promc_tid(owner) != 0 && !promc_thread_alive(owner) &&
            claim(registry, i, owner)) {
            registry->hooks->settle(registry, i, false, true);
            return i;
        }
    }
    return NONE;
}

/*
 * Any shard, or NONE. *later: another thread holds the lock, so a later attempt may succeed. It does not wait for the lock, because this may
 * be a signal handler that has interrupted the lock's holder.
 */
static uint32_t claim_any(promc_registry *registry, bool *later)
{
    struct promc_arena_header *header = registry->arena.header;
    bool fresh = promc_load(&header->shards_used) < header->max_threads;
    uint32_t index = claim_free(registry);
    if (index == NONE && !fresh)
        index = claim_dead(registry);
    if (index != NONE || !(fresh || registry->arena.shared))
        return index;
    if (!promc_registry_trylock(registry)) {
        *later = true;
        return NONE;
    }
    index = claim_fresh(registry);
    if (index == NONE && registry->arena.shared)
        promc_shards_reap(registry);
    promc_registry_unlock(registry);
    return index == NONE ? claim_free(registry) : index;
}

static uint64_t *attach_locked(promc_registry *registry, uint32_t slot)
{
    struct promc_arena_header *header = registry->arena.header;
    uint64_t releases = promc_load(&header->releases);
    struct promc_thread *thread = promc_thread_link();
    if (!thread)
        return NULL;
    bool later = false;
    uint32_t index = claim_any(registry, &later);
    if (index == NONE) {
        if (!later)
            promc_store(&thread->denied[slot], releases + 1);
        return NULL;
    }
    uint64_t *cells = promc_shard_cells(&registry->arena, index);
    promc_store(&promc_shard_of(cells)->busy, 0);
    thread->shard[slot] = index + 1;
    thread->denied[slot] = 0;
    promc_signal_fence();
    promc_tls.base[slot] = cells;
    return cells;
}

/* The calling thread's cells in the registry of that slot, attaching the thread; NULL: use the shared shard, atomically. */
static __attribute__((noinline)) uint64_t *attach(uint32_t slot)
{
    if (promc_tls.base[slot])
        return promc_tls.base[slot];
    promc_registry *registry = promc_registry_in_slot(slot);
    if (!registry || registry->arena.readonly)
        return NULL;
    /* There was no free shard before, and none has become free since. */
    const struct promc_thread *thread = promc_thread_self();
    if (thread && promc_load(&thread->denied[slot]) == promc_load(&registry->arena.header->releases) + 1)
        return NULL;
    int saved = errno;
    uint64_t *cells = NULL;
    if (promc_threads_lock()) {
        cells = promc_tls.base[slot]; /* a signal handler may have attached it meanwhile */
        if (!cells)
            cells = attach_locked(registry, slot);
        promc_threads_unlock();
    }
    errno = saved;
    return cells;
}

uint64_t *promc_shard_shared(promc_series_ref ref)
{
    promc_registry *registry = promc_registry_of(ref);
    if (!registry || registry->arena.readonly)
        return NULL;
    struct promc_arena_header *header = registry->arena.header;
    if (!promc_load(&header->shared_used))
        promc_store(&header->shared_used, 1);
    return promc_shard_cells(&registry->arena, header->max_threads);
}

void promc_shard_release(promc_registry *registry, uint32_t index)
{
    struct promc_shard *shard = header_of(registry, index);
    uint64_t keep = registry->arena.shared ? promc_self() >> 32 << 32 : 0;
    promc_store(&shard->busy, 0);
    promc_store_release(&shard->owner, keep);
    promc_fetch_add(&registry->arena.header->releases, 1);
}

void promc_shards_reap(promc_registry *registry)
{
    uint32_t used = promc_load(&registry->arena.header->shards_used);
    for (uint32_t i = 0; i < used; i++) {
        struct promc_shard *shard = header_of(registry, i);
        uint64_t owner = promc_load_acquire(&shard->owner);
        if (owner == 0 || promc_process_alive(owner, promc_load(&shard->owner_start)))
            continue;
        registry->hooks->settle(registry, i, true, promc_load(&shard->busy));
        promc_store(&shard->busy, 0);
        promc_store(&shard->owner_start, 0);
        promc_store_release(&shard->owner, 0);
        promc_fetch_add(&registry->arena.header->releases, 1);
    }
}

void promc_shards_drop(promc_registry *registry)
{
    struct promc_arena *arena = &registry->arena;
    uint32_t used = arena->header->shards_used;
    if (arena->memory == PROMC_MEMORY_PRIVATE)
        promc_pages_clear(arena->shards, (size_t)used * arena->shard_stride);
    for (uint32_t i = 0; arena->memory == PROMC_MEMORY_HOST && i < used; i++)
        memset(header_of(registry, i), 0, PROMC_SHARD_HEADER + (size_t)arena->header->cells_ready * 8);
    arena->header->shards_used = 0;
}

/* A handle whose address is not in the arena belongs to a registry that had the slot before. */
static __attribute__((noinline, cold)) void count_stale(promc_series_ref ref)
{
    promc_registry *registry = promc_registry_of(ref);
    if (registry && ref.where - (uintptr_t)registry->arena.base < registry->arena.bytes)
        promc_counter_inc(registry->stale_updates);
}

uint64_t *promc_cell_own(promc_series_ref ref, uint32_t *cell, bool *shared)
{
    *shared = false;
    if (ref.where == 0)
        return NULL;
    uint32_t slot = promc_ref_slot(ref);
    if (promc_load(&promc_ref_live(ref)->word) != ref.word) {
        count_stale(ref);
        return NULL;
    }
    *cell = (uint32_t)ref.word;
    uint64_t *base = promc_tls.base[slot];
    if (PROMC_UNLIKELY(!base) && !(base = attach(slot))) {
        base = promc_shard_shared(ref);
        *shared = true;
    }
    return base;
}

void promc_cell_add_slow(promc_series_ref ref, uint64_t n)
{
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(ref, &cell, &shared);
    if (!base)
        return;
    if (shared)
        promc_fetch_add(&base[cell], n);
    else
        promc_cell_bump(&base[cell], n);
}
