/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A child of a family: one series (or for histograms and summaries, one set of them), in the arena.
 *
 * Layout of a block: struct promc_child, then what the type keeps in the child itself (struct promc_child_value for
 * types without cells, struct promc_child_behind for summaries and native histograms, struct promc_child_idle for families that expire),
 * then at `text_offset` the rendered labels
 * `a="b",c="d"`; when a value needed escaping (PROMC_CHILD_ESCAPED) the raw values stand behind them:
 * uint32_t length[label_count] at the next multiple of 4, then the bytes. A summary's window (window.h) or a
 * native histogram's slots (native.h) are last.
 *
 * Invariants
 *  - text, hash and family are constant from publication to reclamation;
 *  - `next` of a removed child still leads on to the rest of the list until the child is reclaimed, which waits for
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
    PROMC_CHILD_UNUSED = 1u << 4,  /* an overflow series that nothing has gone to yet: not shown, not counted */
    PROMC_CHILD_ASLEEP = 1u << 5,  /* idle for too long, but kept with its handles: see expiry.h */
    /* Not to be found by its values. */
    PROMC_CHILD_HIDDEN = PROMC_CHILD_REMOVED | PROMC_CHILD_OVERFLOW | PROMC_CHILD_LEAVING
};

struct promc_child {
    promc_live live;           /* generation << 32 | first cell; see promc/shard.h */
    int32_t family;            /* from here to the family, in units of 16 bytes */
    uint32_t hash;             /* removed: the epoch of the removal */
    promc_ref next;            /* creation order; atomic */
    promc_ref prev;            /* removed: next in the quarantine */
    uint32_t text_length : 24; /* PROMC_MAX_LABELS values of 64 KiB, every byte escaped, are below 2^22 */
    uint32_t size_class : 8;
    uint32_t created;    /* in 1/16 s since the registry was made; removed: when that was */
    promc_ref exemplars; /* atomic; 0: none */
    uint16_t born;       /* low bits of the header's next_token at creation: how many scrapes had begun before it */
    uint8_t flags;       /* PROMC_CHILD_* */
    uint8_t text_offset; /* in units of 8 bytes */
};

/* The value of a child without cells (a gauge that is set). Shared by all threads. */
struct promc_child_value {
    uint64_t bits;    /* the double; atomic */
    uint64_t updates; /* changes with every update; for idle expiry */
};

/* Two threads may count one update between them: only that it changes matters. */
static inline void promc_child_value_changed(struct promc_child_value *value)
{
    promc_store(&value->updates, promc_load(&value->updates) + 1);
}

/* Where that is what a type keeps behind the labels: a summary's window, a native histogram's slots. */
struct promc_child_behind {
    uint32_t at; /* from the child, in units of 8 bytes; 0: there is none */
    uint32_t reserved;
};

struct promc_child_idle {
    uint32_t since; /* 1/16 s since the registry was made: when `mark` was first seen */
    uint32_t mark;  /* digest of the values then */
};

_Static_assert(offsetof(struct promc_child, next) == offsetof(struct promc_block, next),
               "a free block's link is the child's");

/* In families with a cap label, behind the others. */
struct promc_child_group {
    promc_ref of;    /* the overflow series of its value of that label; 0: of none */
    uint32_t series; /* of an overflow series: how many count with it */
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
    return (struct promc_child_value *)(void *)((char *)(uintptr_t)child + sizeof *child);
}

static inline uint32_t promc_child_cell(const struct promc_child *child)
{
    return (uint32_t)promc_load(&child->live.word);
}

/* Atomic: ASLEEP changes without the lock. */
static inline void promc_child_flag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_or(&child->flags, flag, __ATOMIC_RELAXED);
}
static inline void promc_child_unflag(struct promc_child *child, uint8_t flag)
{
    (void)__atomic_fetch_and(&child->flags, (uint8_t)~flag, __ATOMIC_RELAXED);
}

/* The family's next child in creation order, the first one for NULL; NULL: none. Lock-free; a removed child still leads on. */
static inline struct promc_child *promc_child_after(const struct promc_arena *arena,
                                                    const struct promc_family_data *data,
                                                    const struct promc_child *child)
{
    promc_ref next = promc_load_acquire(child ? &child->next : &data->first_child);
    return next ? promc_at(arena, next) : NULL;
}

/* Raw label values, in the order of the family's labels; they point into the arena. @return how many. */
unsigned promc_child_values(const struct promc_child *child, promc_str values[PROMC_MAX_LABELS]);

/* Only in families with behind_bytes. */
static inline struct promc_child_behind *promc_child_behind_at(const struct promc_child *child)
{
    return (struct promc_child_behind *)(void *)((char *)(uintptr_t)child + sizeof *child);
}

/* The same: NULL if it keeps none. */
static inline void *promc_child_behind(const struct promc_child *child)
{
    uint32_t at = promc_child_behind_at(child)->at;
    return at ? (char *)(uintptr_t)child + (size_t)at * 8 : NULL;
}

/* Only in families with an idle expiry. */
static inline struct promc_child_idle *promc_child_idle(const struct promc_child *child)
{
    size_t at = sizeof *child + promc_child_family(child)->own_bytes;
    return (struct promc_child_idle *)(void *)((char *)(uintptr_t)child + at);
}

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
    size_t at = sizeof *child + data->own_bytes + (data->idle_expiry_seconds ? sizeof(struct promc_child_idle) : 0);
    return (struct promc_child_group *)(void *)((char *)(uintptr_t)child + at);
}

/* What stands in the label of an overflow series (child.h); length 0: it is none. */
promc_str promc_child_marker(const struct promc_arena *arena, const struct promc_child *child);

/*
 * At registration, with the lock held: set aside room for the overflow series, or make the only series of a family
 * without labels. false: the arena is full.
 */
bool promc_series_reserve(promc_family *family);

/* The block of a handle that is not the zero one, stale or not. */
static inline struct promc_child *promc_series_block(promc_series_ref ref)
{
    return (struct promc_child *)(void *)promc_ref_live(ref);
}

/* The child behind a handle, or NULL if there is none (any more). */
static inline struct promc_child *promc_series_child(promc_series_ref ref)
{
    if (ref.where == 0 || promc_load_acquire(&promc_ref_live(ref)->word) != ref.word)
        return NULL;
    return promc_series_block(ref);
}

#endif
