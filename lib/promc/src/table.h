/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A family's hash table: open addressing over 64-bit slots `hash << 32 | child`. Read without a lock; written
 * under the registry's. A table that has been outgrown is retired, and used again only after the quarantine, when
 * no reader can still be in it.
 */
#ifndef PROMC_SRC_TABLE_H
#define PROMC_SRC_TABLE_H

#include "hash.h"
#include "series.h"

#define PROMC_SLOT_DELETED 1u /* never a child: the header stands there */

struct promc_table {
    uint32_t mask;      /* slots - 1 */
    uint32_t taken;     /* slots that are not empty, deleted ones included */
    promc_ref next;     /* retired, or free */
    uint32_t retired;   /* ticks */
    uint64_t slots[];
};

/* Make the values' child findable. false: the arena is full. O(1) amortised. The lock is held. */
bool promc_table_insert(promc_registry *registry, struct promc_family_data *data, struct promc_child *child);
/* The lock is held. */
void promc_table_delete(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child);
/* A new table of everything in the family's list; for recovery. The lock is held. */
bool promc_table_rebuild(promc_registry *registry, struct promc_family_data *data);
/* Give back the tables whose quarantine is over. The lock is held. */
void promc_table_reclaim(promc_registry *registry, uint32_t now);

static inline bool promc_text_matches(const struct promc_family_data *data, const struct promc_child *child,
                                      const promc_str *values, unsigned count)
{
    const char *p = promc_child_text(child);
    for (unsigned i = 0; i < count; i++) {
        p += data->label_prefix[i];
        size_t n = values[i].length;
        if (memcmp(p, values[i].data, n) != 0 || p[n] != '"')
            return false;
        p += n + 2; /* the quote, and the comma before the next */
    }
    return true;
}

/* With raw values behind the text: see series.h. */
bool promc_escaped_matches(const struct promc_child *child, const promc_str *values, unsigned count);

/*
 * The child with these values, and the generation it had while its values were compared. NULL: not there (or it
 * came or went just now). Lock-free.
 */
static inline struct promc_child *promc_table_find(const char *base, const struct promc_family_data *data,
                                                   uint32_t hash, const promc_str *values, size_t values_length,
                                                   uint32_t *generation)
{
    promc_ref ref = promc_load_acquire(&data->table);
    if (PROMC_UNLIKELY(ref == 0))
        return NULL;
    const struct promc_table *table = (const struct promc_table *)(const void *)(base + (size_t)ref * 8);
    uint32_t mask = table->mask;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        uint64_t slot = promc_load_acquire(&table->slots[i]);
        if (slot == 0)
            return NULL;
        if ((uint32_t)(slot >> 32) != hash || (uint32_t)slot == PROMC_SLOT_DELETED)
            continue;
        struct promc_child *child = (struct promc_child *)(void *)(base + (size_t)(uint32_t)slot * 8);
        uint64_t word = promc_load_acquire(&child->live.word);
        uint8_t flags = promc_load(&child->flags);
        bool same = PROMC_UNLIKELY(flags & PROMC_CHILD_ESCAPED)
                        ? promc_escaped_matches(child, values, data->label_count)
                        : child->text_length == data->fixed_text + values_length &&
                              promc_text_matches(data, child, values, data->label_count);
        /* Unchanged generation: what was compared was this series and not the next tenant of its block. */
        if (same && promc_load_acquire(&child->live.word) >> 32 == word >> 32 &&
            !(flags & PROMC_CHILD_REMOVED)) {
            *generation = (uint32_t)(word >> 32);
            return child;
        }
    }
}

#endif
