/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/shard.h"
#include "arena/lock.h"
#include "shard/process.h"
#include "shard/slots.h"
#include "shard/thread.h"

#include <errno.h>
#include <sys/mman.h>

static struct promc_shard *header_of(promc_registry *registry, uint32_t shard)
{
    return promc_shard_of(promc_shard_cells(&registry->arena, shard));
}

static bool claim(promc_registry *registry, uint32_t index, uint64_t expected)
{
    struct promc_shard *shard = header_of(registry, index);
    if (!__atomic_compare_exchange_n(&shard->owner, &expected, promc_self(), false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
        return false;
    if (registry->arena.shared)
        promc_store(&shard->owner_start, promc_self_start());
    uint32_t *used = &registry->arena.header->shards_used, now = promc_load(used);
    while (now < index + 1 &&
           !__atomic_compare_exchange_n(used, &now, index + 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    return true;
}

/* The lowest shard that is free, or whose thread is gone without having said so. max_threads: none. */
static uint32_t claim_any(promc_registry *registry)
{
    uint32_t count = registry->arena.header->max_threads, pid = promc_pid(promc_self());
    for (uint32_t i = 0; i < count; i++) {
        uint64_t owner = promc_load_acquire(&header_of(registry, i)->owner);
        if (promc_tid(owner) == 0 && (owner == 0 || promc_pid(owner) == pid) && claim(registry, i, owner))
            return i;
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t owner = promc_load_acquire(&header_of(registry, i)->owner);
        if (promc_pid(owner) == pid && promc_tid(owner) != 0 && !promc_thread_alive(owner) &&
            claim(registry, i, owner)) {
            registry->hooks->settle(registry, i, false, true);
            return i;
        }
    }
    return count;
}

static uint64_t *attach_locked(promc_registry *registry, uint32_t slot)
{
    struct promc_arena_header *header = registry->arena.header;
    uint64_t releases = promc_load(&header->releases);
    struct promc_thread *thread = promc_thread_link();
    if (!thread)
        return NULL;
    uint32_t index = claim_any(registry);
    if (index == header->max_threads && registry->arena.shared && promc_registry_trylock(registry)) {
        promc_shards_reap(registry);
        promc_registry_unlock(registry);
        index = claim_any(registry);
    }
    if (index == header->max_threads) {
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

/* The calling thread's cells in the registry of that slot, attaching it; NULL: use the shared shard, atomically. */
static __attribute__((noinline)) uint64_t *attach(uint32_t slot)
{
    if (promc_tls.base[slot])
        return promc_tls.base[slot];
    promc_registry *registry = promc_registry_in_slot(slot);
    if (!registry || registry->arena.readonly)
        return NULL;
    /* There was none before, and none has become free since. */
    const struct promc_thread *thread = promc_thread_self();
    if (thread && promc_load(&thread->denied[slot]) == promc_load(&registry->arena.header->releases) + 1)
        return NULL;
    int saved = errno;
    uint64_t *cells = NULL;
    if (promc_threads_lock()) {
        cells = promc_tls.base[slot]; /* a signal handler may have been here meanwhile */
        if (!cells)
            cells = attach_locked(registry, slot);
        promc_threads_unlock();
    }
    errno = saved;
    return cells;
}

uint64_t *promc_shard_shared(uint32_t slot)
{
    promc_registry *registry = promc_registry_in_slot(slot);
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
        promc_store_release(&shard->owner, 0);
        promc_fetch_add(&registry->arena.header->releases, 1);
    }
}

void promc_shards_drop(promc_registry *registry)
{
    struct promc_arena *arena = &registry->arena;
    (void)madvise(arena->shards, (size_t)arena->header->shards_used * arena->shard_stride, MADV_DONTNEED);
    arena->header->shards_used = 0;
}

/* A handle whose address is not in the arena is of a registry that had the slot before. */
static __attribute__((noinline, cold)) void count_stale(promc_series_ref ref)
{
    promc_registry *registry = promc_registry_in_slot(promc_ref_slot(ref));
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
        base = promc_shard_shared(slot);
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
