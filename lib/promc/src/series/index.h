/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family's hash table: open addressing over 64-bit slots `hash << 32 | child`. Read without a lock; written under the registry's.
 *
 * The protocol of a lookup (promc_index_find()):
 *  - a slot is stored with release once its child is whole, and loaded with acquire: who sees the slot sees the child;
 *  - a slot that was used becomes a deleted mark and never empty again, so a search past it is not cut short. An empty slot is always left;
 *  - a child may be removed, reclaimed and made anew for other values while its text is compared. Its `live` word (generation << 32 |
 *    cell) goes up by a generation with each removal and each creation. So: load the word, compare, load the word again.
 *    Unchanged, and not removed: what was compared was this series, and the word is what its handle must have. Else it is as if it were
 *    not there, and the caller looks again under the lock;
 *  - the text of a removed child stays readable through the quarantine, and whatever is written there later is the arena's own memory:
 *    a reader that is slower than that compares garbage and is told so by the word;
 *  - a table that is outgrown is retired and used again only after the quarantine, when no reader can still be in it. A reader in the old
 *    one misses what was made since, and finds it under the lock.
 */
#ifndef PROMC_SERIES_INDEX_H
#define PROMC_SERIES_INDEX_H

#include "series/hash.h"
#include "series/series.h"

#define PROMC_SLOT_DELETED 1u /* hash 0, which no series has, and no child: the header stands there */

struct promc_index {
    uint32_t mask;    /* slots - 1 */
    uint32_t taken;   /* slots that are not empty, deleted ones included */
    promc_ref next;   /* retired, or free */
    uint32_t retired; /* ticks */
    uint64_t slots[];
};

/* Make the values' child findable. false: the arena is full. O(1) amortised. The lock is held. */
bool promc_index_insert(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* The lock is held. */
void promc_index_delete(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child);
/* A new table of everything in the family's list; for recovery. The lock is held. */
bool promc_index_rebuild(promc_registry *registry, struct promc_family_data *data);
/* Give back the tables whose quarantine is over. The lock is held. */
void promc_index_reclaim(promc_registry *registry, uint32_t now);

/* With raw values behind the text: see series.h. */
bool promc_escaped_matches(const struct promc_child *child, const promc_str *values, unsigned count);

/* The values of the keys, in memory: keys whose address is taken would have to be there too. */
struct promc_value_list {
    promc_str at[PROMC_MAX_LABELS];
};

static inline struct promc_value_list promc_keys_values(const struct promc_key *keys, unsigned count)
{
    struct promc_value_list values;
    PROMC_UNROLL
    for (unsigned i = 0; i < count; i++)
        values.at[i] = (promc_str){keys[i].data, keys[i].length};
    return values;
}

static inline bool promc_text_matches(const promc_family *family, const struct promc_child *child,
                                      const struct promc_key *keys, unsigned count)
{
    const char *p = promc_child_text(child);
    uint64_t differ = 0;
    PROMC_UNROLL
    for (unsigned i = 0; i < count; i++) {
        p += family->label_prefix[i];
        differ |= promc_key_differs(&keys[i], p);
        p += keys[i].length + 2; /* the quote, and the comma before the next */
    }
    return differ == 0;
}

/*
 * The child with these values, and the `live` word it had while its values were compared. NULL: not there (or it
 * came or went just now). Lock-free. `keys_length` is the sum of the values' lengths, and of the text behind them. `state` is 0, or the
 * one flag of PROMC_CHILD_HIDDEN that the child must have.
 */
static inline __attribute__((always_inline)) struct promc_child *
promc_index_find(const promc_family *family, uint32_t hash, const struct promc_key *keys, unsigned count,
                 size_t keys_length, uint8_t state, uint64_t *live_word)
{
    promc_ref ref = promc_load_acquire(&family->data->table);
    if (PROMC_UNLIKELY(ref == 0))
        return NULL;
    const struct promc_index *table = (const struct promc_index *)(const void *)(family->base + (size_t)ref * 8);
    uint32_t mask = table->mask;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        uint64_t slot = promc_load_acquire(&table->slots[i]);
        if ((uint32_t)(slot >> 32) != hash) {
            if (slot == 0)
                return NULL;
            continue;
        }
        struct promc_child *child = (struct promc_child *)(void *)(family->base + (size_t)(uint32_t)slot * 8);
        uint64_t word = promc_load_acquire(&child->live.word);
        uint8_t flags = promc_load(&child->flags);
        bool same = PROMC_UNLIKELY(flags & PROMC_CHILD_ESCAPED)
                        ? promc_escaped_matches(child, promc_keys_values(keys, count).at, count)
                        : child->text_length == family->fixed_text + keys_length &&
                              promc_text_matches(family, child, keys, count);
        /* Unchanged: what was compared was this series and not the next tenant of its block. */
        if (same && promc_load_acquire(&child->live.word) == word && (flags & PROMC_CHILD_HIDDEN) == state) {
            *live_word = word;
            return child;
        }
    }
}

#endif
