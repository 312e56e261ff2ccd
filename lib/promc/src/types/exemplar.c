/* SPDX-License-Identifier: Apache-2.0 */
#include "types/exemplar.h"
#include "arena/commit.h"
#include "arena/lock.h"
#include "base/escape.h"
#include "base/utf8.h"
#include "series/labels.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "types/histogram.h"
#include "types/native.h"

#include <math.h>
#include <string.h>

#define INTERVAL_MS 1000

/* An exemplar to be stored: its rendered labels in words that are zero after the text. */
struct candidate {
    double value;
    size_t length;
    uint32_t wire_size;
    uint64_t words[PROMC_EXEMPLAR_WORDS];
};

static uint32_t places_of(const struct promc_child *child)
{
    return promc_exemplar_places(promc_child_family(child));
}

/* Size of a field of length n, with its tag and its length. */
static uint32_t field_size(size_t n)
{
    return (uint32_t)n + (n < 128 ? 2 : 3);
}

static size_t code_points(const char *text, size_t length)
{
    size_t n = 0;
    for (size_t i = 0; i < length; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

static bool is_label_name(const char *name, size_t length)
{
    return length > 0 && promc_name_is_classic(name, length) && !memchr(name, ':', length);
}

static int render(const promc_label *labels, size_t count, struct candidate *new)
{
    char text[2 * 4 * PROMC_EXEMPLAR_CODE_POINTS + 5 * PROMC_EXEMPLAR_CODE_POINTS], *out = text;
    size_t points = 0;
    uint32_t wire = 0;
    for (size_t i = 0; i < count; i++) {
        size_t name = labels[i].name ? strlen(labels[i].name) : 0;
        if (!labels[i].name || !is_label_name(labels[i].name, name))
            return promc_fail(PROMC_E_LABEL_NAME, "exemplar: \"%s\" is not a valid label name",
                              labels[i].name ? labels[i].name : "(null)");
        for (size_t j = 0; j < i; j++)
            if (strcmp(labels[i].name, labels[j].name) == 0)
                return promc_fail(PROMC_E_LABEL_NAME, "exemplar: label \"%s\" is repeated", labels[i].name);
        size_t value = labels[i].value ? strlen(labels[i].value) : 0;
        if (!labels[i].value || !promc_utf8_valid(labels[i].value, value))
            return promc_fail(PROMC_E_LABEL_VALUE, "exemplar: label \"%s\" has no value, or its value is not UTF-8",
                              labels[i].name);
        points += name + code_points(labels[i].value, value);
        if (points > PROMC_EXEMPLAR_CODE_POINTS)
            return promc_fail(PROMC_E_LABEL_VALUE, "exemplar: its labels have more than %d characters",
                              PROMC_EXEMPLAR_CODE_POINTS);
        wire += field_size(field_size(name) + field_size(value));
        if (i > 0)
            *out++ = ',';
        out = promc_render_pair(out, labels[i].name, name, labels[i].value, value);
    }
    size_t length = (size_t)(out - text);
    if (length > PROMC_EXEMPLAR_BYTES)
        return promc_fail(PROMC_E_LABEL_VALUE, "exemplar: its labels take %zu bytes, at most %d are kept", length,
                          PROMC_EXEMPLAR_BYTES);
    memset(new->words, 0, PROMC_EXEMPLAR_BYTES);
    memcpy(new->words, text, length);
    new->length = length;
    new->wire_size = promc_exemplar_wire_size(wire);
    return 0;
}

/* Allocate the child's places. Does not wait if another thread holds the lock. */
static int make_places(promc_registry *registry, struct promc_child *child)
{
    uint32_t count = places_of(child);
    struct promc_arena *arena = &registry->arena;
    if (!promc_registry_trylock(registry))
        return 1;
    int rc = 0;
    if (child->exemplars == 0) {
        promc_ref ref = arena->header->free_exemplars[count];
        if (ref != 0) {
            struct promc_exemplar_place *first = promc_at(arena, ref);
            arena->header->free_exemplars[count] = (promc_ref)first->value;
            memset(first, 0, count * sizeof(*first));
        } else {
            ref = promc_arena_alloc(arena, count * sizeof(struct promc_exemplar_place));
        }
        if (ref == 0)
            rc = promc_fail(PROMC_E_FULL, "exemplar: %s", promc_arena_full(arena));
        else
            promc_store_release(&child->exemplars, ref);
    }
    promc_registry_unlock(registry);
    return rc;
}

void promc_exemplars_free(promc_registry *registry, struct promc_child *child)
{
    promc_ref ref = child->exemplars;
    if (ref == 0)
        return;
    struct promc_exemplar_place *first = promc_at(&registry->arena, ref);
    uint32_t count = places_of(child);
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < count; i++)
        bytes += first[i].length >> 32;
    __atomic_fetch_sub(&promc_child_family(child)->exemplar_bytes, bytes, __ATOMIC_RELAXED);
    first->value = registry->arena.header->free_exemplars[count];
    registry->arena.header->free_exemplars[count] = ref;
    child->exemplars = 0;
}

/* A clock that was set back must not stop exemplars for ever. */
static bool is_due(const struct promc_exemplar_place *place, uint64_t now)
{
    uint64_t last = promc_load(&place->ms);
    return last == 0 || now - last >= INTERVAL_MS;
}

static int write_place(struct promc_family_data *data, struct promc_exemplar_place *place, const struct candidate *new)
{
    /* In this order: an exemplar that another thread stores after the first line may be newer than `now`, and makes the exchange fail. */
    uint64_t sequence = promc_load_acquire(&place->sequence);
    uint64_t now = promc_wall_ms();
    if (!is_due(place, now))
        return 1;
    if (sequence & 1 || !__atomic_compare_exchange_n(&place->sequence, &sequence, sequence + 1, false, __ATOMIC_ACQUIRE,
                                                     __ATOMIC_RELAXED))
        return 1;
    promc_fetch_add(&data->exemplar_bytes, new->wire_size - (promc_load(&place->length) >> 32));
    promc_store_release(&place->value, promc_double_bits(new->value));
    promc_store_release(&place->length, (uint64_t) new->wire_size << 32 | new->length);
    for (size_t i = 0; i < PROMC_EXEMPLAR_WORDS; i++)
        promc_store_release(&place->text[i], new->words[i]);
    promc_store_release(&place->ms, now);
    promc_store_release(&place->sequence, sequence + 2);
    return 0;
}

/* The place of a value's native bucket: values of one power of two share a place, and the next power of two has the next place. */
static uint32_t native_place(const struct promc_family_data *data, double v)
{
    bool in_bucket = fabs(v) > data->native.zero_threshold;
    int32_t power = in_bucket ? promc_native_coarser(promc_native_index(v), PROMC_NATIVE_SCHEMA_MAX) : 0;
    return promc_exemplar_native_first(data) + (uint32_t)(power + 10000) % PROMC_NATIVE_EXEMPLARS;
}

/* promc_bucket_of(), but quick for values below the first few bounds, as most are: the caller branches on the value anyway. */
static uint32_t place_of(const struct promc_family_data *data, double v)
{
    uint32_t few = data->bound_count < 8 ? data->bound_count : 8;
    for (uint32_t i = 0; i < few; i++)
        if (v <= data->bounds[i])
            return i;
    return promc_bucket_of(data, v);
}

/* Would an exemplar with this value be kept? Checked before its labels are read, because that is most of the work. */
static bool any_is_due(struct promc_child *child, const struct promc_exemplar_place *places, double value)
{
    const struct promc_family_data *data = promc_child_family(child);
    uint64_t now = promc_wall_ms();
    if ((data->native_at == 0 || data->bound_count > 0) && is_due(&places[place_of(data, value)], now))
        return true;
    return data->native_at != 0 && is_due(&places[native_place(data, value)], now);
}

/* Store it in the places of its classic and its native bucket; a counter has only place 0. @return 0 if one of them has kept it. */
static int keep_in_places(struct promc_child *child, struct promc_exemplar_place *places, const struct candidate *new)
{
    struct promc_family_data *data = promc_child_family(child);
    int kept = 1;
    if (data->native_at == 0 || data->bound_count > 0)
        kept = write_place(data, &places[promc_bucket_of(data, new->value)], new);
    if (data->native_at != 0)
        kept &= write_place(data, &places[native_place(data, new->value)], new);
    return kept;
}

/* Rare and expensive; separate, so that the work per update stays short. */
static __attribute__((noinline)) int keep_now(promc_registry *registry, struct promc_child *child, double value,
                                              const promc_label *labels, size_t count)
{
    struct candidate new = {.value = value};
    if (!labels && count > 0)
        return promc_fail(PROMC_E_INVALID, "exemplar: no labels given");
    int rc = render(labels, count, &new);
    if (rc == 0 && promc_load_acquire(&child->exemplars) == 0)
        rc = make_places(registry, child);
    if (rc != 0)
        return rc;
    return keep_in_places(child, promc_at(&registry->arena, promc_load_acquire(&child->exemplars)), &new);
}

static int keep(promc_series_ref ref, double value, const promc_label *labels, size_t count)
{
    promc_registry *registry = promc_registry_of(ref);
    struct promc_child *child = promc_series_child(ref);
    if (!child || !registry || registry->arena.readonly)
        return 1;
    promc_ref places = promc_load_acquire(&child->exemplars);
    if (places != 0 && (labels || count == 0) && !any_is_due(child, promc_at(&registry->arena, places), value))
        return 1;
    return keep_now(registry, child, value, labels, count);
}

int promc_counter_add_exemplar(promc_counter counter, double n, const promc_label *labels, size_t count)
{
    int rc = 0;
    if (n == 1)
        promc_counter_inc(counter);
    else
        rc = promc_counter_add(counter, n);
    return rc < 0 ? rc : keep(counter.ref, n, labels, count);
}

int promc_histogram_observe_exemplar(promc_histogram histogram, double value, const promc_label *labels, size_t count)
{
    promc_histogram_observe(histogram, value);
    return isnan(value) ? 1 : keep(histogram.ref, value, labels, count);
}

bool promc_read_exemplar(const promc_registry *registry, const struct promc_child *child, uint32_t index,
                         struct promc_exemplar_view *out)
{
    promc_ref ref = promc_load_acquire(&child->exemplars);
    if (ref == 0)
        return false;
    const struct promc_exemplar_place *place = (struct promc_exemplar_place *)promc_at(&registry->arena, ref) + index;
    uint64_t before = promc_load_acquire(&place->sequence), ms = promc_load_acquire(&place->ms);
    if (before & 1 || ms == 0)
        return false; /* a writer is replacing it: the next scrape will show it */
    out->value = promc_cell_double(promc_load_acquire(&place->value));
    uint64_t length = promc_load_acquire(&place->length);
    out->length = (uint32_t)length;
    out->wire_size = (uint32_t)(length >> 32);
    for (size_t i = 0; i < PROMC_EXEMPLAR_WORDS; i++) {
        uint64_t word = promc_load_acquire(&place->text[i]);
        memcpy(out->text + 8 * i, &word, 8);
    }
    out->timestamp = (double)ms / 1000.0;
    return promc_load_acquire(&place->sequence) == before && out->length <= PROMC_EXEMPLAR_BYTES;
}
