/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native (exponential) histograms: finding the bucket of a value, and the cell of the shards that counts the bucket.
 *
 * A bucket is (schema, sign, index) as in Prometheus' specification: a positive value v has the index with
 * base^(index-1) < v <= base^index, base = 2^(2^-schema). Buckets are found at schema 8; merging 2^d neighbours gives schema 8 - d.
 *
 * A series has a fixed number of *slots*, each a cell in every shard: the first two count zeros and NaNs, the others are given to
 * buckets in the order of their first observation, by a compare-and-swap on the slot's key. A slot keeps its key for ever. When
 * the resolution is halved only `schema` changes: counts stay in place, and a reader merges them. So no count is
 * ever moved, even if a writer dies or is interrupted meanwhile: there is no lock, writers are never stopped, and there is no second copy.
 *
 * The protocol
 *  - a writer loads `schema`, makes the value's key, looks it up in the cache, then among the keys, where a key of a finer schema
 *    inside the bucket matches too; else it takes the first key that is 0 by a compare-and-swap. If another thread was faster, it searches again;
 *  - beyond the limit it lowers `schema` by one, by a compare-and-swap from the value it has loaded, and starts again. A writer that still
 *    uses the old schema takes a slot that is finer than necessary. This wastes a slot, but loses no count;
 *  - a reader loads the counts of all slots first and `schema` after, so no slot that it has counted is coarser than the schema of its
 *    merge;
 *  - a halving frees no slot, so a series has more slots than buckets: promc_native_slots(). When they are used up the schema is lowered
 *    until the value shares a bucket with a slot; the last slots are reserved for values far from all others and for the lowest schema.
 *
 * Invariants
 *  - keys[0 … used-1] are not 0 and the rest is; a key never changes;
 *  - `schema` only decreases, and no key has a lower schema;
 *  - the cache may be stale or empty, never wrong: "the values of this key may be counted in that slot" holds for ever.
 */
#ifndef PROMC_TYPES_NATIVE_H
#define PROMC_TYPES_NATIVE_H

#include "series/family.h"
#include "series/series.h"
#include <promc/ready.h>

#define PROMC_NATIVE_SCHEMA_MAX 8
#define PROMC_NATIVE_SCHEMA_MIN (-4)
/* Maximum slots of a series, including the two special ones. */
#define PROMC_NATIVE_SLOTS_MAX 702
/* The last slots: this many for values far from all others, and this many more for schema -4, when the other slots are used up. */
#define PROMC_NATIVE_OUTLIERS 8
#define PROMC_NATIVE_LAST 8

enum { PROMC_NATIVE_ZERO, PROMC_NATIVE_NAN, PROMC_NATIVE_FIRST };

/* The data of a series beside its cells, after its labels in the child's block. */
struct promc_native {
    double zero_threshold;
    int32_t schema;      /* atomic */
    uint32_t used;       /* atomic; at least this many slots have keys */
    uint32_t slots;      /* special ones included */
    uint32_t limit;      /* buckets, special ones not counted */
    uint32_t cache_mask; /* entries - 1 */
    uint32_t announced;  /* atomic; this series' part of the family's `native_bytes` */
    uint64_t cache[];    /* key << 32 | slot; followed by uint32_t keys[slots] */
};

static inline uint32_t *promc_native_keys(struct promc_native *native)
{
    return (uint32_t *)(void *)(native->cache + native->cache_mask + 1);
}

/* Only in families with native_at. */
static inline struct promc_native *promc_child_native(const struct promc_child *child)
{
    return promc_child_behind(child);
}

/* Size of struct promc_native. */
size_t promc_native_bytes(const struct promc_arena *arena, const struct promc_family_data *data);
/* Initialise a new series' data. */
void promc_native_init(const struct promc_arena *arena, struct promc_child *child);
/* The series was removed: subtract its buckets from the family's announced length. */
void promc_native_removed(struct promc_child *child);
/*
 * The size of a series' buckets in protobuf, for the family's announced length: at most PROMC_NATIVE_BUCKET_BYTES for each new
 * bucket, later their real size and an allowance for growth until the next scrape.
 */
#define PROMC_NATIVE_BUCKET_BYTES 17
void promc_native_announce(struct promc_family_data *data, struct promc_native *native, uint32_t bytes);

/*
 * Check a program's or operator's settings and complete them. *cells is the number that a series then needs in a shard, including
 * classic buckets. 0, PROMC_E_INVALID.
 */
int promc_native_plan(const char *name, const promc_native_settings *settings, struct promc_native_plan *plan);
uint32_t promc_native_slots(const struct promc_native_plan *plan);

/* The index at schema 8 of |v|, v not NaN and not 0. */
int32_t promc_native_index(double v);
/* The index of the bucket that contains this one at a schema that is lower by `steps`. */
static inline int32_t promc_native_coarser(int32_t index, int steps)
{
    return (int32_t)((index + (INT32_C(1) << steps) - 1) >> steps);
}

/* The slot that counts v; lock-free. */
uint32_t promc_native_slot(struct promc_family_data *data, struct promc_native *native, double v);

/* Number of slots with keys. */
uint32_t promc_native_used(struct promc_native *native);

/* A native histogram as it is exposed. */
struct promc_native_view {
    int schema;
    double zero_threshold;
    uint64_t zeros;
    uint64_t total;    /* including NaNs, which are in no bucket */
    unsigned negative; /* buckets[0 … negative-1], by ascending index; then the positive ones */
    unsigned count;
    struct promc_native_bucket buckets[PROMC_NATIVE_SLOTS_MAX];
};

/* Merge the counts of all slots, summed over the shards, into buckets of one schema. O(slots log slots). */
void promc_native_merge(struct promc_native *native, const uint64_t *counts, uint32_t used,
                        struct promc_native_view *out);

#endif
