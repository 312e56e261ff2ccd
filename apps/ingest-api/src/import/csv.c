/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why this is linear: after an unreadable row parsing continues with its second line, so the bytes after its first line
 * are read again. They are paid from a credit: no row may be read further than the credit allows, and a good row earns
 * a multiple of its length. So at most CREDIT_MAX plus CREDIT_RATE times the text is read twice.
 */
#include "import/csv.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#define CTRL_Z '\x1a' /* DOS's end of file */
#define CREDIT_MAX (4 * (size_t)CSV_MAX_ROW)
#define CREDIT_RATE 8

void csv_init(struct csv *csv, const char *data, size_t length)
{
    csv->count = csv->filled = 0;
    csv->line = csv->lines = 0;
    csv->reason = NULL;
    csv->column = 0;
    csv->delimiter = ',';
    csv->plain = csv->skipping = false;
    csv->more = NULL;
    csv->more_arg = NULL;
    csv->cursor = csv->start = data;
    csv->end = data + length - (length > 0 && data[length - 1] == CTRL_Z);
    csv->next_line = 1;
    csv->credit = CREDIT_MAX;
    csv->scratch = NULL;
    csv->scratch_used = csv->scratch_size = 0;
}

void csv_release(struct csv *csv)
{
    free(csv->scratch);
    csv->scratch = NULL;
}

bool csv_is_transient(const struct csv *csv, const struct csv_field *field)
{
    return csv->more || (csv->scratch && field->data >= csv->scratch && field->data < csv->scratch + csv->scratch_size);
}

/* ---- lines ---- */

static bool at_line_end(const char *p, const char *end)
{
    return p == end || *p == '\n' || *p == '\r';
}

/* Skip CRLF, LF or CR. */
static const char *skip_line_end(const char *p, const char *end)
{
    if (p < end && *p++ == '\r' && p < end && *p == '\n')
        p++;
    return p;
}

static const char *find_line_end(const char *p, const char *end)
{
    /* piece by piece: if lines end in CR alone, memchr() for LF would search the rest of the text each time */
    for (const char *piece_end; p < end; p = piece_end) {
        piece_end = end - p > 512 ? p + 512 : end;
        const char *newline = memchr(p, '\n', (size_t)(piece_end - p));
        const char *cr = memchr(p, '\r', (size_t)((newline ? newline : piece_end) - p));
        if (cr || newline)
            return cr ? cr : newline;
    }
    return end;
}

static unsigned long count_lines(const char *from, const char *to)
{
    unsigned long n = 0;

    while ((from = find_line_end(from, to)) != to) {
        from = skip_line_end(from, to);
        n++;
    }
    return n;
}

/* Move the cursor after the end of the current line, which may continue in the next window. */
static void skip_line(struct csv *csv)
{
    const char *stop = find_line_end(csv->cursor, csv->end);

    csv->skipping = stop == csv->end && csv->more;
    csv->cursor = skip_line_end(stop, csv->end);
}

/* The row is unreadable and was read up to `reached`: pay for it from the credit. */
static void charge(struct csv *csv, const char *reached)
{
    size_t n = (size_t)(reached - csv->start);

    csv->credit -= n < csv->credit ? n : csv->credit;
}

struct csv_mark csv_mark(const struct csv *csv)
{
    return (struct csv_mark){csv->cursor, csv->next_line, csv->credit};
}

void csv_go(struct csv *csv, struct csv_mark mark)
{
    if (mark.credit < csv->credit)
        csv->credit = mark.credit;
    charge(csv, csv->cursor);
    csv->cursor = mark.cursor;
    csv->next_line = mark.next_line;
}

static void unjoin(struct csv *csv, const char *reached)
{
    csv->cursor = csv->start;
    csv->next_line = csv->line + 1;
    csv->lines = 1;
    skip_line(csv);
    if (reached > csv->cursor)
        charge(csv, reached);
}

void csv_unjoin(struct csv *csv)
{
    unjoin(csv, csv->cursor);
}

static enum csv_result bad_row(struct csv *csv, const char *reason, const char *reached)
{
    csv->reason = reason;
    csv->column = csv->count;
    unjoin(csv, reached);
    return CSV_BAD;
}

/* ---- cells ---- */

/*
 * Room for the unquoted text of one row. Fields point into the scratch, so it must not move: it is allocated once, with
 * the size of the longest row.
 */
static char *scratch_take(struct csv *csv, size_t length)
{
    if (!csv->scratch) {
        csv->scratch = malloc(CSV_MAX_ROW);
        if (!csv->scratch)
            return NULL;
        csv->scratch_size = CSV_MAX_ROW;
    }
    char *at = csv->scratch + csv->scratch_used;
    csv->scratch_used += length;
    return at;
}

/* Copy a cell's contents with each doubled quote as one. */
static int unquote(struct csv *csv, struct csv_field *field)
{
    const char *p = field->data, *end = p + field->length;
    char *out = scratch_take(csv, field->length), *to = out;

    if (!out)
        return CSV_E_NOMEM;
    while (p < end) {
        const char *quote = memchr(p, '"', (size_t)(end - p));
        size_t n = (size_t)((quote ? quote + 1 : end) - p);
        memcpy(to, p, n);
        to += n;
        p += quote ? n + 1 : n;
    }
    field->data = out;
    field->length = (size_t)(to - out);
    return 0;
}

/* Find the closing quote. @param p after the opening quote. @return NULL: there is none before `limit`. */
static const char *closing_quote(const char *p, const char *limit, bool *doubled)
{
    *doubled = false;
    while ((p = memchr(p, '"', (size_t)(limit - p)))) {
        if (p + 1 >= limit || p[1] != '"')
            return p;
        *doubled = true;
        p += 2;
    }
    return NULL;
}

static const char *skip_blanks(const struct csv *csv, const char *p, const char *limit)
{
    while (p < limit && (*p == ' ' || *p == '\t') && *p != csv->delimiter)
        p++;
    return p;
}

/* Read the cell whose opening quote is at p. */
static enum csv_result quoted(struct csv *csv, const char *p, const char *limit, struct csv_field *field,
                              const char **next)
{
    bool doubled, cut = limit < csv->end; /* the limit is the longest row, not the end of the text */
    const char *close = closing_quote(p + 1, limit, &doubled);

    if (!close || (cut && close + 1 >= limit))
        return bad_row(csv, cut && limit - csv->start == CSV_MAX_ROW ? "row_too_long" : "unterminated_quote", limit);
    *field = (struct csv_field){p + 1, (size_t)(close - p - 1)};
    csv->lines += count_lines(p + 1, close);
    if (doubled && unquote(csv, field) < 0)
        return CSV_E_NOMEM;
    p = skip_blanks(csv, close + 1, limit);
    if (!at_line_end(p, csv->end) && *p != csv->delimiter)
        return bad_row(csv, "text_after_quote", p);
    *next = p;
    return CSV_ROW;
}

/* Read the cell at p. On success *next is at the delimiter or the line's end. */
static inline enum csv_result read_cell(struct csv *csv, const char *p, const char *limit, struct csv_field *field,
                                        const char **next)
{
    const char *begin = p, delimiter = csv->delimiter;

    if (p < limit && *p <= '"' && !csv->plain) {
        const char *quote = skip_blanks(csv, p, limit);
        if (quote < limit && *quote == '"')
            return quoted(csv, quote, limit, field, next);
    }
    while (p < limit && *p != delimiter && *p != '\n' && *p != '\r')
        p++;
    if (p >= limit && limit < csv->end)
        return bad_row(csv, "row_too_long", limit);
    *field = (struct csv_field){begin, (size_t)(p - begin)};
    *next = p;
    return CSV_ROW;
}

static bool is_filled(const struct csv_field *field)
{
    const char *data = field->data;
    size_t length = field->length;

    if (length == 0)
        return false;
    if (*data > ' ') /* the usual case */
        return true;
    utf8_trim(&data, &length);
    return length > 0;
}

/* ---- rows ---- */

/* How far the row may be read: as far as the credit allows, but always to the end of its first line. */
static const char *row_limit(const struct csv *csv)
{
    size_t left = (size_t)(csv->end - csv->start), room = csv->credit < CSV_MAX_ROW ? csv->credit : CSV_MAX_ROW;

    if (room < CSV_MAX_ROW && room < left) {
        const char *limit = csv->start + (left < CSV_MAX_ROW ? left : CSV_MAX_ROW);
        size_t line = (size_t)(find_line_end(csv->start, limit) - csv->start) + 1;
        room = line > room ? line : room;
    }
    return room < left ? csv->start + (room < CSV_MAX_ROW ? room : CSV_MAX_ROW) : csv->end;
}

static enum csv_result read_row(struct csv *csv)
{
    const char *p = csv->start = csv->cursor, *limit = row_limit(csv);

    csv->line = csv->next_line;
    csv->lines = 1;
    csv->count = csv->filled = 0;
    csv->scratch_used = 0;
    for (;; p++) {
        struct csv_field beyond, *field = csv->count < CSV_MAX_FIELDS ? &csv->fields[csv->count] : &beyond;
        enum csv_result rc = read_cell(csv, p, limit, field, &p);
        if (rc != CSV_ROW)
            return rc;
        csv->count++;
        if (is_filled(field))
            csv->filled = csv->count;
        if (at_line_end(p, csv->end))
            break;
    }
    csv->cursor = skip_line_end(p, csv->end);
    csv->next_line = csv->line + csv->lines;
    if (csv->credit < CREDIT_MAX)
        csv->credit += CREDIT_RATE * (size_t)(csv->cursor - csv->start);
    return CSV_ROW;
}

/* Go to the start of the next line, and refill the window. @return false: the text is at its end. */
static bool prepare(struct csv *csv)
{
    for (;;) {
        if (csv->more && (size_t)(csv->end - csv->cursor) <= CSV_MAX_ROW && !csv->more(csv, csv->more_arg) &&
            csv->cursor == csv->end)
            return false;
        if (!csv->skipping)
            return csv->cursor < csv->end;
        skip_line(csv);
    }
}

static bool is_ctrl_z(const struct csv *csv)
{
    const char *p = csv->cursor;

    if (csv->filled != 1 || csv->fields[0].length != 1 || *csv->fields[0].data != CTRL_Z)
        return false;
    while (p < csv->end && (at_line_end(p, csv->end) || *p == CTRL_Z))
        p++;
    return p == csv->end;
}

enum csv_result csv_next(struct csv *csv)
{
    while (prepare(csv)) {
        enum csv_result rc = read_row(csv);
        if (rc != CSV_ROW || (csv->filled > 0 && !is_ctrl_z(csv)))
            return rc;
    }
    return CSV_END;
}
