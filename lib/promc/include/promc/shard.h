/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/shard.h
 * The inline fast path. Except for promc_series_is_live() it is not for direct use: counter.h, gauge.h and histogram.h are the interface.
 * Everything here is part of the ABI.
 *
 * Invariants
 *  - a shard's cells are written only by the thread that owns the shard (except for the last, shared shard);
 *  - a cell index means the same in every shard of a registry;
 *  - promc_tls.base[slot] is NULL until the thread has attached to the registry in that slot; base[0] is always
 *    NULL, so the zero handle is safe;
 *  - a series' `live` word is generation << 32 | cell. A handle whose word differs is stale.
 */
#ifndef PROMC_SHARD_H
#define PROMC_SHARD_H

#include <promc/export.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Number of registries with the fast path, plus one; handles of further registries have slot 0. */
#define PROMC_SLOTS 16

/** The part of a series in the arena that the fast path reads: generation << 32 | cell. Aligned to 16 bytes. */
typedef struct promc_live {
    uint64_t word;
} promc_live;

/** The body of every handle. It contains the cell, so an update needs only the comparison of `word`. */
typedef struct promc_series_ref {
    uintptr_t where; /**< the series' promc_live, and in the low four bits the registry's slot; 0: the zero handle */
    uint64_t word;   /**< what the series' word must still be */
} promc_series_ref;

static inline promc_live *promc_ref_live(promc_series_ref ref)
{
    return (promc_live *)(ref.where & ~(uintptr_t)(PROMC_SLOTS - 1));
}

static inline uint32_t promc_ref_slot(promc_series_ref ref)
{
    return (uint32_t)(ref.where & (PROMC_SLOTS - 1));
}

typedef struct promc_tls_block {
    uint64_t *base[PROMC_SLOTS];
} promc_tls_block;

/*
 * The linker name identifies the layout that is compiled into programs: handles with 4 tag bits, 16 slots in the block, the word
 * of a series (generation << 32 | cell). Another layout gets another name, so that an old program and a new library
 * do not load together instead of failing at run time.
 */
#ifdef __ELF__
#define PROMC_LAYOUT __asm__("promc_tls_layout1_slots16")
#else
#define PROMC_LAYOUT
#endif
extern PROMC_API __thread promc_tls_block promc_tls PROMC_LAYOUT PROMC_TLS_MODEL;

/** Attaches the thread, or counts a stale update. */
PROMC_API void promc_cell_add_slow(promc_series_ref ref, uint64_t n) __attribute__((cold));

/** One read-modify-write that a signal handler on the same thread cannot tear. */
static inline void promc_cell_bump(uint64_t *cell, uint64_t n)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(PROMC_PORTABLE)
    __asm__ volatile("addq %1, %0" : "+m"(*cell) : "er"(n) : "cc");
#else
    (void)__atomic_fetch_add(cell, n, __ATOMIC_RELAXED);
#endif
}

/**
 * Does the handle still refer to a series? If not, look a cached handle up again. For direct use, with the `ref`
 * of any handle: `promc_series_is_live(counter.ref)`. 0 for the zero handle, a removed series, a destroyed registry. One load.
 */
static inline int promc_series_is_live(promc_series_ref ref)
{
    return ref.where != 0 && __atomic_load_n(&promc_ref_live(ref)->word, __ATOMIC_RELAXED) == ref.word;
}

static inline void promc_cell_add(promc_series_ref ref, uint64_t n)
{
    uint64_t *base = promc_tls.base[promc_ref_slot(ref)];
    if (PROMC_LIKELY(base) && PROMC_LIKELY(__atomic_load_n(&promc_ref_live(ref)->word, __ATOMIC_RELAXED) == ref.word))
        promc_cell_bump(base + (uint32_t)ref.word, n);
    else {
        /* Without this, gcc loads both words of a handle as one vector for this call, and splits it on the stack for the other path. */
        __asm__("" : "+r"(ref.where));
        promc_cell_add_slow(ref, n);
    }
}

#ifdef __cplusplus
}
#endif
#endif
