/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of a family: one series (or for histograms and summaries, one set of them), in the arena.
 *
 * Layout of a block: struct promc_child, then the type's data in the child itself (struct promc_child_value for
 * types without cells, struct promc_child_behind for summaries and native histograms, struct promc_child_idle for families that expire),
 * then at `text_offset` the rendered labels `a="b",c="d"`; if a value needed escaping (PROMC_CHILD_ESCAPED) the raw values follow them:
 * uint32_t length[label_count] at the next multiple of 4, then the bytes. A summary's window (window.h) or a
 * native histogram's slots (native.h) are last.
 *
 * Invariants
 *  - text, hash and family are constant from publication to reclamation;
 *  - `next` of a removed child still leads to the rest of the list until the child is reclaimed, which waits for
 *    every scrape that had begun before the removal, and for the quarantine.
 */
#ifndef PROMC_SERIES_SERIES_H
#define PROMC_SERIES_SERIES_H

#include "base/atomic.h"
#include "series/family.h"
#include <promc/shard.h>
#include <stddef.h>

enum {
    PROMC_CHILD_ESCAPED = 1u << 0,
    PROMC_CHILD_REMOVED = 1u << 1,
    PROMC_CHILD_OVERFLOW = 1u << 2,
    PROMC_CHILD_LEAVING = 1u << 3, /* removed, but still shown: see birth.h */
    PROMC_CHILD_UNUSED = 1u << 4,  /* an unused overflow series: not shown, not counted */
    PROMC_CHILD_LAST = 1u << 6,    /* of a destroyed family, whose record is freed after it */
    PROMC_CHILD_ASLEEP = 1u << 5,  /* idle for too long, but kept with its handles: see expiry.h */
    /* Cannot be found by its values. */
    PROMC_CHILD_HIDDEN = PROMC_CHILD_REMOVED | PROMC_CHILD_OVERFLOW | PROMC_CHILD_LEAVING
};

struct promc_child {
    promc_live live;           /* generation << 32 | first cell; see promc/shard.h */
    int32_t family;            /* distance back to the family, in units of 16 bytes */
    uint32_t hash;             /* removed: the epoch of the removal */
    promc_ref next;            /* creation order; atomic */
    promc_ref prev;            /* removed: next in the quarantine */
    uint32_t text_length : 24; /* PROMC_LABELS_MOST values of 64 KiB, every byte escaped, are 2^23 */
    uint32_t size_class : 8;
    uint32_t created;    /* in 1/16 s since the registry was made; after removal: the time of removal */
    promc_ref exemplars; /* atomic; 0: none */
    uint16_t born;       /* low bits of the header's next_token at creation: how many scrapes had begun before it */
    uint8_t flags;       /* PROMC_CHILD_* */
    uint8_t text_offset; /* in units of 8 bytes */
};

/* The value of a child without cells (a set gauge). Shared by all threads. */
struct promc_child_value {
    uint64_t bits;    /* the double; atomic */
    uint64_t updates; /* changes with every update; for idle expiry. With PROMC_VALUE_TIMED: the value's time in ms */
};

/*
 * A value with a time (promc_gauge_set_at()): `updates` is set to PROMC_VALUE_TORN, then `bits` is stored, then the time. If a reader finds the
 * same time before and after it has read `bits`, the value and the time belong together. Without a time the order does not matter.
 */
#define PROMC_VALUE_TIMED (UINT64_C(1) << 63)
#define PROMC_VALUE_TORN UINT64_MAX

/* Two concurrent updates may count as one: it only matters that `updates` changes. Removes the time of a value that had one. */
static inline void promc_child_value_changed(struct promc_child_value *value)
{
#if defined(__x86_64__) && !defined(__SANITIZE_THREAD__) && !defined(PROMC_PORTABLE)
    bool timed;
    __asm__ volatile("incq %0" : "+m"(value->updates), "=@ccle"(timed));
    if (PROMC_UNLIKELY(timed)) /* negative, or it was PROMC_VALUE_TORN */
        promc_store(&value->updates, 1);
#else
    uint64_t updates = promc_load(&value->updates);
    promc_store(&value->updates, updates & PROMC_VALUE_TIMED ? 1 : updates + 1);
#endif
}

/* The location of the type's data after the labels: a summary's window, a native histogram's slots. */
struct promc_child_behind {
    uint32_t at; /* offset from the child, in units of 8 bytes; 0: none */
    uint32_t reserved;
};

struct promc_child_idle {
    uint32_t since; /* 1/16 s since the registry was made: when `mark` was first seen */
    uint32_t mark;  /* digest of the values at that time */
};

_Static_assert(offsetof(struct promc_child, next) == offsetof(struct promc_block, next),
               "a free block's link is the child's");

/* In families with a cap label, after the structs above. */
struct promc_child_group {
    promc_ref of;    /* the overflow series of its value of that label; 0: none */
    uint32_t series; /* in an overflow series: how many series count with it */
};

static inline struct promc_family_data *promc_child_family(const struct promc_child *child)
{
    return (struct promc_family_data *)(void *)((char *)(uintptr_t)child + (ptrdiff_t)child->family * 16);
}

static inline const char *promc_child_text(const struct promc_child *child)
{
    return (const char *)child + (size_t)child->text_offset * 8;
}

static inline struct promc_child_value *promc_child_value(const struct promc_child *child)
{
    return (struct promc_child_value *)(void *)((char *)(uintptr_t)child + sizeof(*child));
}

static inline uint32_t promc_child_cell(const struct promc_child *child)
{
    return (uint32_t)promc_load(&child->live.word);
}

/*
 * Atomic: ASLEEP changes without the lock. If the machine has no atomic operations on a byte (riscv64, where gcc before 13 calls libatomic), it is
 * one on the word around the byte, which loses no store to the members beside it.
 */
#if defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_1) && !defined(PROMC_PORTABLE)
static inline void promc_child_flag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_or(&child->flags, flag, __ATOMIC_RELAXED);
}
static inline void promc_child_unflag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_and(&child->flags, (uint8_t)~flag, __ATOMIC_RELAXED);
}
#else
typedef uint32_t __attribute__((may_alias)) promc_flags_word;
enum {
    PROMC_FLAGS_WORD = offsetof(struct promc_child, flags) / 4 * 4,
    PROMC_FLAGS_SHIFT = 8 * (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? offsetof(struct promc_child, flags) % 4
                                                                       : 3 - offsetof(struct promc_child, flags) % 4)
};
static inline promc_flags_word *promc_child_flags_word(struct promc_child *child)
{
    return (promc_flags_word *)(void *)((char *)child + PROMC_FLAGS_WORD);
}
static inline void promc_child_flag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_or(promc_child_flags_word(child), (uint32_t)flag << PROMC_FLAGS_SHIFT, __ATOMIC_RELAXED);
}
static inline void promc_child_unflag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_and(promc_child_flags_word(child), ~((uint32_t)flag << PROMC_FLAGS_SHIFT), __ATOMIC_RELAXED);
}
#endif

/* The family's next child in creation order, the first one for NULL; NULL: none. Lock-free; a removed child still leads on. */
static inline struct promc_child *promc_child_after(const struct promc_arena *arena,
                                                    const struct promc_family_data *data,
                                                    const struct promc_child *child)
{
    promc_ref next = promc_load_acquire(child ? &child->next : &data->first_child);
    return next ? promc_at(arena, next) : NULL;
}

/* Raw label values, in the order of the family's labels; they point into the arena. @return how many. */
unsigned promc_child_values(const struct promc_child *child, promc_str values[PROMC_LABELS_MOST]);

/* Only in families with behind_bytes. */
static inline struct promc_child_behind *promc_child_behind_at(const struct promc_child *child)
{
    return (struct promc_child_behind *)(void *)((char *)(uintptr_t)child + sizeof(*child));
}

/* The data itself; NULL if the child has none. */
static inline void *promc_child_behind(const struct promc_child *child)
{
    uint32_t at = promc_child_behind_at(child)->at;
    return at ? (char *)(uintptr_t)child + (size_t)at * 8 : NULL;
}

/* Only in families with an idle expiry. */
static inline struct promc_child_idle *promc_child_idle(const struct promc_child *child)
{
    size_t at = sizeof(*child) + promc_child_family(child)->own_bytes;
    return (struct promc_child_idle *)(void *)((char *)(uintptr_t)child + at);
}

/* Make label values valid UTF-8 and cut them at the limit. The buffer must have room for them; the registry's `scratch`, under its lock, has. */
void promc_values_repair(const promc_registry *registry, const promc_str *values, size_t count, promc_str *clean,
                         char *buffer);
/* For values that were not found as they are: repair them, find or create their series, or the overflow series. */
int promc_series_make(promc_family *family, const promc_str *values, promc_series_ref *out);

static inline promc_series_ref promc_series_handle(const promc_family *family, const struct promc_child *child,
                                                   uint64_t word)
{
    return (promc_series_ref){(uintptr_t)child | family->slot, word};
}

/* Only in families with a cap label. */
static inline struct promc_child_group *promc_child_group(const struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    size_t at = sizeof(*child) + data->own_bytes + (data->idle_expiry_seconds ? sizeof(struct promc_child_idle) : 0);
    return (struct promc_child_group *)(void *)((char *)(uintptr_t)child + at);
}

/* The value of an overflow series' label (child.h); length 0: it is not an overflow series. */
promc_str promc_child_marker(const struct promc_arena *arena, const struct promc_child *child);

/*
 * At registration, with the lock held: reserve room for the overflow series, or create the only series of a family
 * without labels. false: the arena is full.
 */
bool promc_series_reserve(promc_family *family);
/* The overflow series of a family with labels, created if necessary: its room is reserved. The lock is held. */
struct promc_child *promc_series_overflow(promc_family *family);

/* The block of a non-zero handle, stale or not. */
static inline struct promc_child *promc_series_block(promc_series_ref ref)
{
    return (struct promc_child *)(void *)promc_ref_live(ref);
}

/* The child of a handle, or NULL if the handle is zero or stale. */
static inline struct promc_child *promc_series_child(promc_series_ref ref)
{
    if (ref.where == 0 || promc_load_acquire(&promc_ref_live(ref)->word) != ref.word)
        return NULL;
    return promc_series_block(ref);
}

#endif
