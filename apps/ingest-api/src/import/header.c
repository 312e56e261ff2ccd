/* SPDX-License-Identifier: Apache-2.0 */
#include "import/header.h"
#include "base/utf8.h"
#include "import/column_names.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define GIVEN_MAX 200 /* most bytes of a name in `given` */

/* If it is no valid field name, look up the text itself: with quotes as plain text it may still be a known name. */
static int field_of(const struct csv_field *text, const char *name, unsigned *rank)
{
    return *name ? column_name_field(name, strlen(name), rank) : column_name_field(text->data, text->length, rank);
}

/* As field_name_normalise(), but the cell may have several lines. */
static void normalise(const struct csv_field *text, char name[FIELD_NAME_MAX + 1])
{
    char line[2 * FIELD_NAME_MAX];
    size_t length = text->length < sizeof(line) ? text->length : 0; /* else the name is too long, or mostly blanks */

    for (size_t i = 0; i < length; i++)
        line[i] = text->data[i] == '\n' || text->data[i] == '\r' ? ' ' : text->data[i];
    if (length > 0)
        (void)field_name_normalise(line, length, name);
    else
        (void)field_name_normalise(text->data, text->length, name);
}

unsigned header_rank(const struct csv *csv)
{
    unsigned best = UINT_MAX, rank;
    char name[FIELD_NAME_MAX + 1];

    for (size_t i = 0; i < csv->filled && i < CSV_MAX_FIELDS; i++) {
        const struct csv_field *text = &csv->fields[i];
        normalise(text, name);
        if (field_of(text, name, &rank) == PROSPECT_EMAIL && rank < best)
            best = rank;
    }
    return best;
}

/* Copy a name for display: cut between characters, invalid UTF-8 becomes '?'. */
static char *copy_given(const struct csv_field *text)
{
    const char *data = text->data;
    size_t length = text->length, n = 0;

    utf8_trim(&data, &length);
    char *given = malloc((length < GIVEN_MAX ? length : GIVEN_MAX) + 1);
    for (size_t at = 0, step; given && at < length; at += step) {
        step = utf8_sequence(data + at, length - at);
        size_t bytes = step ? step : 1;
        if (n + bytes > GIVEN_MAX)
            break;
        memcpy(given + n, step && data[at] ? data + at : "?", bytes);
        n += bytes;
        step = bytes;
    }
    if (given)
        given[n] = '\0';
    return given;
}

static const char *why_no_name(const struct csv_field *text)
{
    const char *data = text->data;
    size_t length = text->length;

    utf8_trim(&data, &length);
    if (length == 0)
        return "blank_name";
    return utf8_check(data, length) == UTF8_VALID && utf8_characters(data, length) > FIELD_NAME_CHARACTERS
               ? "name_too_long"
               : "invalid_name";
}

static void leave_out(struct column *column, const char *reason)
{
    column->field = COLUMN_LEFT_OUT;
    column->reason = reason;
    column->name[0] = '\0';
}

/* Choose the column of a field: the one whose name matches best. */
static void choose(struct header *header, const unsigned *ranks, int field)
{
    size_t best = header->count;

    for (size_t i = 0; i < header->count; i++)
        if (header->columns[i].field == field && (best == header->count || ranks[i] < ranks[best]))
            best = i;
    for (size_t i = 0; i < header->count; i++) {
        struct column *column = &header->columns[i];
        if (column->field != field || i == best)
            continue;
        if (field == PROSPECT_EMAIL && ranks[i] == COLUMN_EXACT)
            header->email_twice = i;
        column->field = COLUMN_CUSTOM;
        if (ranks[i] == COLUMN_EXACT)
            leave_out(column, "repeated_name");
    }
    if (best < header->count)
        strcpy(header->columns[best].name, prospect_field_names[field]);
    if (field == PROSPECT_EMAIL)
        header->email = best;
}

/* Make a column a custom field, unless another one has the name. */
static void name_custom(struct header *header, size_t i, const struct csv_field *text)
{
    struct column *column = &header->columns[i];

    if (!column->name[0]) {
        leave_out(column, why_no_name(text));
        return;
    }
    for (size_t k = 0; k < i; k++) {
        if (strcmp(header->columns[k].name, column->name) == 0) {
            leave_out(column, "repeated_name");
            return;
        }
    }
}

bool header_read(struct header *header, const struct csv *csv)
{
    unsigned ranks[CSV_MAX_FIELDS];

    header->line = csv->line;
    header->width = csv->filled;
    header->count = csv->filled < CSV_MAX_FIELDS ? csv->filled : CSV_MAX_FIELDS;
    header->columns = calloc(header->count + 1, sizeof(*header->columns));
    if (!header->columns)
        return false;
    for (size_t i = 0; i < header->count; i++) {
        struct column *column = &header->columns[i];
        normalise(&csv->fields[i], column->name);
        column->field = field_of(&csv->fields[i], column->name, &ranks[i]);
        column->given = copy_given(&csv->fields[i]);
        if (!column->given)
            return false;
    }
    for (int field = 0; field < PROSPECT_FIELDS; field++)
        choose(header, ranks, field);
    for (size_t i = 0; i < header->count; i++)
        if (header->columns[i].field == COLUMN_CUSTOM)
            name_custom(header, i, &csv->fields[i]);
    return true;
}

json_t *header_describe(const struct header *header)
{
    json_t *columns = json_array();

    for (size_t i = 0; i < header->count; i++) {
        const struct column *column = &header->columns[i];
        const char *field = column->field >= 0 ? column->name : NULL;
        const char *custom = column->field == COLUMN_CUSTOM ? column->name : NULL;
        json_t *entry = json_pack("{s:I, s:s, s:s?, s:s?, s:s?}", "column", (json_int_t)i + 1, "name", column->given,
                                  "field", field, "custom_field", custom, "reason", column->reason);
        if (!entry || json_array_append_new(columns, entry) < 0) {
            json_decref(columns);
            return NULL;
        }
    }
    return columns;
}

void header_free(struct header *header)
{
    for (size_t i = 0; header->columns && i < header->count; i++)
        free(header->columns[i].given);
    free(header->columns);
    *header = (struct header){.count = 0};
}
