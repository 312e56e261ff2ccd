/* SPDX-License-Identifier: Apache-2.0 */
#include "series/series.h"
#include "arena/lock.h"
#include "base/utf8.h"
#include "series/index.h"
#include "series/labels.h"
#include "series/lookup.h"
#include "series/reclaim.h"
#include "series/type_ops.h"

#include <string.h>

/* Values are repaired on the stack up to this many bytes, so that finding them needs no lock. */
#define REPAIR_ON_STACK 4096

static const char overflow_value[] = "other";

static uint64_t word_of(const struct promc_child *child)
{
    return promc_load(&child->live.word);
}

unsigned promc_child_values(const struct promc_child *child, promc_str values[PROMC_MAX_LABELS])
{
    const struct promc_family_data *data = promc_child_family(child);
    const char *text = promc_child_text(child);
    if (promc_load(&child->flags) & PROMC_CHILD_ESCAPED) {
        const char *raw = text + child->text_length;
        raw += (4 - (uintptr_t)raw % 4) % 4;
        const uint32_t *lengths = (const uint32_t *)(const void *)raw;
        raw += data->label_count * sizeof *lengths;
        for (unsigned i = 0; i < data->label_count; i++) {
            values[i] = (promc_str){raw, lengths[i]};
            raw += lengths[i];
        }
        return data->label_count;
    }
    const char *end = text + child->text_length;
    for (unsigned i = 0; i < data->label_count; i++) {
        text += data->label_prefix[i];
        const char *quote = memchr(text, '"', (size_t)(end - text));
        values[i] = (promc_str){text, (size_t)(quote - text)};
        text = quote + 2;
    }
    return data->label_count;
}

/* What a new child needs to know. */
struct candidate {
    const promc_str *values;
    uint32_t hash;
    size_t text_length;
    size_t raw_length; /* of the raw values behind the text; 0: nothing was escaped */
    size_t text_offset;
    size_t behind_offset; /* of what the type keeps behind the labels; 0: nothing */
    bool overflow;
};

static size_t escaped_length(promc_str value)
{
    size_t n = value.length;
    for (size_t i = 0; i < value.length; i++)
        n += value.data[i] == '\\' || value.data[i] == '"' || value.data[i] == '\n';
    return n;
}

/* Bytes of a child's block before its text. */
static size_t head_bytes(const struct promc_family_data *data)
{
    return sizeof(struct promc_child) + data->own_bytes +
           (data->idle_expiry_seconds ? sizeof(struct promc_child_idle) : 0);
}

static size_t measure(const struct promc_family_data *data, struct candidate *new)
{
    size_t raw = 0, text = data->fixed_text;
    for (unsigned i = 0; i < data->label_count; i++) {
        raw += new->values[i].length;
        text += escaped_length(new->values[i]);
    }
    bool escaped = text != data->fixed_text + raw;
    new->text_length = text;
    new->text_offset = head_bytes(data);
    new->raw_length = escaped ? (4 - text % 4) % 4 + data->label_count * sizeof(uint32_t) + raw : 0;
    size_t bytes = new->text_offset + new->text_length + new->raw_length;
    if (data->behind_bytes == 0)
        return bytes;
    new->behind_offset = (bytes + 7) / 8 * 8;
    return new->behind_offset + data->behind_bytes;
}

static void write_labels(const promc_family *family, struct promc_child *child, const struct candidate *new)
{
    const struct promc_family_data *data = family->data;
    char *out = (char *)child + new->text_offset;
    for (unsigned i = 0; i < data->label_count; i++) {
        const struct promc_text *name = &data->label_names[i];
        if (i > 0)
            *out++ = ',';
        out = promc_render_pair(out, promc_at(&family->registry->arena, name->ref), name->length, new->values[i].data,
                                new->values[i].length);
    }
    if (new->raw_length == 0)
        return;
    out += (4 - (uintptr_t)out % 4) % 4;
    uint32_t *lengths = (uint32_t *)(void *)out;
    out += data->label_count * sizeof *lengths;
    for (unsigned i = 0; i < data->label_count; i++) {
        lengths[i] = (uint32_t) new->values[i].length;
        memcpy(out, new->values[i].data, new->values[i].length);
        out += new->values[i].length;
    }
}

/* At the end of the list, so that a reader that has come there goes on to it. */
static void link_child(promc_registry *registry, struct promc_family_data *data, struct promc_child *child)
{
    struct promc_arena *arena = &registry->arena;
    promc_ref ref = promc_ref_of(arena, child);
    child->prev = data->last_child;
    promc_store(&child->next, 0);
    if (data->last_child != 0) {
        struct promc_child *last = promc_at(arena, data->last_child);
        promc_store_release(&last->next, ref);
    } else {
        promc_store_release(&data->first_child, ref);
    }
    data->last_child = ref;
    promc_store_release(&data->series, data->series + 1); /* at_cap() sees it only with its table slot */
    promc_store(&data->text_bytes, data->text_bytes + child->text_length);
    promc_fetch_add(&arena->header->series, 1);
}

static bool take_room(promc_family *family, const struct candidate *new, size_t bytes, promc_ref *block, uint32_t *run,
                      uint16_t *size_class)
{
    struct promc_family_data *data = family->data;
    struct promc_arena *arena = &family->registry->arena;
    if (new->overflow && data->reserve_block != 0) {
        *block = data->reserve_block;
        *run = data->reserve_run;
        *size_class = data->reserve_class;
        data->reserve_block = 0;
        return true;
    }
    *run = 0;
    if (data->cells > 0 && (*run = promc_arena_run(arena, data->cells)) == 0)
        return false;
    *block = promc_arena_block(arena, bytes, size_class);
    if (*block == 0 && *run != 0)
        promc_arena_run_free(arena, *run, data->cells);
    return *block != 0;
}

/* Fill a block and publish it. NULL: the arena is full. The lock is held, and the child is not there. */
static struct promc_child *create(promc_family *family, struct candidate *new)
{
    promc_registry *registry = family->registry;
    struct promc_family_data *data = family->data;
    promc_ref block;
    uint32_t run;
    uint16_t size_class;
    size_t bytes = measure(data, new);
    if (!take_room(family, new, bytes, &block, &run, &size_class))
        return NULL;
    struct promc_child *child = promc_at(&registry->arena, block);
    child->family = (int32_t)(((const char *)data - (const char *)child) / 16);
    child->hash = new->hash;
    child->text_length = (uint32_t) new->text_length & 0xFFFFFFu;
    promc_store(&child->created, promc_registry_ticks(registry));
    promc_store(&child->exemplars, 0);
    child->size_class = size_class & 0xFFu;
    child->born = (uint16_t)registry->arena.header->next_token;
    child->text_offset = (uint8_t)(new->text_offset / 8);
    promc_store(&child->flags,
                (uint8_t)((new->raw_length ? PROMC_CHILD_ESCAPED : 0) | (new->overflow ? PROMC_CHILD_OVERFLOW : 0)));
    memset(child + 1, 0, data->own_bytes);
    if (new->behind_offset)
        promc_child_behind_at(child)->at = (uint32_t)(new->behind_offset / 8);
    const struct promc_type_ops *ops = promc_ops_of(registry, data);
    if (ops->init)
        ops->init(&registry->arena, child);
    if (data->idle_expiry_seconds)
        *promc_child_idle(child) = (struct promc_child_idle){promc_registry_ticks(registry), 0};
    write_labels(family, child, new);
    uint64_t generation = (promc_load(&child->live.word) >> 32) + 1;
    promc_store_release(&child->live.word, generation << 32 | run);
    if (data->label_count > 0 && !promc_index_insert(registry, data, child)) {
        promc_store(&child->live.word, (generation + 1) << 32);
        if (run != 0)
            promc_arena_run_free(&registry->arena, run, data->cells);
        promc_arena_block_free(&registry->arena, block, size_class);
        return NULL;
    }
    link_child(registry, data, child);
    if (new->overflow)
        promc_store_release(&data->overflow, block);
    return child;
}

static bool all_other(const promc_family *family, const promc_str *values)
{
    for (unsigned i = 0; i < family->data->label_count; i++) {
        if (values[i].length != sizeof overflow_value - 1 || memcmp(values[i].data, overflow_value, 5) != 0)
            return false;
    }
    return family->data->label_count > 0;
}

/* The overflow series, made if need be: its room is set aside. The lock is held. */
static struct promc_child *overflow_child(promc_family *family)
{
    struct promc_family_data *data = family->data;
    if (data->overflow != 0)
        return promc_at(&family->registry->arena, data->overflow);
    promc_str values[PROMC_MAX_LABELS];
    for (unsigned i = 0; i < data->label_count; i++)
        values[i] = (promc_str){overflow_value, sizeof overflow_value - 1};
    struct candidate new = {.values = values, .overflow = true};
    uint64_t word;
    struct promc_child *child = promc_series_find_word(family, values, &new.hash, &word);
    return child ? child : create(family, &new);
}

static bool at_cap(const struct promc_family_data *data)
{
    uint32_t overflow = promc_load_acquire(&data->overflow) != 0;
    uint32_t series = promc_load_acquire(&data->series);
    return series - overflow >= data->max_series;
}

/* Find again, now that nobody else can create, and create. Values are clean. The lock is held. */
static struct promc_child *create_locked(promc_family *family, const promc_str *values, bool *dropped)
{
    struct candidate new = {.values = values, .overflow = all_other(family, values)};
    uint64_t word;
    *dropped = false;
    struct promc_child *child = promc_series_find_word(family, values, &new.hash, &word);
    if (child)
        return child;
    promc_reclaim(family->registry, 4);
    if (new.overflow || !at_cap(family->data))
        child = create(family, &new);
    if (child)
        return child;
    *dropped = !new.overflow;
    return overflow_child(family);
}

static int finish(promc_family *family, struct promc_child *child, uint64_t word, bool dropped, promc_series_ref *out)
{
    if (dropped)
        promc_counter_inc(family->dropped);
    if (!child)
        return promc_fail(PROMC_E_FULL, "metric \"%s\": the arena is full", promc_name_of(family));
    *out = promc_series_handle(family, child, word);
    return 0;
}

static int get_clean(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    promc_registry *registry = family->registry;
    bool dropped;
    /* Past the cap without a lock: a flood of new label values must not serialise the program. */
    promc_ref overflow = promc_load_acquire(&family->data->overflow);
    if (overflow != 0 && at_cap(family->data)) {
        uint32_t hash;
        uint64_t found;
        struct promc_child *child = promc_series_find_word(family, values, &hash, &found);
        if (child) /* it was the last to be made, just now */
            return finish(family, child, found, false, out);
        child = promc_at(&registry->arena, overflow);
        return finish(family, child, word_of(child), true, out);
    }
    promc_registry_lock(registry);
    struct promc_child *child = create_locked(family, values, &dropped);
    uint64_t word = child ? word_of(child) : 0;
    promc_registry_unlock(registry);
    return finish(family, child, word, dropped, out);
}

/* Repair into buffer, which has room for it. */
static void repair(const promc_family *family, const promc_str *values, promc_str *clean, char *buffer)
{
    uint32_t limit = family->registry->arena.header->max_value_bytes;
    for (unsigned i = 0; i < family->data->label_count; i++) {
        size_t n = promc_utf8_repair(buffer, values[i].data, values[i].length, limit);
        clean[i] = (promc_str){buffer, n};
        buffer += n;
    }
}

static int get_repaired_locked(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    promc_registry *registry = family->registry;
    promc_str clean[PROMC_MAX_LABELS] = {{0}};
    bool dropped;
    promc_registry_lock(registry);
    repair(family, values, clean, registry->scratch);
    struct promc_child *child = create_locked(family, clean, &dropped);
    uint64_t word = child ? word_of(child) : 0;
    promc_registry_unlock(registry);
    return finish(family, child, word, dropped, out);
}

static int get_repaired(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    uint32_t limit = family->registry->arena.header->max_value_bytes;
    promc_str clean[PROMC_MAX_LABELS] = {{0}};
    char buffer[REPAIR_ON_STACK];
    size_t room = 0;
    for (unsigned i = 0; i < family->data->label_count; i++) {
        size_t n = PROMC_REPAIRED_MAX(values[i].length);
        room += n < limit ? n : limit;
    }
    if (room > sizeof buffer)
        return get_repaired_locked(family, values, out);
    repair(family, values, clean, buffer);
    uint32_t hash;
    uint64_t word;
    struct promc_child *child = promc_series_find_word(family, clean, &hash, &word);
    if (child) {
        *out = promc_series_handle(family, child, word);
        return 0;
    }
    return get_clean(family, clean, out);
}

int promc_series_make(promc_family *family, const promc_str *values, promc_series_ref *out)
{
    uint32_t limit = family->registry->arena.header->max_value_bytes;
    if (family->data->label_count == 0) {
        struct promc_child *child = promc_at(&family->registry->arena, family->data->first_child);
        *out = promc_series_handle(family, child, word_of(child));
        return 0;
    }
    for (unsigned i = 0; i < family->data->label_count; i++) {
        if (values[i].length > limit || !promc_utf8_valid(values[i].data, values[i].length))
            return get_repaired(family, values, out);
    }
    return get_clean(family, values, out);
}

bool promc_series_reserve(promc_family *family)
{
    struct promc_family_data *data = family->data;
    struct promc_arena *arena = &family->registry->arena;
    struct candidate new = {.overflow = true};
    promc_str values[PROMC_MAX_LABELS];
    for (unsigned i = 0; i < data->label_count; i++)
        values[i] = (promc_str){overflow_value, sizeof overflow_value - 1};
    new.values = values;
    if (data->label_count == 0) {
        new.overflow = false;
        return create(family, &new) != NULL;
    }
    uint32_t run = 0;
    if (data->cells > 0 && (run = promc_arena_run(arena, data->cells)) == 0)
        return false;
    data->reserve_run = run;
    data->reserve_block = promc_arena_block(arena, measure(data, &new), &data->reserve_class);
    if (data->reserve_block == 0) {
        if (run != 0)
            promc_arena_run_free(arena, run, data->cells);
        return false;
    }
    return promc_index_rebuild(family->registry, data); /* its slot */
}
