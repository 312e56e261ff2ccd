/* SPDX-License-Identifier: Apache-2.0 */
#include "import/objects.h"
#include "import/column_names.h"
#include "import/json_text.h"
#include "import/prospect.h"

#include <limits.h>
#include <string.h>

/* The state of mapping one object to a row. */
struct mapping {
    struct json_text json;
    struct arena *arena;
    struct prospect_input *row;
    const struct import_notes *noted;
    struct prospect_custom custom;
    unsigned rank[PROSPECT_FIELDS];         /* rank of the key from which the field was set */
    const char *key[PROSPECT_FIELDS];       /* and that key */
    const char *names[PROSPECT_CUSTOM_MAX]; /* of the custom fields so far */
    size_t name_count;
    char field[FIELD_NAME_MAX + 1]; /* name of the current member */
    bool clear, out_of_memory;
};

/* @return NULL, or why the row is refused */
static const char *add_custom(struct mapping *to, const char *name, const struct db_text *text)
{
    for (size_t i = 0; i < to->name_count; i++)
        if (strcmp(to->names[i], name) == 0)
            return "duplicate_field";
    if (to->name_count < PROSPECT_CUSTOM_MAX) {
        char *copy = arena_copy(to->arena, name, strlen(name) + 1);
        to->out_of_memory |= !copy;
        if (!copy)
            return NULL;
        to->names[to->name_count++] = copy;
    }
    if (!text->data)
        return NULL;
    const char *reason = prospect_custom_add(&to->custom, name, text->data, text->length);
    if (!reason || !prospect_custom_may_do_without(reason))
        return reason;
    import_note(to->noted, name, reason);
    return NULL;
}

/* Set one of our fields. If two keys match it, the better match wins, and the other becomes a custom field. */
static const char *add_field(struct mapping *to, int field, unsigned rank, const struct db_text *text)
{
    struct db_text other = to->row->field[field];
    const char *key = to->key[field];

    if (key && rank == to->rank[field])
        return "duplicate_field";
    if (key && rank > to->rank[field])
        return add_custom(to, to->field, text);
    to->row->field[field] = *text;
    to->rank[field] = rank;
    to->key[field] = arena_copy(to->arena, to->field, strlen(to->field) + 1);
    to->out_of_memory |= !to->key[field];
    return key ? add_custom(to, key, &other) : NULL;
}

static const char *map_member(struct mapping *to, const struct json_string *key, const struct json_value *value)
{
    struct db_text text = {value->text.data, value->text.length};
    unsigned rank;

    if (field_name_normalise(key->data, key->length, to->field) == 0)
        return "invalid_name";
    if (value->kind == JSON_KIND_OBJECT || value->kind == JSON_KIND_ARRAY)
        return "not_text";
    if (value->kind == JSON_KIND_NULL)
        text = (struct db_text){to->clear ? "" : NULL, 0};
    int field = column_name_own(to->field, strlen(to->field), &rank);
    return field >= 0 ? add_field(to, field, rank, &text) : add_custom(to, to->field, &text);
}

static const char *map_members(struct mapping *to, struct json_text *json, bool top)
{
    struct json_string key = {
        "", 0}; /* an error after a member is reported with its key, one before the first member with none */
    struct json_value value;
    enum json_text_result rc;

    if (json_text_enter(json) < 0)
        return json->reason;
    while ((rc = json_text_member(json, &key, &value)) > 0) {
        const char *reason;
        if (top && value.kind == JSON_KIND_OBJECT && key.length == strlen("custom_fields") &&
            memcmp(key.data, "custom_fields", key.length) == 0) {
            struct json_text inner;
            json_text_init(&inner, value.text.data, value.text.length, to->arena);
            reason = map_members(to, &inner, false);
        } else {
            reason = map_member(to, &key, &value);
        }
        if (reason || to->out_of_memory)
            return reason;
    }
    if (rc == JSON_TEXT_END)
        return NULL;
    (void)field_name_normalise(key.data, key.length, to->field); /* for the error, if there is a key */
    to->out_of_memory |= !json->reason;
    return json->reason;
}

/* Why is the text not an object: is it another value, or invalid? */
static const char *why_no_object(struct json_text *json)
{
    struct json_value value;

    return json_text_value(json, &value) < 0 ? json->reason : "not_an_object";
}

enum import_rows_result object_map(const char *text, size_t length, bool clear, struct arena *arena,
                                   struct prospect_input *row, struct import_error *error, size_t *position,
                                   const struct import_notes *noted)
{
    struct mapping to = {.arena = arena, .row = row, .noted = noted, .clear = clear};
    const char *reason;

    row->clears = clear;
    json_text_init(&to.json, text, length, arena);
    prospect_custom_begin(&to.custom, arena, clear);
    reason = json_text_is_object(&to.json) ? map_members(&to, &to.json, true) : why_no_object(&to.json);
    *position = to.json.reason ? (size_t)(to.json.at - text) : OBJECT_NO_PLACE;
    row->custom = prospect_custom_end(&to.custom);
    if (to.out_of_memory || to.custom.out_of_memory)
        return IMPORT_ROWS_E_NOMEM;
    return reason ? import_error_set(error, 0, to.field, reason) : IMPORT_ROWS_ROW;
}
