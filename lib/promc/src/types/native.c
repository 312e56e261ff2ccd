/* SPDX-License-Identifier: Apache-2.0 */
#include "types/native.h"
#include "shard/shard.h"

#include <exp2_table.h>
#include <math.h>
#include <string.h>

/* A key: a bit that makes it non-zero, schema + 4, sign, index + 2^20. */
#define KEY_SET (UINT32_C(1) << 31)
#define KEY_SCHEMA_SHIFT 22
#define KEY_NEGATIVE (UINT32_C(1) << 21)
#define KEY_INDEX_MASK (KEY_NEGATIVE - 1)
#define KEY_INDEX_BIAS (INT32_C(1) << 20)
#define KEY_SPECIAL 1u /* keys of the slots for zeros and NaNs */

/* Cache entries in which a key may be. */
#define CACHE_PROBES 4u

#define MANTISSA_BITS 52
#define MANTISSA_MASK ((UINT64_C(1) << MANTISSA_BITS) - 1)
#define BIN_SHIFT (MANTISSA_BITS - 9)

int32_t promc_native_index(double v)
{
    uint64_t bits = promc_double_bits(v) & INT64_MAX, mantissa = bits & MANTISSA_MASK;
    int32_t exponent = (int32_t)(bits >> MANTISSA_BITS);
    if (PROMC_UNLIKELY(exponent == 0)) { /* subnormal: normalise it */
        int shift = __builtin_clzll(mantissa) - (63 - MANTISSA_BITS);
        mantissa = mantissa << shift & MANTISSA_MASK;
        exponent = 1 - shift;
    } else if (PROMC_UNLIKELY(exponent == 2047)) {
        return 1024 * 256 + 1; /* infinity: the bucket after the greatest number's, at every schema */
    }
    /* No bin of the leading bits contains two bounds. */
    uint32_t k = exp2_first[mantissa >> BIN_SHIFT];
    return (exponent - 1023) * 256 + (int32_t)(k + (mantissa > exp2_mantissa[k]));
}

static uint32_t key_of(int schema, bool negative, int32_t index8)
{
    int32_t index = promc_native_coarser(index8, PROMC_NATIVE_SCHEMA_MAX - schema);
    return KEY_SET | (uint32_t)(schema - PROMC_NATIVE_SCHEMA_MIN) << KEY_SCHEMA_SHIFT | (negative ? KEY_NEGATIVE : 0) |
           (uint32_t)(index + KEY_INDEX_BIAS);
}

static int schema_of(uint32_t key)
{
    return (int)((key & ~KEY_SET) >> KEY_SCHEMA_SHIFT) + PROMC_NATIVE_SCHEMA_MIN;
}

static int32_t index_of(uint32_t key)
{
    return (int32_t)(key & KEY_INDEX_MASK) - KEY_INDEX_BIAS;
}

static uint32_t coarser_key(uint32_t key, int schema)
{
    int32_t index = promc_native_coarser(index_of(key), schema_of(key) - schema);
    return KEY_SET | (uint32_t)(schema - PROMC_NATIVE_SCHEMA_MIN) << KEY_SCHEMA_SHIFT | (key & KEY_NEGATIVE) |
           (uint32_t)(index + KEY_INDEX_BIAS);
}

/* Are the two in one bucket at the lower of their schemas? */
static bool same_bucket(uint32_t a, uint32_t b)
{
    if ((a ^ b) & (KEY_NEGATIVE | KEY_SET))
        return false;
    int difference = schema_of(a) - schema_of(b);
    return promc_native_coarser(index_of(a), difference > 0 ? difference : 0) ==
           promc_native_coarser(index_of(b), difference < 0 ? -difference : 0);
}

/* Neighbours are in different places, the two signs half a table apart. */
static uint32_t place_of(const struct promc_native *native, uint32_t key)
{
    return key + (key & KEY_NEGATIVE ? native->cache_mask / 2 + 1 : 0);
}

static inline bool find_cached(const struct promc_native *native, uint32_t key, uint32_t *slot)
{
    uint32_t place = place_of(native, key);
    for (uint32_t i = 0; i < CACHE_PROBES; i++) {
        uint64_t entry = promc_load_acquire(&native->cache[(place + i) & native->cache_mask]);
        if (entry >> 32 == key) {
            *slot = (uint32_t)entry;
            return true;
        }
    }
    return false;
}

/* Store it in the first place that is empty or of another schema, else in the key's own place. */
static void remember(struct promc_native *native, uint32_t key, uint32_t slot)
{
    uint32_t place = place_of(native, key), at = place & native->cache_mask;
    for (uint32_t i = 0; i < CACHE_PROBES; i++) {
        uint64_t entry = promc_load(&native->cache[(place + i) & native->cache_mask]);
        if (entry == 0 || schema_of((uint32_t)(entry >> 32)) != schema_of(key)) {
            at = (place + i) & native->cache_mask;
            break;
        }
    }
    promc_store_release(&native->cache[at], (uint64_t)key << 32 | slot);
}

uint32_t promc_native_used(struct promc_native *native)
{
    const uint32_t *keys = promc_native_keys(native);
    uint32_t used = promc_load_acquire(&native->used);
    while (used < native->slots && promc_load_acquire(&keys[used]) != 0)
        used++;
    return used;
}

/* The number of buckets in the slots, including this one, at a schema. Another thread may already be at a lower one. */
static uint32_t distinct_with(struct promc_native *native, uint32_t used, uint32_t key, int schema)
{
    uint32_t table[1024], distinct = 0; /* open addressing; PROMC_NATIVE_SLOTS_MAX is well below */
    const uint32_t *keys = promc_native_keys(native);
    memset(table, 0, sizeof(table));
    for (uint32_t i = PROMC_NATIVE_FIRST; i <= used; i++) {
        uint32_t each = i < used ? promc_load(&keys[i]) : key;
        int steps = schema_of(each) > schema ? schema_of(each) - schema : 0;
        each =
            KEY_SET | (each & KEY_NEGATIVE) | (uint32_t)(promc_native_coarser(index_of(each), steps) + KEY_INDEX_BIAS);
        uint32_t at = each * UINT32_C(2654435761) >> 22;
        while (table[at] != 0 && table[at] != each)
            at = (at + 1) & 1023;
        distinct += table[at] == 0;
        table[at] = each;
    }
    return distinct;
}

/* Halve the resolution, unless another thread has already done it. */
static void coarsen(struct promc_native *native, int schema)
{
    int32_t expected = schema;
    (void)__atomic_compare_exchange_n(&native->schema, &expected, schema - 1, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_RELAXED);
}

static bool take_slot(struct promc_family_data *data, struct promc_native *native, uint32_t slot, uint32_t key)
{
    uint32_t expected = 0, used = promc_load(&native->used);
    if (!__atomic_compare_exchange_n(&promc_native_keys(native)[slot], &expected, key, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_RELAXED))
        return false;
    while (used <= slot &&
           !__atomic_compare_exchange_n(&native->used, &used, slot + 1, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    promc_fetch_add(&native->announced, PROMC_NATIVE_BUCKET_BYTES);
    promc_fetch_add(&data->native_bytes, PROMC_NATIVE_BUCKET_BYTES);
    return true;
}

/* All slots are taken, and no lower resolution would help: use the nearest bucket with that sign, or the zero bucket. */
static uint32_t nearest(struct promc_native *native, uint32_t key)
{
    const uint32_t *keys = promc_native_keys(native);
    uint32_t best = PROMC_NATIVE_ZERO, least = UINT32_MAX;
    for (uint32_t i = PROMC_NATIVE_FIRST; i < native->slots; i++) {
        uint32_t other = promc_load(&keys[i]);
        if ((other ^ key) & KEY_NEGATIVE)
            continue;
        int32_t at = promc_native_coarser(index_of(other), schema_of(other) - PROMC_NATIVE_SCHEMA_MIN);
        uint32_t distance = (uint32_t)(at > index_of(key) ? at - index_of(key) : index_of(key) - at);
        if (distance < least) {
            least = distance;
            best = i;
        }
    }
    return best;
}

/* The slot of that bucket, or 0; *used is then the first one without a key. */
static uint32_t find_slot(struct promc_native *native, uint32_t key, uint32_t *used)
{
    const uint32_t *keys = promc_native_keys(native);
    uint32_t i = PROMC_NATIVE_FIRST;
    for (; i < native->slots; i++) {
        uint32_t other = promc_load_acquire(&keys[i]);
        if (other == 0)
            break;
        if (same_bucket(other, key))
            return i;
    }
    *used = i;
    return 0;
}

/*
 * May a slot be taken for this bucket at this schema? Otherwise the schema must be lowered. The reserves ensure that a single
 * far value does not cost the others their resolution, and that the lowest schema has enough slots.
 */
static bool may_take(struct promc_native *native, uint32_t used, uint32_t key, int schema)
{
    uint32_t last = native->slots - PROMC_NATIVE_LAST, outliers = last - PROMC_NATIVE_OUTLIERS, ignored;
    if (schema == PROMC_NATIVE_SCHEMA_MIN)
        return true;
    if (used < outliers)
        return used - PROMC_NATIVE_FIRST < native->limit || distinct_with(native, used, key, schema) <= native->limit;
    if (used >= last)
        return false;
    int lower = schema - 2 < PROMC_NATIVE_SCHEMA_MIN ? PROMC_NATIVE_SCHEMA_MIN : schema - 2;
    return find_slot(native, coarser_key(key, lower), &ignored) == 0;
}

/* The bucket was not in the cache: find its slot, or take one, at as low a schema as the limit requires. */
static __attribute__((noinline)) uint32_t slot_slow(struct promc_family_data *data, struct promc_native *native,
                                                    bool negative, int32_t index8)
{
    for (;;) { /* repeats after this or another thread has taken a slot or lowered the schema */
        int schema = promc_load_acquire(&native->schema);
        uint32_t key = key_of(schema, negative, index8), used, slot = find_slot(native, key, &used);
        if (slot != 0) {
            remember(native, key, slot);
            return slot;
        }
        if (!may_take(native, used, key, schema)) {
            coarsen(native, schema);
        } else if (used == native->slots) {
            return nearest(native, key);
        } else if (take_slot(data, native, used, key)) {
            remember(native, key, used);
            return used;
        }
    }
}

uint32_t promc_native_slot(struct promc_family_data *data, struct promc_native *native, double v)
{
    if (PROMC_UNLIKELY(v != v))
        return PROMC_NATIVE_NAN;
    if (__builtin_fabs(v) <= native->zero_threshold)
        return PROMC_NATIVE_ZERO;
    int32_t index8 = promc_native_index(v);
    uint32_t slot;
    if (PROMC_LIKELY(find_cached(native, key_of(promc_load_acquire(&native->schema), v < 0, index8), &slot)))
        return slot;
    return slot_slow(data, native, v < 0, index8);
}

static double growth_of(int schema)
{
    uint64_t mantissa = schema > 0 ? exp2_mantissa[256 >> schema] : 0;
    uint64_t exponent = 1023 + (schema > 0 ? 0 : UINT64_C(1) << -schema);
    return promc_cell_double(exponent << MANTISSA_BITS | mantissa);
}

double promc_native_growth(int schema)
{
    return schema < PROMC_NATIVE_SCHEMA_MIN || schema > PROMC_NATIVE_SCHEMA_MAX ? 0 : growth_of(schema);
}

/* The lowest schema whose buckets do not grow faster. */
static int schema_for(double growth)
{
    int schema = PROMC_NATIVE_SCHEMA_MIN;
    while (schema < PROMC_NATIVE_SCHEMA_MAX && growth_of(schema) > growth)
        schema++;
    return schema;
}

int promc_native_plan(const char *name, const promc_native_settings *settings, struct promc_native_plan *plan)
{
    int rc = PROMC_RESERVED_CHECK(promc_native_settings, settings);
    if (rc < 0)
        return rc;
    name = name ? name : "(null)";
    if (!(settings->growth == 0 || settings->growth > 1))
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": buckets cannot grow by a factor of %g", name,
                          settings->growth);
    if (settings->max_buckets != 0 &&
        (settings->max_buckets < PROMC_NATIVE_LEAST_BUCKETS || settings->max_buckets > PROMC_NATIVE_MOST_BUCKETS))
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": %u native buckets, %d to %d are allowed", name,
                          settings->max_buckets, PROMC_NATIVE_LEAST_BUCKETS, PROMC_NATIVE_MOST_BUCKETS);
    if (!(settings->zero_threshold < INFINITY))
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": zero threshold %g is invalid", name,
                          settings->zero_threshold);
    plan->schema = settings->growth == 0 ? 3 : schema_for(settings->growth);
    plan->limit = settings->max_buckets ? settings->max_buckets : 160;
    plan->zero_threshold = settings->zero_threshold == 0  ? 0x1p-128
                           : settings->zero_threshold < 0 ? 0.0
                                                          : settings->zero_threshold;
    return 0;
}

/* Slots for some halvings of the resolution, each of which may need half the limit in new slots. A finer schema needs more halvings. */
uint32_t promc_native_slots(const struct promc_native_plan *plan)
{
    uint32_t halvings = plan->schema <= 3 ? 2 : (uint32_t)plan->schema - 1;
    uint32_t slots =
        PROMC_NATIVE_FIRST + plan->limit + (plan->limit + 1) / 2 * halvings + PROMC_NATIVE_OUTLIERS + PROMC_NATIVE_LAST;
    return slots < PROMC_NATIVE_SLOTS_MAX ? slots : PROMC_NATIVE_SLOTS_MAX;
}

static uint32_t cache_entries(uint32_t limit)
{
    uint32_t entries = 16;
    while (entries < 2 * limit)
        entries *= 2;
    return entries;
}

size_t promc_native_bytes(const struct promc_arena *arena, const struct promc_family_data *data)
{
    (void)arena;
    return sizeof(struct promc_native) + cache_entries(data->native.limit) * sizeof(uint64_t) +
           promc_native_slots(&data->native) * sizeof(uint32_t);
}

void promc_native_init(const struct promc_arena *arena, struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    struct promc_native *native = promc_child_native(child);
    (void)arena;
    memset(native, 0, data->behind_bytes);
    native->zero_threshold = data->native.zero_threshold;
    native->schema = data->native.schema;
    native->slots = promc_native_slots(&data->native);
    native->limit = data->native.limit;
    native->cache_mask = cache_entries(data->native.limit) - 1;
    native->used = PROMC_NATIVE_FIRST;
    for (uint32_t i = 0; i < PROMC_NATIVE_FIRST; i++)
        promc_native_keys(native)[i] = KEY_SPECIAL;
}

void promc_native_announce(struct promc_family_data *data, struct promc_native *native, uint32_t bytes)
{
    uint64_t before = __atomic_exchange_n(&native->announced, bytes, __ATOMIC_RELAXED);
    promc_fetch_add(&data->native_bytes, bytes - before);
}

void promc_native_removed(struct promc_child *child)
{
    promc_native_announce(promc_child_family(child), promc_child_native(child), 0);
}

/* By sign, then index: the order of the exposition. */
static bool is_before(const struct promc_native_bucket *a, const struct promc_native_bucket *b)
{
    return a->negative != b->negative ? a->negative > b->negative : a->index < b->index;
}

/* Shell's sort: no memory, no recursion, and the buckets of a distribution are nearly sorted. */
static void sort(struct promc_native_bucket *buckets, unsigned count)
{
    static const unsigned gaps[] = {301, 132, 57, 23, 10, 4, 1};
    for (size_t g = 0; g < sizeof(gaps) / sizeof(*gaps); g++) {
        for (unsigned i = gaps[g]; i < count; i++) {
            struct promc_native_bucket moved = buckets[i];
            unsigned at = i;
            for (; at >= gaps[g] && is_before(&moved, &buckets[at - gaps[g]]); at -= gaps[g])
                buckets[at] = buckets[at - gaps[g]];
            buckets[at] = moved;
        }
    }
}

void promc_native_merge(struct promc_native *native, const uint64_t *counts, uint32_t used,
                        struct promc_native_view *out)
{
    const uint32_t *keys = promc_native_keys(native);
    /* Read after the counts, so that no counted slot has a lower schema. */
    int schema = promc_load_acquire(&native->schema);
    unsigned count = 0;
    out->schema = schema;
    out->zero_threshold = native->zero_threshold;
    out->zeros = counts[PROMC_NATIVE_ZERO];
    out->total = counts[PROMC_NATIVE_ZERO] + counts[PROMC_NATIVE_NAN];
    for (uint32_t i = PROMC_NATIVE_FIRST; i < used; i++) {
        uint32_t key = promc_load(&keys[i]);
        if (counts[i] == 0)
            continue;
        out->total += counts[i];
        out->buckets[count++] = (struct promc_native_bucket){
            promc_native_coarser(index_of(key), schema_of(key) - schema), (key & KEY_NEGATIVE) != 0, counts[i]};
    }
    sort(out->buckets, count);
    unsigned merged = 0;
    for (unsigned i = 0; i < count; i++) {
        struct promc_native_bucket *last = merged > 0 ? &out->buckets[merged - 1] : NULL;
        if (last && last->index == out->buckets[i].index && last->negative == out->buckets[i].negative)
            last->count += out->buckets[i].count;
        else
            out->buckets[merged++] = out->buckets[i];
    }
    out->count = merged;
    for (out->negative = 0; out->negative < merged && out->buckets[out->negative].negative;)
        out->negative++;
}
