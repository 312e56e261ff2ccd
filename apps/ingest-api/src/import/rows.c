/* SPDX-License-Identifier: Apache-2.0 */
#include "import/rows.h"
#include "import/dialect.h"
#include "import/json.h"
#include "import/objects.h"
#include "import/prospect.h"
#include "import/table.h"

#include <stdlib.h>
#include <string.h>

struct import_rows {
    enum import_format format;
    struct table table;
    struct json_rows json;
    bool any, clear; /* any: there was a row; clear: as in the source */
    struct import_notes noted;
};

/* Set the error's place: the byte `at` of the element. */
static void place(const struct json_rows *json, const char *text, size_t at, struct import_error *error)
{
    error->line = json->line;
    error->column = json->column + at;
    for (size_t i = 0; i < at; i++) {
        if (text[i] == '\n') {
            error->line++;
            error->column = at - i;
        }
    }
    error->index = (long)json->index;
}

static enum import_rows_result next_json(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault)
{
    struct json_rows *json = &rows->json;
    const char *text;
    size_t length, at = 0;
    enum import_rows_result rc;

    switch (json_rows_next(json, &text, &length)) {
    case JSON_ROWS_END:
        if (rows->format == IMPORT_NDJSON && !rows->any)
            return (enum import_rows_result)import_fault_set(fault, "empty_body", "line 1: the body has no rows");
        return IMPORT_ROWS_END;
    case JSON_ROWS_E_SYNTAX:
        return (enum import_rows_result)import_fault_set(fault, "invalid_json", "line %lu, column %lu, index %lu: %s",
                                                         json->line, json->column, json->next_index, json->reason);
    case JSON_ROWS_BAD:
        rc = import_error_set(error, json->line, "", json->reason);
        break;
    default:
        place(json, text, 0, &rows->noted.at);
        rc = object_map(text, length, rows->clear, arena, row, error, &at, &rows->noted);
        break;
    }
    if (rc == IMPORT_ROWS_REJECTED)
        place(json, text, at == OBJECT_NO_PLACE ? 0 : at, error);
    return rc;
}

/* ---- CSV and JSON ---- */

int import_rows_open(struct import_rows **out, const struct import_source *source, struct import_fault *fault)
{
    int rc = 0;

    *out = NULL;
    if (source->length == 0)
        return import_fault_set(fault, "empty_body", "line 1: the body is empty");
    struct import_rows *rows = calloc(1, sizeof(*rows));
    if (!rows)
        return IMPORT_ROWS_E_NOMEM;
    rows->format = source->format;
    rows->clear = rows->table.clear = source->clear;
    rows->noted = rows->table.noted = (struct import_notes){source->note, source->note_arg, {.index = -1}};
    if (source->format == IMPORT_CSV)
        rc = table_open(&rows->table, source->charset, source->body, source->length, &source->progress, fault);
    else
        json_rows_init(&rows->json, source->format == IMPORT_JSON ? JSON_ROWS_ARRAY : JSON_ROWS_LINES, source->body,
                       source->length);
    if (rc < 0)
        import_rows_close(rows);
    else
        *out = rows;
    return rc;
}

/* Check a row that has been mapped to the fields. */
static enum import_rows_result check_row(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error)
{
    const char *field, *reason;

    switch (prospect_normalise(row, arena, &field, &reason)) {
    case PROSPECT_GOOD:
        return IMPORT_ROWS_ROW;
    case PROSPECT_REFUSED:
        break;
    default:
        return IMPORT_ROWS_E_NOMEM;
    }
    if (rows->format != IMPORT_CSV) {
        (void)import_error_set(error, 0, field, reason);
        place(&rows->json, "", 0, error);
    } else {
        (void)import_error_set(error, rows->table.csv.line, field, reason);
        error->column = table_column(&rows->table, field);
        table_refused(&rows->table);
    }
    return IMPORT_ROWS_REJECTED;
}

enum import_rows_result import_rows_next(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault)
{
    memset(row, 0, sizeof(*row));
    enum import_rows_result rc = rows->format == IMPORT_CSV ? table_next(&rows->table, arena, row, error)
                                                            : next_json(rows, arena, row, error, fault);
    rows->any = true;
    return rc == IMPORT_ROWS_ROW ? check_row(rows, arena, row, error) : rc;
}

const char *import_rows_charset(const struct import_rows *rows)
{
    return charset_names[rows->format == IMPORT_CSV ? rows->table.decoder.charset : CHARSET_UTF8];
}

json_t *import_rows_describe(const struct import_rows *rows)
{
    char buffer[2];
    const char *delimiter = NULL;
    json_t *columns = NULL;

    if (rows->format == IMPORT_CSV) {
        delimiter = dialect_name(rows->table.csv.delimiter, buffer);
        columns = header_describe(&rows->table.header);
        if (!columns)
            return NULL;
    }
    return json_pack("{s:s, s:s?, s:o?}", "encoding", import_rows_charset(rows), "delimiter", delimiter, "columns",
                     columns);
}

const char *import_rows_position(const struct import_rows *rows)
{
    return rows->format == IMPORT_CSV ? table_position(&rows->table) : rows->json.cursor;
}

void import_rows_close(struct import_rows *rows)
{
    if (!rows)
        return;
    table_close(&rows->table);
    free(rows);
}
