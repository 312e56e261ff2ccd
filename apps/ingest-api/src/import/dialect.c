/* SPDX-License-Identifier: Apache-2.0 */
#include "import/dialect.h"
#include "import/column_names.h"
#include "import/header.h"

#include <limits.h>
#include <string.h>
#include <strings.h>

#define NOTES_MAX 20 /* rows in front of the header */

struct candidate {
    char delimiter;
    bool plain;
    unsigned rank; /* UINT_MAX: no column for the address */
    size_t cells;
    const char *cursor; /* the header, or the first row */
    unsigned long next_line;
};

/* Read the beginning of the text with this delimiter. */
static struct candidate try(const struct csv *csv, char delimiter, bool plain)
{
    struct candidate found = {delimiter, plain, UINT_MAX, 0, csv->cursor, csv->next_line};
    struct csv trial;

    csv_init(&trial, csv->cursor, (size_t)(csv->end - csv->cursor));
    trial.delimiter = delimiter;
    trial.plain = plain;
    trial.next_line = csv->next_line;
    for (int row = 0; row < NOTES_MAX; row++) {
        const char *cursor = trial.cursor;
        unsigned long line = trial.next_line;
        if (csv_next(&trial) != CSV_ROW)
            break;
        unsigned rank = header_rank(&trial);
        if (row == 0)
            found.cells = trial.filled;
        if (rank != UINT_MAX) {
            found = (struct candidate){delimiter, plain, rank, trial.filled, cursor, line};
            break;
        }
        if (trial.filled > 1)
            break;
    }
    csv_release(&trial);
    return found;
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
    if ((a->rank == UINT_MAX) != (b->rank == UINT_MAX))
        return a->rank != UINT_MAX;
    return a->cells > b->cells;
}

/* A first line of `sep=;`, as Excel writes and reads it, with or without quotes. @return the delimiter, or 0 */
static char take_sep(struct csv *csv)
{
    const char *p = csv->cursor, *end = csv->end;
    bool quoted = p < end && *p == '"';

    p += quoted;
    if (end - p < 5 || strncasecmp(p, "sep=", 4) != 0)
        return 0;
    char delimiter = p[4];
    p += 5;
    if (quoted && (p == end || *p++ != '"'))
        return 0;
    if ((p < end && *p != '\r' && *p != '\n') || !strchr(",;\t| :^~", delimiter) || !delimiter)
        return 0;
    p += p < end && *p == '\r';
    p += p < end && *p == '\n';
    csv->cursor = p;
    csv->next_line++;
    return delimiter;
}

void dialect_find(struct csv *csv)
{
    static const char delimiters[] = {',', ';', '\t', '|'};
    char said = take_sep(csv);
    struct candidate best = try(csv, said ? said : ',', false);

    for (int plain = 0; plain < 2 && best.rank > COLUMN_ALIKE; plain++) {
        for (size_t i = 0; i < sizeof(delimiters) && best.rank > COLUMN_ALIKE; i++) {
            struct candidate next = try(csv, said ? said : delimiters[i], plain);
            if (is_better(&next, &best))
                best = next;
        }
        if (best.rank != UINT_MAX)
            break;
    }
    csv->delimiter = best.delimiter;
    csv->plain = best.plain;
    csv->cursor = best.cursor;
    csv->next_line = best.next_line;
}

const char *dialect_name(char delimiter, char buffer[2])
{
    buffer[0] = delimiter;
    buffer[1] = '\0';
    return delimiter == '\t' ? "TAB" : buffer;
}
