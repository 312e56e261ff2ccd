/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding a series by its label values. Programs that keep no handles do this at each update, so it is one pass over each
 * value for the hash, and one comparison; no lock, no copy. If the series is not found, series.c continues.
 */
#include "series/lookup.h"
#include "series/index.h"
#include "series/refused.h"

static int missing_value(const promc_family *family, unsigned i)
{
    const struct promc_text *name = &promc_labels_of(family->data)[i].name;
    promc_refused(family, PROMC_REFUSED_LABEL_VALUE);
    return promc_fail(PROMC_E_LABEL_VALUE, "metric \"%s\": no value for label \"%s\"", promc_name_of(family),
                      (const char *)promc_at(&family->registry->arena, name->ref));
}

static int no_family(void)
{
    return promc_fail(PROMC_E_INVALID, "no metric family given (did its registration fail?)");
}

static int wrong_count(const promc_family *family, size_t count)
{
    promc_refused(family, PROMC_REFUSED_LABEL_COUNT);
    return promc_fail(PROMC_E_LABEL_COUNT, "metric \"%s\" has %u labels, %zu values were given", promc_name_of(family),
                      family->label_count, count);
}

/* All values exist. `count` is a constant where this is inlined. */
static inline __attribute__((always_inline)) int find_or_make(promc_family *family, const promc_str *values,
                                                              unsigned count, promc_series_ref *out)
{
    struct promc_key keys[PROMC_LABELS_MOST];
    size_t total = 0;
    uint64_t h = 0, word;
    PROMC_UNROLL
    for (unsigned i = 0; i < count; i++) {
        total += values[i].length;
        h ^= promc_key_fill(&keys[i], values[i].data, values[i].length, promc_hash_seed(family->seed, i));
    }
    struct promc_child *child = promc_index_find(family, promc_hash_finish(h), keys, count, total, 0, &word);
    if (PROMC_UNLIKELY(!child)) /* repaired, created, or refused */
        return promc_series_make(family, promc_keys_values(keys, count).at, out);
    *out = promc_series_handle(family, child, word);
    return 0;
}

/* The same for more labels than the unrolled code handles. */
static __attribute__((noinline)) int find_or_make_many(promc_family *family, const promc_str *values,
                                                       promc_series_ref *out)
{
    uint32_t hash;
    uint64_t word;
    struct promc_child *child = promc_series_find_word(family, values, &hash, &word);
    if (PROMC_UNLIKELY(!child))
        return promc_series_make(family, values, out);
    *out = promc_series_handle(family, child, word);
    return 0;
}

static inline __attribute__((always_inline)) int get(promc_family *family, const char *const *values, unsigned count,
                                                     promc_series_ref *out)
{
    promc_str strings[PROMC_LABELS_MOST];
    PROMC_UNROLL
    for (unsigned i = 0; i < count; i++) {
        if (PROMC_UNLIKELY(!values[i]))
            return missing_value(family, i);
        strings[i] = (promc_str){values[i], strlen(values[i])};
    }
    return __builtin_constant_p(count) ? find_or_make(family, strings, count, out)
                                       : find_or_make_many(family, strings, out);
}

static inline __attribute__((always_inline)) int get_n(promc_family *family, const promc_str *values, unsigned count,
                                                       promc_series_ref *out)
{
    promc_str strings[PROMC_LABELS_MOST];
    PROMC_UNROLL
    for (unsigned i = 0; i < count; i++) {
        if (PROMC_UNLIKELY(!values[i].data && values[i].length > 0))
            return missing_value(family, i);
        strings[i] = (promc_str){values[i].data ? values[i].data : "", values[i].length};
    }
    return __builtin_constant_p(count) ? find_or_make(family, strings, count, out)
                                       : find_or_make_many(family, strings, out);
}

/* Inlined into both callers: a call would cost measurably. */
static inline __attribute__((always_inline)) int get_any(promc_family *family, const char *const *values,
                                                         promc_series_ref *out)
{
    unsigned count = family->label_count;
    if (PROMC_UNLIKELY(!values && count > 0))
        return missing_value(family, 0);
    switch (count) {
    case 1:
        return get(family, values, 1, out);
    case 2:
        return get(family, values, 2, out);
    case 3:
        return get(family, values, 3, out);
    case 4:
        return get(family, values, 4, out);
    default:
        return get(family, values, count, out);
    }
}

int promc_series_get(promc_family *family, const char *const *values, promc_series_ref *out)
{
    *out = (promc_series_ref){0};
    return PROMC_LIKELY(family != NULL) ? get_any(family, values, out) : no_family();
}

promc_series_ref promc_series_with(promc_family *family, const char *const *values, size_t count)
{
    promc_series_ref out = {0};
    if (PROMC_UNLIKELY(!family))
        (void)no_family();
    else if (PROMC_UNLIKELY(count != family->label_count))
        (void)wrong_count(family, count);
    else
        (void)get_any(family, values, &out);
    return out;
}

int promc_series_get_n(promc_family *family, const promc_str *values, size_t count, promc_series_ref *out)
{
    *out = (promc_series_ref){0};
    if (PROMC_UNLIKELY(!family))
        return no_family();
    if (PROMC_UNLIKELY(count != family->label_count))
        return wrong_count(family, count);
    if (PROMC_UNLIKELY(!values && count > 0))
        return missing_value(family, 0);
    switch (count) {
    case 1:
        return get_n(family, values, 1, out);
    case 2:
        return get_n(family, values, 2, out);
    case 3:
        return get_n(family, values, 3, out);
    default:
        return get_n(family, values, (unsigned)count, out);
    }
}

/* In a family with labels. `behind`: length of the text after the values. */
static struct promc_child *find(const promc_family *family, const promc_str *values, size_t behind, uint8_t state,
                                uint32_t *hash, uint64_t *word)
{
    struct promc_key keys[PROMC_LABELS_MOST];
    size_t total = behind;
    uint64_t h = 0;
    for (unsigned i = 0; i < family->label_count; i++) {
        total += values[i].length;
        h ^= promc_key_fill(&keys[i], values[i].data, values[i].length, promc_hash_seed(family->seed, i));
    }
    *hash = promc_hash_finish(h);
    return promc_index_find(family, *hash, keys, family->label_count, total, state, word);
}

struct promc_child *promc_series_find_word(const promc_family *family, const promc_str *values, uint32_t *hash,
                                           uint64_t *word)
{
    return find(family, values, 0, 0, hash, word);
}

struct promc_child *promc_series_find_leaving(const promc_family *family, const promc_str *values)
{
    uint32_t hash;
    uint64_t word;
    return find(family, values, 0, PROMC_CHILD_LEAVING, &hash, &word);
}

struct promc_child *promc_series_find_overflow(const promc_family *family, const promc_str *values, uint32_t *hash,
                                               uint64_t *word)
{
    return find(family, values, family->overflow_text, PROMC_CHILD_OVERFLOW, hash, word);
}

struct promc_child *promc_series_find(const promc_family *family, const promc_str *values)
{
    uint32_t hash;
    uint64_t word;
    if (family->label_count == 0) {
        promc_ref first = promc_load_acquire(&family->data->first_child);
        return first ? promc_at(&family->registry->arena, first) : NULL;
    }
    return promc_series_find_word(family, values, &hash, &word);
}
