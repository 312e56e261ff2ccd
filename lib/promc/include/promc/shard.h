/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/shard.h
 * The inline fast path. Not for direct use: counter.h, gauge.h and histogram.h are the interface.
 * What is here is part of the ABI.
 *
 * Invariants
 *  - a shard's cells are written only by the thread that owns the shard (the last, shared shard excepted);
 *  - a cell index means the same in every shard of a registry;
 *  - promc_tls.base[slot] is NULL until the thread has attached to the registry in that slot; base[0] is always
 *    NULL, so the zero handle is safe;
 *  - a series' `live` word is generation << 32 | cell. A handle whose generation differs is stale.
 */
#ifndef PROMC_SHARD_H
#define PROMC_SHARD_H

#include <promc/export.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Registries alive at once, plus one. */
#define PROMC_SLOTS 16

/** The part of a series in the arena that the fast path reads. */
typedef struct promc_live {
    uint64_t word;
} promc_live;

typedef struct promc_series_ref {
    promc_live *live;
    uint32_t generation;
    uint32_t slot;
} promc_series_ref;

typedef struct promc_tls_block {
    uint64_t *base[PROMC_SLOTS];
} promc_tls_block;

extern PROMC_API __thread promc_tls_block promc_tls __attribute__((tls_model("initial-exec")));

/** Attaches the thread, or counts a stale update. */
PROMC_API void promc_cell_add_slow(promc_series_ref ref, uint64_t n);

/** One read-modify-write that a signal handler on the same thread cannot tear. */
static inline void promc_cell_bump(uint64_t *cell, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(PROMC_PORTABLE)
    __asm__ volatile("addq %1, %0" : "+m"(*cell) : "er"(n) : "cc");
#else
    (void)__atomic_fetch_add(cell, n, __ATOMIC_RELAXED);
#endif
}

/** Does the handle still lead to its series? A handle kept in a cache is looked up again when it does not. */
static inline int promc_series_is_live(promc_series_ref ref)
{
    return ref.live && (uint32_t)(__atomic_load_n(&ref.live->word, __ATOMIC_RELAXED) >> 32) == ref.generation;
}

static inline void promc_cell_add(promc_series_ref ref, uint64_t n)
{
    uint64_t *base = promc_tls.base[ref.slot];
    if (PROMC_LIKELY(base != 0)) {
        uint64_t word = __atomic_load_n(&ref.live->word, __ATOMIC_RELAXED);
        if (PROMC_LIKELY((uint32_t)(word >> 32) == ref.generation)) {
            promc_cell_bump(base + (uint32_t)word, n);
            return;
        }
    }
    promc_cell_add_slow(ref, n);
}

#ifdef __cplusplus
}
#endif
#endif
