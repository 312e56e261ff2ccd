/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The physical limits: the cost of each operation with only the unavoidable work: no registry, no thread safety except
 * "only the owner writes", no validation and no generality. It is not a library, only a reference for the figures.
 */
#include "../common/harness.h"
#include "limit_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- counter: one cell per thread ---- */

static __thread uint64_t cells[BENCH_LOOKUP_SERIES + 1];

static void add_one(void *state, uint64_t n, unsigned thread)
{
    uint64_t cell = *(const uint64_t *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        /* load, add, store: a single writer needs no more; the compiler must not merge several operations */
        __atomic_store_n(&cells[cell], __atomic_load_n(&cells[cell], __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
        BENCH_BARRIER();
    }
}

static void store_only(void *state, uint64_t n, unsigned thread)
{
    uint64_t cell = *(const uint64_t *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        __atomic_store_n(&cells[cell], i, __ATOMIC_RELAXED);
        BENCH_BARRIER();
    }
}

static void counter(void)
{
    uint64_t own[2] = {3, 4};
    bench_emit_times("counter_inc", bench_ns_per_op(add_one, (void *[]){&own[0], &own[1]}));
    bench_emit_times("store", bench_ns_per_op(store_only, (void *[]){&own[0], &own[1]}));
}

/* ---- histogram: compare with 11 bounds, one bucket, one sum ---- */

typedef struct histogram {
    double sum;
    uint64_t buckets[BENCH_BOUNDS + 1];
} histogram;

static __thread histogram held;

/* Without a branch on the value: a misprediction would cost more than all compares. */
static void observe(void *state, uint64_t n, unsigned thread)
{
    (void)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        double value = bench_values[i % BENCH_VALUES];
        unsigned bucket = 0;
        for (int b = 0; b < BENCH_BOUNDS; b++)
            bucket += value > bench_bounds[b];
        held.buckets[bucket]++;
        held.sum += value;
        BENCH_BARRIER();
    }
}

/* The simple loop that stops at the first bound: cheaper if the values are predictable. */
static void observe_early_exit(void *state, uint64_t n, unsigned thread)
{
    (void)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        double value = bench_values[i % BENCH_VALUES];
        unsigned bucket = 0;
        while (bucket < BENCH_BOUNDS && value > bench_bounds[bucket])
            bucket++;
        held.buckets[bucket]++;
        held.sum += value;
        BENCH_BARRIER();
    }
}

static double lesser(double a, double b)
{
    return a < b ? a : b;
}

static void observe_case(void)
{
    bench_times straight = bench_ns_per_op(observe, (void *[]){NULL, NULL});
    bench_times early = bench_ns_per_op(observe_early_exit, (void *[]){NULL, NULL});
    bench_emit_times("observe", (bench_times){lesser(straight.alone, early.alone), lesser(straight.apart, early.apart),
                                              lesser(straight.together, early.together)});
}

/* ---- lookup: hash three short strings, probe, compare, add ---- */

enum { SLOTS = 2 * BENCH_LOOKUP_SERIES, KEY_BYTES = 64 };

typedef struct text {
    const char *data;
    size_t length;
} text;

typedef struct slot {
    uint64_t hash;
    uint32_t cell; /* 0: empty */
    uint8_t lengths[3];
    char key[KEY_BYTES];
} slot;

typedef struct lookup {
    slot slots[SLOTS];
    text values[BENCH_LOOKUP_SERIES][3];
    const char *strings[BENCH_LOOKUP_SERIES][3];
    bench_labels storage[BENCH_LOOKUP_SERIES];
} lookup;

static inline uint64_t load64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

static inline uint64_t load32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, 4);
    return v;
}

static inline uint64_t mix(uint64_t a, uint64_t b)
{
    __uint128_t product = (__uint128_t)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* At most 8 bytes in one word; the length tells "ab" from "ab\0". */
static inline uint64_t word_of(const char *s, size_t n)
{
    if (n >= 4)
        return load32(s) << 32 | load32(s + n - 4);
    if (n == 0)
        return 0;
    return (uint64_t)(uint8_t)s[0] << 16 | (uint64_t)(uint8_t)s[n / 2] << 8 | (uint8_t)s[n - 1];
}

/* The strings are hashed independently of each other, so that their multiplications overlap. */
static inline uint64_t hash_text(text t, uint64_t seed)
{
    const char *s = t.data;
    size_t n = t.length;
    uint64_t key = 0x9e3779b97f4a7c15u ^ n;
    if (n <= 8)
        return mix(word_of(s, n) ^ seed, key);
    uint64_t h = mix(load64(s) ^ seed, load64(s + n - 8) ^ key);
    for (size_t i = 8; i + 8 < n; i += 8)
        h = mix(h ^ load64(s + i), 0xd6e8feb86659fd93u);
    return h;
}

static inline int same(const char *a, const char *b, size_t n)
{
    if (n < 8)
        return word_of(a, n) == word_of(b, n);
    uint64_t difference = load64(a + n - 8) ^ load64(b + n - 8);
    for (size_t i = 0; i + 8 < n; i += 8)
        difference |= load64(a + i) ^ load64(b + i);
    return difference == 0;
}

static inline slot *probe(lookup *l, const text *v, uint64_t hash)
{
    for (uint64_t at = hash;; at++) {
        slot *s = &l->slots[at % SLOTS];
        if (s->cell == 0)
            return s;
        if (s->hash != hash || s->lengths[0] != v[0].length || s->lengths[1] != v[1].length ||
            s->lengths[2] != v[2].length)
            continue;
        const char *key = s->key;
        if (same(key, v[0].data, v[0].length) && same(key + v[0].length, v[1].data, v[1].length) &&
            same(key + v[0].length + v[1].length, v[2].data, v[2].length))
            return s;
    }
}

static inline uint64_t hash_values(const text *v)
{
    return hash_text(v[0], 0x2545f4914f6cdd1du) ^ hash_text(v[1], 0xa0761d6478bd642fu) ^
           hash_text(v[2], 0xe7037ed1a0b428dbu);
}

/* Not inlined, like a call into a library: the compiler does not know the table. */
static __attribute__((noinline)) uint32_t find_cell(lookup *l, const text *v)
{
    return probe(l, v, hash_values(v))->cell;
}

static void lookup_fill(lookup *l)
{
    for (uint32_t i = 0; i < BENCH_LOOKUP_SERIES; i++) {
        bench_labels_of(i, &l->storage[i]);
        const char *v[3] = {l->storage[i].method, l->storage[i].route, l->storage[i].status};
        size_t used = 0;
        for (int k = 0; k < 3; k++) {
            l->strings[i][k] = v[k];
            l->values[i][k] = (text){v[k], strlen(v[k])};
        }
        uint64_t hash = hash_values(l->values[i]);
        slot *s = probe(l, l->values[i], hash);
        s->hash = hash;
        s->cell = i + 1;
        for (int k = 0; k < 3; k++) {
            s->lengths[k] = (uint8_t)l->values[i][k].length;
            memcpy(s->key + used, v[k], l->values[i][k].length);
            used += l->values[i][k].length;
        }
    }
}

static void lookup_add(void *state, uint64_t n, unsigned thread)
{
    lookup *l = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        cells[find_cell(l, l->values[i % BENCH_LOOKUP_SERIES])]++;
        BENCH_BARRIER();
    }
}

static __attribute__((noinline)) uint32_t find_cell_of_strings(lookup *l, const char *const *strings)
{
    text v[3];
    for (int k = 0; k < 3; k++)
        v[k] = (text){strings[k], strlen(strings[k])};
    return probe(l, v, hash_values(v))->cell;
}

static void lookup_add_strings(void *state, uint64_t n, unsigned thread)
{
    lookup *l = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        cells[find_cell_of_strings(l, l->strings[i % BENCH_LOOKUP_SERIES])]++;
        BENCH_BARRIER();
    }
}

static void lookup_case(void)
{
    lookup *l = calloc(1, sizeof(*l));
    if (!l)
        abort();
    lookup_fill(l);
    bench_emit_times("lookup_inc", bench_ns_per_op(lookup_add_strings, (void *[]){l, l}));
    bench_emit_times("lookup_inc_n", bench_ns_per_op(lookup_add, (void *[]){l, l}));
    free(l);
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    bench_values_init();
    if (strcmp(name, "counter") == 0)
        counter();
    else if (strcmp(name, "observe") == 0)
        observe_case();
    else if (strcmp(name, "lookup") == 0)
        lookup_case();
    else if (strcmp(name, "text_counters_10k") == 0)
        limit_text_counters(10000, name);
    else if (strcmp(name, "text_counters_100k") == 0)
        limit_text_counters(100000, name);
    else if (strcmp(name, "text_histograms_1k") == 0)
        limit_text_histograms(1000, name);
    else if (strcmp(name, "slices") == 0)
        limit_slices(1000000);
    else
        return fprintf(stderr, "usage: limit CASE; no case \"%s\"\n", name), 2;
    return 0;
}
