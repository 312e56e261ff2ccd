/* SPDX-License-Identifier: Apache-2.0 */
#include "series/child.h"
#include "series/index.h"
#include "series/labels.h"
#include "series/type_ops.h"

#include <string.h>

unsigned promc_child_values(const struct promc_child *child, promc_str values[PROMC_LABELS_MOST])
{
    const struct promc_family_data *data = promc_child_family(child);
    const char *text = promc_child_text(child);
    if (promc_load(&child->flags) & PROMC_CHILD_ESCAPED) {
        const char *raw = text + child->text_length;
        raw += (4 - (uintptr_t)raw % 4) % 4;
        const uint32_t *lengths = (const uint32_t *)(const void *)raw;
        raw += data->label_count * sizeof(*lengths);
        for (unsigned i = 0; i < data->label_count; i++) {
            values[i] = (promc_str){raw, lengths[i]};
            raw += lengths[i];
        }
        return data->label_count;
    }
    const char *end = text + child->text_length;
    const struct promc_label_data *label = promc_labels_of(data);
    for (unsigned i = 0; i < data->label_count; i++) {
        text += label++->prefix;
        const char *quote = memchr(text, '"', (size_t)(end - text));
        values[i] = (promc_str){text, (size_t)(quote - text)};
        text = quote + 2;
    }
    return data->label_count;
}

static size_t escaped_length(promc_str value)
{
    size_t n = value.length;
    for (size_t i = 0; i < value.length; i++)
        n += value.data[i] == '\\' || value.data[i] == '"' || value.data[i] == '\n';
    return n;
}

size_t promc_overflow_text(promc_str marker)
{
    return sizeof ",=\"\"" - 1 + sizeof(PROMC_OVERFLOW_LABEL) - 1 + escaped_length(marker);
}

/* Bytes of a child's block before its text. */
static size_t head_bytes(const struct promc_family_data *data)
{
    return sizeof(struct promc_child) + data->own_bytes +
           (data->idle_expiry_seconds ? sizeof(struct promc_child_idle) : 0) +
           (data->cap_label ? sizeof(struct promc_child_group) : 0);
}

size_t promc_child_measure(const struct promc_family_data *data, struct promc_candidate *new)
{
    size_t raw = 0, text = data->fixed_text;
    for (unsigned i = 0; i < data->label_count; i++) {
        raw += new->values[i].length;
        text += escaped_length(new->values[i]);
    }
    bool escaped = text != data->fixed_text + raw;
    new->text_length = text + (new->overflow ? promc_overflow_text(new->marker) : 0);
    new->text_offset = head_bytes(data);
    new->raw_length = escaped ? (4 - new->text_length % 4) % 4 + data->label_count * sizeof(uint32_t) + raw : 0;
    size_t bytes = new->text_offset + new->text_length + new->raw_length;
    if (data->behind_bytes == 0)
        return bytes;
    new->behind_offset = (bytes + 7) / 8 * 8;
    return new->behind_offset + data->behind_bytes;
}

static void write_labels(const promc_family *family, struct promc_child *child, const struct promc_candidate *new)
{
    const struct promc_family_data *data = family->data;
    char *out = (char *)child + new->text_offset;
    for (unsigned i = 0; i < data->label_count; i++) {
        const struct promc_text *name = &promc_labels_of(data)[i].name;
        if (i > 0)
            *out++ = ',';
        out = promc_render_pair(out, promc_at(&family->registry->arena, name->ref), name->length, new->values[i].data,
                                new->values[i].length);
    }
    if (new->overflow) {
        *out++ = ',';
        out = promc_render_pair(out, PROMC_OVERFLOW_LABEL, strlen(PROMC_OVERFLOW_LABEL), new->marker.data,
                                new->marker.length);
    }
    if (new->raw_length == 0)
        return;
    out += (4 - (uintptr_t)out % 4) % 4;
    uint32_t *lengths = (uint32_t *)(void *)out;
    out += data->label_count * sizeof(*lengths);
    for (unsigned i = 0; i < data->label_count; i++) {
        lengths[i] = (uint32_t) new->values[i].length;
        memcpy(out, new->values[i].data, new->values[i].length);
        out += new->values[i].length;
    }
}

/* At the end of the list, so that a reader at the end continues to it. */
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
    if (child->flags & PROMC_CHILD_UNUSED)
        data->groups++;
    else
        promc_child_count(registry, data, child);
}

void promc_child_count(promc_registry *registry, struct promc_family_data *data, const struct promc_child *child)
{
    promc_store_release(&data->series,
                        data->series + 1); /* a thread that sees the cap reached also sees the series' table slot */
    promc_store(&data->text_bytes, data->text_bytes + child->text_length);
    promc_fetch_add(&registry->arena.header->series, 1);
    if (child->flags & PROMC_CHILD_OVERFLOW)
        promc_store(&data->overflows, data->overflows + 1);
}

static bool take_room(promc_family *family, const struct promc_candidate *new, size_t bytes, promc_ref *block,
                      uint32_t *run, uint16_t *size_class)
{
    struct promc_family_data *data = family->data;
    struct promc_arena *arena = &family->registry->arena;
    if (new->overflow && !new->in_group && data->reserve_block != 0) {
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

struct promc_child *promc_child_create(promc_family *family, struct promc_candidate *new)
{
    promc_registry *registry = family->registry;
    struct promc_family_data *data = family->data;
    promc_ref block;
    uint32_t run;
    uint16_t size_class;
    size_t bytes = promc_child_measure(data, new);
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
                (uint8_t)((new->raw_length ? PROMC_CHILD_ESCAPED : 0) | (new->overflow ? PROMC_CHILD_OVERFLOW : 0) |
                          (new->overflow &&new->in_group ? PROMC_CHILD_UNUSED : 0)));
    memset(child + 1, 0, data->own_bytes);
    if (new->behind_offset)
        promc_child_behind_at(child)->at = (uint32_t)(new->behind_offset / 8);
    const struct promc_type_ops *ops = promc_ops_of(registry, data);
    if (ops->init)
        ops->init(&registry->arena, child);
    if (data->idle_expiry_seconds)
        *promc_child_idle(child) = (struct promc_child_idle){promc_registry_ticks(registry), 0};
    if (data->cap_label)
        *promc_child_group(child) =
            (struct promc_child_group){.of = new->overflow &&new->in_group ? block : new->group, .series = 0};
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
    if (new->overflow && !new->in_group)
        promc_store_release(&data->overflow, block);
    return child;
}
