/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prepared label values. A lookup hashes the values, searches the family's table and compares the texts. The set keeps the
 * hash and, for a few families, the place where the series was found:
 *
 *  - an entry of `seen` is generation << 32 | series, one word, stored at once: readers need no lock and never see a half-written one;
 *  - a block's generation increases with each series that is created or removed in it, so an equal one means that it is still this series.
 *    Its labels are constant, and they were compared when the entry was made. Each lookup still checks that the series belongs to this
 *    family and is not hidden;
 *  - an entry is replaced only after its series is removed. So two families with the same entry do not alternate in writing a cache line that
 *    all threads read: the second family uses the hash.
 */
#include <promc/label_set.h>

#include "base/utf8.h"
#include "series/index.h"
#include "series/lookup.h"
#include "series/refused.h"

#include <stdlib.h>
#include <string.h>

enum { CACHE_LINE = 64 };

struct promc_label_set {
    uint64_t seen[PROMC_PLACES_SEEN]; /* by the family's `place`; atomic, 0: none */
    size_t total;                     /* length of all values together */
    uint32_t serial;                  /* of the registry to which the hash belongs */
    uint32_t hash;
    unsigned count;
    struct promc_key keys[]; /* the values follow them */
};

_Static_assert(offsetof(struct promc_label_set, keys) <= CACHE_LINE, "what a lookup that hits reads is one cache line");

/* A value as it will be kept; NULL means the empty one. */
static promc_str given(const promc_str *value)
{
    return (promc_str){value->data ? value->data : "", value->length};
}

/* Bytes that a value may need. */
static size_t room_for(promc_str value, size_t limit)
{
    size_t most = promc_utf8_valid(value.data, value.length) ? value.length : PROMC_REPAIRED_MAX(value.length);
    return most < limit ? most : limit;
}

static void fill(promc_label_set *set, const promc_registry *registry, const promc_str *values)
{
    const struct promc_arena_header *header = registry->arena.header;
    char *text = (char *)(set->keys + set->count);
    uint64_t h = 0;
    for (unsigned i = 0; i < set->count; i++) {
        promc_str value = given(&values[i]);
        size_t n = promc_utf8_repair(text, value.data, value.length, header->max_value_bytes);
        h ^= promc_key_fill(&set->keys[i], text, n, promc_hash_seed(header->seed, i));
        set->total += n;
        text += n;
    }
    set->hash = promc_hash_finish(h);
    set->serial = registry->serial;
}

int promc_label_set_make_n(promc_label_set **out, const promc_registry *registry, const promc_str *values, size_t count)
{
    size_t bytes = sizeof(**out) + count * sizeof(struct promc_key);
    *out = NULL;
    if (!registry)
        return promc_fail(PROMC_E_INVALID, "a label set needs a registry");
    if (count > PROMC_LABELS_MOST)
        return promc_fail(PROMC_E_LABEL_COUNT, "label set: %zu values, at most %d are allowed", count,
                          PROMC_LABELS_MOST);
    for (size_t i = 0; i < count; i++) {
        if (!values || (!values[i].data && values[i].length > 0))
            return promc_fail(PROMC_E_LABEL_VALUE, "label set: value number %zu is missing", i + 1);
        bytes += room_for(given(&values[i]), registry->arena.header->max_value_bytes);
    }
    bytes = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    promc_label_set *set = aligned_alloc(CACHE_LINE, bytes);
    if (!set)
        return promc_fail(PROMC_E_NOMEM, "label set: out of memory");
    memset(set, 0, sizeof(*set));
    set->count = (unsigned)count;
    fill(set, registry, values);
    *out = set;
    return 0;
}

int promc_label_set_make(promc_label_set **out, const promc_registry *registry, const char *const *values, size_t count)
{
    promc_str strings[PROMC_LABELS_MOST] = {{0}};
    for (size_t i = 0; values && i < count && i < PROMC_LABELS_MOST; i++)
        strings[i] = (promc_str){values[i], values[i] ? strlen(values[i]) : 1 /* missing, not empty */};
    return promc_label_set_make_n(out, registry, values ? strings : NULL, count);
}

void promc_label_set_free(promc_label_set *set)
{
    free(set);
}

static struct promc_child *child_at(const promc_family *family, uint64_t seen)
{
    return (struct promc_child *)(void *)(family->base + (size_t)(uint32_t)seen * 8);
}

/* Is it still the series for which the entry was made? */
static inline bool is_current(uint64_t seen, uint64_t word)
{
    return seen >> 32 == word >> 32;
}

/* Remember where the series was found, unless the entry has another series that still exists. */
static void remember(const promc_family *family, const promc_label_set *set, const struct promc_child *child,
                     uint64_t word)
{
    uint64_t *place = &((promc_label_set *)(uintptr_t)set)->seen[family->place];
    uint64_t seen = promc_load_acquire(place);
    if (seen == 0 || !is_current(seen, promc_load(&child_at(family, seen)->live.word)))
        promc_store_release(place, word >> 32 << 32 | promc_ref_of(&family->registry->arena, child));
}

static promc_series_ref fail(int code, const char *message)
{
    (void)promc_fail(code, "%s", message);
    return (promc_series_ref){0};
}

/* The slow path: the series is not in `seen`. */
static __attribute__((noinline)) promc_series_ref find(promc_family *family, const promc_label_set *set)
{
    promc_series_ref out = {0};
    uint64_t word;
    if (!set)
        return fail(PROMC_E_INVALID, "no label set given (did its creation fail?)");
    if (!family || family->label_count != set->count || family->serial != set->serial) {
        (void)promc_series_get_n(family, promc_keys_values(set->keys, set->count).at, set->count, &out);
        return out;
    }
    struct promc_child *child = promc_index_find(family, set->hash, set->keys, set->count, set->total, 0, &word);
    if (!child) {
        (void)promc_series_make(family, promc_keys_values(set->keys, set->count).at, &out);
        return out;
    }
    remember(family, set, child, word);
    return promc_series_handle(family, child, word);
}

static inline __attribute__((always_inline)) promc_series_ref get(promc_family *family, const promc_label_set *set)
{
    if (PROMC_UNLIKELY(!family || !set || family->serial != set->serial || family->label_count != set->count))
        return find(family, set);
    uint64_t seen = promc_load_acquire(&set->seen[family->place]);
    const struct promc_child *child = child_at(family, seen);
    uint64_t word = promc_load_acquire(&child->live.word);
    if (PROMC_UNLIKELY(seen == 0 || !is_current(seen, word) || promc_child_family(child) != family->data))
        return find(family, set);
    return promc_series_handle(family, child, word);
}

static bool is(const promc_family *family, enum promc_type type, const char *what)
{
    return promc_family_expect(family, type, what) == 0;
}

promc_counter promc_counter_of(promc_family *family, const promc_label_set *set)
{
    return is(family, PROMC_COUNTER, "a counter") ? (promc_counter){get(family, set)} : (promc_counter){{0}};
}

promc_gauge promc_gauge_of(promc_family *family, const promc_label_set *set)
{
    enum promc_type type = family && family->type == PROMC_UNTYPED ? PROMC_UNTYPED : PROMC_GAUGE;
    return is(family, type, "a gauge that can be set") ? (promc_gauge){get(family, set)} : (promc_gauge){{0}};
}

promc_updown promc_updown_of(promc_family *family, const promc_label_set *set)
{
    return is(family, PROMC_UPDOWN, "an up-down gauge") ? (promc_updown){get(family, set)} : (promc_updown){{0}};
}

promc_histogram promc_histogram_of(promc_family *family, const promc_label_set *set)
{
    return is(family, PROMC_HISTOGRAM, "a histogram") ? (promc_histogram){get(family, set)} : (promc_histogram){{0}};
}

promc_summary promc_summary_of(promc_family *family, const promc_label_set *set)
{
    return is(family, PROMC_SUMMARY, "a summary") ? (promc_summary){get(family, set)} : (promc_summary){{0}};
}
