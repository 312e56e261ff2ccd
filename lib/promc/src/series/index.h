/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family's hash table: open addressing over 64-bit slots `hash << 32 | child`. Read without a lock; written under the registry's lock.
 *
 * The protocol of a lookup (promc_index_find()):
 *  - a slot is stored with release after its child is complete, and loaded with acquire: a thread that sees the slot sees the whole child;
 *  - a used slot becomes a deleted mark and never empty again, so a search is not cut short. One slot is always empty;
 *  - a child may be removed, reclaimed and reused for other values while its text is compared. Its `live` word (generation << 32 |
 *    cell) gets a new generation with each removal and each creation. So: load the word, compare, load the word again.
 *    If it is unchanged and not removed, the compared text belonged to this series, and the word is the one for its handle. Otherwise the
 *    series counts as not found, and the caller looks again under the lock;
 *  - the text of a removed child stays readable through the quarantine, and later the memory is reused only within the arena:
 *    a reader that is slower than that compares garbage, and then sees that the word has changed;
 *  - an outgrown table is retired and reused only after the quarantine, when no reader can still use it. A reader of the old
 *    table misses later series, and finds them under the lock.
 */
#ifndef PROMC_SERIES_INDEX_H
#define PROMC_SERIES_INDEX_H

#include "series/hash.h"
#include "series/series.h"

#define PROMC_SLOT_DELETED 1u /* hash 0, which no series has; 1 is not a child, because the header is there */

struct promc_index {
    uint32_t mask;    /* slots - 1 */
    uint32_t taken;   /* slots that are not empty, including deleted ones */
    promc_ref next;   /* retired, or free */
    uint32_t retired; /* ticks */
    uint64_t slots[];
};

/* Add the child to the table. false: the arena is full. O(1) amortised. The lock is held. */
bool promc_index_insert(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* The lock is held. */
void promc_index_delete(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child);
/* A new table with everything in the family's list; for recovery. The lock is held. */
bool promc_index_rebuild(promc_registry *registry, struct promc_family_data *data);
/* Retire the table of a family that is being destroyed. The lock is held. */
void promc_index_drop(promc_registry *registry, struct promc_family_data *data);
/* Free the tables whose quarantine is over. The lock is held. */
void promc_index_reclaim(promc_registry *registry, uint32_t now);

/* With raw values after the text: see series.h. */
bool promc_escaped_matches(const struct promc_child *child, const promc_str *values, unsigned count);

/* The values of the keys, in memory: taking the address of a key would force the keys into memory too. */
struct promc_value_list {
    promc_str at[PROMC_LABELS_MOST];
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
        p += keys[i].length + 2; /* the quote, and the comma before the next value */
    }
    return differ == 0;
}

/*
 * The child with these values, and the `live` word it had while its values were compared. NULL: not found (or it
 * was created or removed just now). Lock-free. `keys_length` is the sum of the lengths of the values and of the text after them. `state` is
 * 0, or the one flag of PROMC_CHILD_HIDDEN that the child must have.
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
        /* Unchanged: the compared text belonged to this series and not to the next user of its block. */
        if (same && promc_load_acquire(&child->live.word) == word && (flags & PROMC_CHILD_HIDDEN) == state) {
            *live_word = word;
            return child;
        }
    }
}

#endif
