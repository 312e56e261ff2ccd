/* SPDX-License-Identifier: Apache-2.0 */
#include "import/rows.h"
#include "import/csv.h"
#include "import/json.h"
#include "import/prospect.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct column {
    int field; /* enum prospect_field, or -1: custom */
    char name[FIELD_NAME_MAX + 1];
};

struct import_rows {
    enum import_format format;
    struct csv csv;
    struct column columns[CSV_MAX_FIELDS];
    size_t column_count;
    struct json_rows json;
    bool any; /* a row has been seen */
};

static int __attribute__((format(printf, 3, 4)))
set_fault(struct import_fault *fault, const char *code, const char *format, ...)
{
    va_list args;

    fault->code = code;
    va_start(args, format);
    (void)vsnprintf(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    return IMPORT_ROWS_E_FAULT;
}

static enum import_rows_result reject(struct import_error *error, unsigned long line, const char *field,
                                      const char *reason)
{
    error->line = line;
    error->reason = reason;
    (void)snprintf(error->field, sizeof(error->field), "%s", field);
    return IMPORT_ROWS_REJECTED;
}

static enum import_rows_result finish_row(struct arena *arena, struct prospect_input *row, unsigned long line,
                                          struct import_error *error)
{
    const char *field, *reason;

    switch (prospect_normalise(row, arena, &field, &reason)) {
    case PROSPECT_GOOD:
        return IMPORT_ROWS_ROW;
    case PROSPECT_REFUSED:
        return reject(error, line, field, reason);
    default:
        return IMPORT_ROWS_E_NOMEM;
    }
}

/* ---- CSV ---- */

static int read_column(struct import_rows *rows, size_t i, struct import_fault *fault)
{
    const struct csv_field *text = &rows->csv.fields[i];
    struct column *column = &rows->columns[i];

    if (field_name_normalise(text->data, text->length, column->name) == 0)
        return set_fault(fault, "invalid_header",
                         "line %lu, column %zu: a column name of 1 to %d bytes without braces, quotes or control "
                         "characters was expected",
                         rows->csv.line, i + 1, FIELD_NAME_MAX);
    for (size_t k = 0; k < i; k++) {
        if (strcmp(rows->columns[k].name, column->name) == 0)
            return set_fault(fault, "invalid_header", "line %lu, column %zu: '%s' is already the name of column %zu",
                             rows->csv.line, i + 1, column->name, k + 1);
    }
    column->field = prospect_field_index(column->name);
    return 0;
}

static int read_header(struct import_rows *rows, struct import_fault *fault)
{
    bool email = false;

    switch (csv_next(&rows->csv)) {
    case CSV_END:
        return set_fault(fault, "empty_body", "line 1: the body has no header row");
    case CSV_BAD:
        return set_fault(fault, "invalid_header", "line %lu, column %zu: the header row cannot be read (%s)",
                         rows->csv.fault_line, rows->csv.column + 1, rows->csv.reason);
    case CSV_E_NOMEM:
        return IMPORT_ROWS_E_NOMEM;
    case CSV_ROW:
        break;
    }
    for (size_t i = 0; i < rows->csv.count; i++) {
        if (read_column(rows, i, fault) < 0)
            return IMPORT_ROWS_E_FAULT;
        email |= rows->columns[i].field == PROSPECT_EMAIL;
    }
    if (!email)
        return set_fault(fault, "missing_column",
                         "line %lu: the header row has no column 'email' (columns are separated by commas)",
                         rows->csv.line);
    rows->column_count = rows->csv.count;
    return 0;
}

static enum import_rows_result map_csv(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                       struct import_error *error)
{
    struct csv *csv = &rows->csv;
    struct prospect_custom custom;

    prospect_custom_begin(&custom, arena);
    for (size_t i = 0; i < csv->count; i++) {
        const struct csv_field *text = &csv->fields[i];
        const struct column *column = &rows->columns[i];
        if (column->field < 0) {
            const char *reason = prospect_custom_add(&custom, column->name, text->data, text->length);
            if (reason)
                return reject(error, csv->line, column->name, reason);
            continue;
        }
        const char *data = text->data;
        if (csv_is_transient(csv, text) && !(data = arena_copy(arena, data, text->length)))
            return IMPORT_ROWS_E_NOMEM;
        row->field[column->field] = (struct db_text){data, text->length};
    }
    row->custom = prospect_custom_end(&custom);
    if (custom.out_of_memory)
        return IMPORT_ROWS_E_NOMEM;
    return finish_row(arena, row, csv->line, error);
}

static enum import_rows_result next_csv(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                        struct import_error *error)
{
    struct csv *csv = &rows->csv;

    switch (csv_next(csv)) {
    case CSV_END:
        return IMPORT_ROWS_END;
    case CSV_E_NOMEM:
        return IMPORT_ROWS_E_NOMEM;
    case CSV_BAD:
        return reject(error, csv->line, csv->column < rows->column_count ? rows->columns[csv->column].name : "",
                      csv->reason);
    case CSV_ROW:
        break;
    }
    if (csv->count < rows->column_count)
        return reject(error, csv->line, rows->columns[csv->count].name, "too_few_columns");
    if (csv->count > rows->column_count)
        return reject(error, csv->line, "", "too_many_columns");
    return map_csv(rows, arena, row, error);
}

/* ---- JSON ---- */

/* One object's way into a row. */
struct json_row {
    struct arena *arena;
    struct prospect_input *row;
    struct prospect_custom custom;
    char (*names)[FIELD_NAME_MAX + 1]; /* of the custom fields so far */
    size_t name_count;
    char field[FIELD_NAME_MAX + 1]; /* the one at hand */
    bool out_of_memory;
};

/* The text of a scalar in the arena; data NULL for null. Reason if it is none. */
static const char *scalar_text(struct json_row *to, json_t *value, struct db_text *out)
{
    *out = (struct db_text){NULL, 0};
    if (json_is_null(value))
        return NULL;
    if (json_is_object(value) || json_is_array(value))
        return "not_text";
    char *number = json_is_string(value) ? NULL : json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
    const char *text = number ? number : json_string_value(value);
    if (text) {
        out->length = number ? strlen(number) : json_string_length(value);
        out->data = arena_copy(to->arena, text, out->length);
    }
    free(number);
    to->out_of_memory |= !out->data;
    return NULL;
}

/* A name may come once, also when it is spelt in two ways. */
static const char *add_name(struct json_row *to)
{
    if (!to->names) {
        to->names = (char(*)[FIELD_NAME_MAX + 1]) arena_alloc(to->arena, PROSPECT_CUSTOM_MAX * sizeof(*to->names));
        if (!to->names) {
            to->out_of_memory = true;
            return NULL;
        }
    }
    for (size_t i = 0; i < to->name_count; i++) {
        if (strcmp(to->names[i], to->field) == 0)
            return "duplicate_field";
    }
    if (to->name_count == PROSPECT_CUSTOM_MAX)
        return "too_many_fields";
    memcpy(to->names[to->name_count++], to->field, sizeof(to->field));
    return NULL;
}

static const char *map_member(struct json_row *to, const char *key, json_t *value)
{
    struct db_text text;

    if (field_name_normalise(key, strlen(key), to->field) == 0)
        return "invalid_name";
    const char *reason = scalar_text(to, value, &text);
    if (reason)
        return reason;
    int index = prospect_field_index(to->field);
    if (index >= 0) {
        if (to->row->field[index].data)
            return "duplicate_field";
        to->row->field[index] = text;
        return NULL;
    }
    reason = add_name(to);
    if (reason || !text.data)
        return reason;
    return prospect_custom_add(&to->custom, to->field, text.data, text.length);
}

static const char *map_object(struct json_row *to, json_t *object, bool top)
{
    const char *key;
    json_t *value;

    json_object_foreach(object, key, value)
    {
        const char *reason = top && strcmp(key, "custom_fields") == 0 && json_is_object(value)
                                 ? map_object(to, value, false)
                                 : map_member(to, key, value);
        if (reason)
            return reason;
    }
    return NULL;
}

static enum import_rows_result map_json(struct arena *arena, struct prospect_input *row, json_t *object,
                                        unsigned long line, struct import_error *error)
{
    struct json_row to = {.arena = arena, .row = row};

    prospect_custom_begin(&to.custom, arena);
    const char *reason = map_object(&to, object, true);
    if (to.out_of_memory || to.custom.out_of_memory)
        return IMPORT_ROWS_E_NOMEM;
    if (reason)
        return reject(error, line, to.field, reason);
    row->custom = prospect_custom_end(&to.custom);
    return finish_row(arena, row, line, error);
}

static enum import_rows_result next_json(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault)
{
    struct json_rows *json = &rows->json;
    json_t *object;

    switch (json_rows_next(json, &object)) {
    case JSON_ROWS_END:
        if (rows->format == IMPORT_NDJSON && !rows->any)
            return (enum import_rows_result)set_fault(fault, "empty_body", "line 1: the body has no rows");
        return IMPORT_ROWS_END;
    case JSON_ROWS_E_SYNTAX:
        return (enum import_rows_result)set_fault(fault, "invalid_json", "line %lu, column %lu: %s", json->line,
                                                  json->column, json->reason);
    case JSON_ROWS_BAD:
        return reject(error, json->line, "", json->reason);
    case JSON_ROWS_ROW:
        break;
    }
    enum import_rows_result rc = map_json(arena, row, object, json->line, error);
    json_decref(object);
    return rc;
}

/* ---- both ---- */

int import_rows_open(struct import_rows **out, enum import_format format, const char *body, size_t length,
                     struct import_fault *fault)
{
    int rc = 0;

    *out = NULL;
    if (length == 0)
        return set_fault(fault, "empty_body", "line 1: the body is empty");
    struct import_rows *rows = calloc(1, sizeof(*rows));
    if (!rows)
        return IMPORT_ROWS_E_NOMEM;
    rows->format = format;
    csv_init(&rows->csv, body, format == IMPORT_CSV ? length : 0);
    if (format == IMPORT_CSV)
        rc = read_header(rows, fault);
    else
        json_rows_init(&rows->json, format == IMPORT_JSON ? JSON_ROWS_ARRAY : JSON_ROWS_LINES, body, length);
    if (rc < 0)
        import_rows_close(rows);
    else
        *out = rows;
    return rc;
}

enum import_rows_result import_rows_next(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault)
{
    memset(row, 0, sizeof(*row));
    enum import_rows_result rc =
        rows->format == IMPORT_CSV ? next_csv(rows, arena, row, error) : next_json(rows, arena, row, error, fault);
    rows->any = true;
    return rc;
}

const char *import_rows_position(const struct import_rows *rows)
{
    return rows->format == IMPORT_CSV ? rows->csv.cursor : rows->json.cursor;
}

void import_rows_close(struct import_rows *rows)
{
    if (!rows)
        return;
    csv_release(&rows->csv);
    free(rows);
}
