/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Native (exponential) histograms: which bucket a value falls into, and which cell of the shards counts that bucket.
 *
 * A bucket is (schema, sign, index) as Prometheus' specification has them: of a positive value v it is the index with
 * base^(index-1) < v <= base^index, base = 2^(2^-schema). Buckets are found at schema 8; merging 2^d neighbours gives schema 8 - d.
 *
 * A series has a fixed number of *slots*, each a cell in every shard: the first two count zeros and NaNs, the others are given to
 * buckets in the order in which these are first observed, by a compare-and-swap on the slot's key. A slot keeps its key for ever. When
 * the resolution is halved only `schema` changes: what was counted stays where it is, and a reader merges it. So nothing that
 * has been counted is ever moved, whoever dies or is interrupted meanwhile: there is no lock, no stop of the writers, no second copy.
 *
 * The protocol
 *  - a writer loads `schema`, makes the value's key, looks it up in the cache, then among the keys, where a key of a finer schema that lies
 *    inside matches too; else it takes the first key that is 0 by a compare-and-swap. Who loses that race looks again;
 *  - past the limit it lowers `schema` by one, by a compare-and-swap from the value it has loaded, and begins anew. A writer that still has
 *    the schema of before takes a slot that is finer than it need be, which costs a slot and no count;
 *  - a reader loads the counts of all slots first and `schema` after, so no slot that it has counted is coarser than what it merges to;
 *  - a halving frees no slot, so a series has more of them than buckets: promc_native_slots(). When they are used up the schema goes
 *    down until the value shares a bucket with a slot; the last ones are kept for values far from all others and for the lowest schema.
 *
 * Invariants
 *  - keys[0 … used-1] are not 0 and the rest is; a key once set stays;
 *  - `schema` only goes down, and no key is of a lower schema;
 *  - the cache may be stale or empty, never wrong: "the values of this key may be counted in that slot" holds for ever.
 */
#ifndef PROMC_TYPES_NATIVE_H
#define PROMC_TYPES_NATIVE_H

#include "series/family.h"
#include "series/series.h"
#include <promc/ready.h>

#define PROMC_NATIVE_SCHEMA_MAX 8
#define PROMC_NATIVE_SCHEMA_MIN (-4)
/* Slots of a series at most, the two special ones included. */
#define PROMC_NATIVE_SLOTS_MAX 702
/* The last slots: so many for values far from all others, and so many more for schema -4, when the other slots are used up. */
#define PROMC_NATIVE_OUTLIERS 8
#define PROMC_NATIVE_LAST 8

enum { PROMC_NATIVE_ZERO, PROMC_NATIVE_NAN, PROMC_NATIVE_FIRST };

/* What a series keeps beside its cells, behind its labels in the child's block. */
struct promc_native {
    double zero_threshold;
    int32_t schema;      /* atomic */
    uint32_t used;       /* atomic; at least so many slots have keys */
    uint32_t slots;      /* special ones included */
    uint32_t limit;      /* buckets, special ones not counted */
    uint32_t cache_mask; /* entries - 1 */
    uint32_t announced;  /* atomic; this series' part of the family's `native_bytes` */
    uint64_t cache[];    /* key << 32 | slot; behind it uint32_t keys[slots] */
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

/* Bytes of struct promc_native. */
size_t promc_native_bytes(const struct promc_arena *arena, const struct promc_family_data *data);
/* Make a new series' anew. */
void promc_native_init(const struct promc_arena *arena, struct promc_child *child);
/* Its buckets are on the wire no more. */
void promc_native_removed(struct promc_child *child);
/*
 * How much room a series' buckets take in protobuf, for the family's promised length: at most PROMC_NATIVE_BUCKET_BYTES for each one
 * that is new, then what they really took and what they may grow by until the next scrape.
 */
#define PROMC_NATIVE_BUCKET_BYTES 17
void promc_native_announce(struct promc_family_data *data, struct promc_native *native, uint32_t bytes);

/*
 * Check a program's or operator's settings and complete them. *cells is what a series then needs in a shard, classic buckets
 * included. 0, PROMC_E_INVALID.
 */
int promc_native_plan(const char *name, const promc_native_settings *settings, struct promc_native_plan *plan);
uint32_t promc_native_slots(const struct promc_native_plan *plan);

/* The index at schema 8 of |v|, v not NaN and not 0. */
int32_t promc_native_index(double v);
/* The same bucket, or the one it is in, at a lower schema. */
static inline int32_t promc_native_coarser(int32_t index, int steps)
{
    return (int32_t)((index + (INT32_C(1) << steps) - 1) >> steps);
}

/* The slot that counts v; lock-free. */
uint32_t promc_native_slot(struct promc_family_data *data, struct promc_native *native, double v);

/* How many slots have keys. */
uint32_t promc_native_used(struct promc_native *native);

/* A native histogram as it is exposed. */
struct promc_native_view {
    int schema;
    double zero_threshold;
    uint64_t zeros;
    uint64_t total;    /* NaNs included: they are in no bucket */
    unsigned negative; /* buckets[0 … negative-1], by ascending index; then the positive ones */
    unsigned count;
    struct promc_native_bucket buckets[PROMC_NATIVE_SLOTS_MAX];
};

/* Merge the counts of all slots, summed over the shards, into buckets of one schema. O(slots log slots). */
void promc_native_merge(struct promc_native *native, const uint64_t *counts, uint32_t used,
                        struct promc_native_view *out);

#endif
