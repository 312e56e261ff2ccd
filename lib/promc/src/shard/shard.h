/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shard: a header page, then cells. Written only by its owner; read by all.
 *
 * The protocol (no lock guards it):
 *  - a cell has one writer, the thread in `owner`, which stores without lock prefix; readers load each cell and add up the shards;
 *  - ownership changes by a compare-and-swap of `owner`, pid << 32 | tid, with acquire; it is released by a store with release, so
 *    the next owner sees all writes of the last one and continues from there: the values stay, they are part of the totals;
 *  - tid 0: free, but still the pid's (its values may balance those of the process' other shards). Another process takes it only after
 *    that pid is dead, and after hooks->settle() has dropped its contribution to up-down gauges and repaired its unfinished updates;
 *  - `shards_used` only grows, under the arena's lock (a shard's memory is committed then: arena/commit.h), and is raised before the first
 *    write, so that a reader that loads it with acquire misses no shard. A thread that cannot have the lock at once uses the shared shard
 *    meanwhile;
 *  - the last shard has no owner: a thread that finds none free, or must not touch its own (below), writes there with atomics.
 *
 * Signal handlers: a handler runs on the thread that it has interrupted, so its stores come between two instructions of that thread.
 * Updates of one cell are one instruction. `busy` is 1 while the owner is inside an update of several cells: a handler that finds it set
 * uses the shared shard. promc_tls.base is set last when a thread attaches, and a handler that interrupts the attaching
 * (thread.h: the list's lock knows its holder) uses the shared shard, too.
 *
 * A reader that wants cells of one instant asks the owner (`request` … `acknowledged`, `scratch`): types/histogram.h.
 */
#ifndef PROMC_SHARD_SHARD_H
#define PROMC_SHARD_SHARD_H

#include "arena/registry.h"
#include "base/atomic.h"
#include <promc/shard.h>

#define PROMC_SCRATCH_CELLS 1008

struct promc_shard {
    uint64_t busy;    /* 1 while the owner is inside an observation; owner only */
    uint64_t request; /* a reader's request: sequence << 32 | first cell; 0: none yet */
    uint64_t request_cells;
    uint64_t acknowledged; /* the last request that the owner has served */
    uint64_t reader;       /* the thread that may write `request`: pid << 32 | tid, 0: nobody */
    uint64_t sequence;     /* sequence of requests; the reader's */
    uint64_t owner;
    uint64_t owner_start; /* start time of the owner's process, to recognise a recycled pid; 0: not known (yet) */
    uint64_t reserved[8];
    uint64_t scratch[PROMC_SCRATCH_CELLS]; /* the owner's copy of the requested cells */
};

_Static_assert(sizeof(struct promc_shard) <= PROMC_SHARD_HEADER, "a shard's header has its pages");

static inline struct promc_shard *promc_shard_of(uint64_t *cells)
{
    return (struct promc_shard *)(void *)((char *)cells - PROMC_SHARD_HEADER);
}

/* The shared shard's cells, marked as used; NULL: no such registry. */
uint64_t *promc_shard_shared(promc_series_ref ref);
/*
 * The destination of an update through this handle: the thread's cells, or with *shared set the shared shard's, which need
 * atomics. NULL: none (the zero handle, or a stale one, which is counted).
 */
uint64_t *promc_cell_own(promc_series_ref ref, uint32_t *cell, bool *shared);
/* The owner releases its shard; the values stay. */
void promc_shard_release(promc_registry *registry, uint32_t index);

/* Free the shards of dead processes. The lock is held. */
void promc_shards_reap(promc_registry *registry);
/* After fork, in the child, on its private copy: give the owned shards back to the kernel, headers and all. */
void promc_shards_drop(promc_registry *registry);

/* The bits of a double in a cell. */
static inline double promc_cell_double(uint64_t bits)
{
    double value;
    __builtin_memcpy(&value, &bits, sizeof(value));
    return value;
}
static inline uint64_t promc_double_bits(double value)
{
    uint64_t bits;
    __builtin_memcpy(&bits, &value, sizeof(bits));
    return bits;
}

/* Atomic += on a double that several threads add to. */
static inline void promc_double_add(uint64_t *cell, double delta)
{
    uint64_t old = promc_load(cell);
    while (!__atomic_compare_exchange_n(cell, &old, promc_double_bits(promc_cell_double(old) + delta), true,
                                        __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
    }
}

/* The same on a cell that only this thread (and its signal handlers) writes: no lock prefix. */
static inline void promc_double_add_own(uint64_t *cell, double delta)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(PROMC_PORTABLE)
    uint64_t old = promc_load(cell);
    bool done;
    do { /* NOLINT(bugprone-infinite-loop): the instruction below sets done */
        uint64_t new = promc_double_bits(promc_cell_double(old) + delta);
        __asm__ volatile("cmpxchgq %3, %1" : "=@cce"(done), "+m"(*cell), "+a"(old) : "r"(new));
    } while (!done);
#else
    promc_double_add(cell, delta);
#endif
}

#endif
