/* SPDX-License-Identifier: Apache-2.0 */
#include "import/table.h"
#include "base/email_address.h"
#include "base/utf8.h"
#include "import/dialect.h"
#include "import/prospect.h"

#include <string.h>

/* ---- the header ---- */

static const char *delimiter_words(char delimiter, char buffer[2])
{
    switch (delimiter) {
    case ',':
        return "commas";
    case ';':
        return "semicolons";
    default:
        return dialect_name(delimiter, buffer);
    }
}

static int check_header(const struct table *table, struct import_fault *fault)
{
    const struct header *header = &table->header;
    char buffer[2];
    const char *words = delimiter_words(table->csv.delimiter, buffer);

    if (header->email_twice)
        return import_fault_set(
            fault, "invalid_header",
            "line %lu, column %zu: 'email' is already the name of column %zu (columns are separated by %s)",
            header->line, header->email_twice + 1, header->email + 1, words);
    if (header->email == header->count)
        return import_fault_set(fault, "missing_column",
                                "line %lu: the header row has no column 'email' (columns are separated by %s)",
                                header->line, words);
    return 0;
}

static bool is_workbook(const char *body, size_t length)
{
    return length >= 4 && (memcmp(body, "PK\x03\x04", 4) == 0 || memcmp(body, "\xd0\xcf\x11\xe0", 4) == 0);
}

int table_open(struct table *table, const char *charset, const char *body, size_t length,
               const struct import_progress *progress, struct import_fault *fault)
{
    struct csv *csv = &table->csv;

    if (is_workbook(body, length))
        return import_fault_set(fault, "not_csv", "line 1: the body is a workbook of Excel: save it as CSV");
    if (!decoder_open(&table->decoder, charset_of(charset, body, length, progress), body, length, csv))
        return IMPORT_ROWS_E_NOMEM;
    dialect_find(csv);
    enum csv_result rc = csv_next(csv);
    if (rc == CSV_BAD) { /* read it with plain quotes, so that the error can show the names */
        csv->plain = true;
        csv->cursor = csv->start;
        csv->next_line = csv->line;
        rc = csv_next(csv);
    }
    if (rc == CSV_END)
        return import_fault_set(fault, "empty_body", "line 1: the body has no header row");
    if (rc == CSV_BAD)
        return import_fault_set(fault, "invalid_header", "line %lu, column %zu: the header row cannot be read (%s)",
                                csv->line, csv->column + 1, csv->reason);
    if (rc != CSV_ROW || !header_read(&table->header, csv))
        return IMPORT_ROWS_E_NOMEM;
    csv->plain = false;
    return check_header(table, fault);
}

/* ---- rows ---- */

/* Does the current row have an address in the address column? */
static bool has_address(const struct table *table)
{
    const struct csv *csv = &table->csv;
    size_t email = table->header.email;
    const char *data = csv->fields[email].data;
    size_t length = csv->fields[email].length;

    if (csv->filled <= email || csv->filled > table->header.width)
        return false;
    utf8_trim(&data, &length);
    return email_address_valid(data, length);
}

/*
 * A refused row of several lines may be one line with a stray quote, which has joined it to the following lines. We
 * assume that if the second line (or the next one that is not blank) is itself a row with an address.
 */
void table_refused(struct table *table)
{
    struct csv *csv = &table->csv;
    struct csv_mark behind = csv_mark(csv);
    bool (*more)(struct csv * csv, void *arg) = csv->more;

    if (csv->lines == 1)
        return;
    csv_unjoin(csv);
    struct csv_mark second = csv_mark(csv);
    csv->more = NULL; /* the whole row is in the window */
    bool own = csv_next(csv) == CSV_ROW && csv->line < behind.next_line && has_address(table);
    csv_go(csv, own ? second : behind);
    csv->more = more;
}

/* @return NULL, or why the row is refused */
static const char *add_custom(struct table *table, struct prospect_custom *custom, size_t i,
                              const struct csv_field *text)
{
    const char *name = table->header.columns[i].name;
    const char *reason = prospect_custom_add(custom, name, text->data, text->length);

    if (!reason || !prospect_custom_may_do_without(reason))
        return reason;
    table->noted.at.line = table->csv.line;
    table->noted.at.column = i + 1;
    import_note(&table->noted, name, reason);
    return NULL;
}

static enum import_rows_result map_cells(struct table *table, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error)
{
    static const struct csv_field missing = {"", 0};
    struct csv *csv = &table->csv;
    struct prospect_custom custom;
    size_t count = csv->filled < table->header.count && !table->clear ? csv->filled : table->header.count;

    row->clears = table->clear;
    prospect_custom_begin(&custom, arena, table->clear);
    for (size_t i = 0; i < count; i++) {
        const struct csv_field *text = i < csv->filled ? &csv->fields[i] : &missing;
        const struct column *column = &table->header.columns[i];
        if (column->field == COLUMN_LEFT_OUT || (text->length == 0 && !table->clear))
            continue;
        if (column->field == COLUMN_CUSTOM) {
            const char *reason = add_custom(table, &custom, i, text);
            if (!reason)
                continue;
            enum import_rows_result rc = import_error_set(error, csv->line, column->name, reason);
            error->column = i + 1;
            return rc;
        }
        const char *data = text->data;
        if (csv_is_transient(csv, text) && !(data = arena_copy(arena, data, text->length)))
            return IMPORT_ROWS_E_NOMEM;
        row->field[column->field] = (struct db_text){data, text->length};
    }
    row->custom = prospect_custom_end(&custom);
    return custom.out_of_memory ? IMPORT_ROWS_E_NOMEM : IMPORT_ROWS_ROW;
}

/* Refuse an unreadable row. */
static enum import_rows_result bad_row(const struct table *table, struct import_error *error)
{
    const struct csv *csv = &table->csv;
    bool known = csv->column < table->header.count;
    enum import_rows_result rc =
        import_error_set(error, csv->line, known ? table->header.columns[csv->column].name : "", csv->reason);

    error->column = csv->column + 1;
    return rc;
}

enum import_rows_result table_next(struct table *table, struct arena *arena, struct prospect_input *row,
                                   struct import_error *error)
{
    struct csv *csv = &table->csv;
    enum import_rows_result rc;

    switch (csv_next(csv)) {
    case CSV_END:
        return IMPORT_ROWS_END;
    case CSV_E_NOMEM:
        return IMPORT_ROWS_E_NOMEM;
    case CSV_BAD:
        return bad_row(table, error);
    case CSV_ROW:
        break;
    }
    if (csv->filled > table->header.width) {
        rc = import_error_set(error, csv->line, "", "too_many_columns");
        error->column = csv->filled;
    } else {
        rc = map_cells(table, arena, row, error);
    }
    if (rc == IMPORT_ROWS_REJECTED)
        table_refused(table);
    return rc;
}

unsigned long table_column(const struct table *table, const char *field)
{
    for (size_t i = 0; i < table->header.count; i++)
        if (strcmp(table->header.columns[i].name, field) == 0)
            return i + 1;
    return 0;
}

const char *table_position(const struct table *table)
{
    return table->csv.more ? table->decoder.from : table->csv.cursor;
}

void table_close(struct table *table)
{
    csv_release(&table->csv);
    decoder_close(&table->decoder);
    header_free(&table->header);
}
