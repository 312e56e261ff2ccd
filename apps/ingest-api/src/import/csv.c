/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why this is linear: in the strict grammar a quote opens a field only at the field's start, so a scan that ran from an
 * open quote to its limit has seen an even number of quote runs on each whole line it passed. Re-read from outside
 * quotes, each of those lines therefore closes what it opens; no second scan over the same bytes can run away.
 */
#include "import/csv.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

void csv_init(struct csv *csv, const char *data, size_t length)
{
    csv->count = 0;
    csv->line = csv->fault_line = 0;
    csv->reason = NULL;
    csv->column = 0;
    csv->cursor = data;
    csv->end = data + length;
    csv->next_line = 1;
    csv->scratch = NULL;
    csv->scratch_used = csv->scratch_size = 0;
    if (length >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0)
        csv->cursor += 3;
}

void csv_release(struct csv *csv)
{
    free(csv->scratch);
    csv->scratch = NULL;
}

bool csv_is_transient(const struct csv *csv, const struct csv_field *field)
{
    return csv->scratch && field->data >= csv->scratch && field->data < csv->scratch + csv->scratch_size;
}

static unsigned long count_lines(const char *from, const char *to)
{
    unsigned long n = 0;

    while ((from = memchr(from, '\n', (size_t)(to - from))) != NULL) {
        n++;
        from++;
    }
    return n;
}

/* The row that began at `start` is refused; `fault` is where; reading goes on after the end of the line `resume` is on. */
static enum csv_result bad_row(struct csv *csv, const char *reason, const char *start, const char *fault,
                               const char *resume)
{
    const char *newline = memchr(resume, '\n', (size_t)(csv->end - resume));

    csv->reason = reason;
    csv->column = csv->count;
    csv->fault_line = csv->line + count_lines(start, fault);
    csv->cursor = newline ? newline + 1 : csv->end;
    csv->next_line = csv->line + count_lines(start, csv->cursor);
    return CSV_BAD;
}

/*
 * Room for the unquoted text of one row. A row's scratch never moves while fields point into it: it is made once
 * as large as a row may be.
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

/* Copy a field's inside with each doubled quote made one. */
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

/* From behind an opening quote to its closing one, NULL if there is none before `limit`. */
static const char *closing_quote(const char *p, const char *limit, bool *doubled)
{
    *doubled = false;
    while ((p = memchr(p, '"', (size_t)(limit - p))) != NULL) {
        if (p + 1 >= limit || p[1] != '"')
            return p;
        *doubled = true;
        p += 2;
    }
    return NULL;
}

/* 1: ends an unquoted field or is illegal in it. */
static const unsigned char special[256] = {[','] = 1, ['"'] = 1, ['\n'] = 1};

static bool at_line_end(const char *p, const char *end)
{
    return p == end || *p == '\n' || (*p == '\r' && (p + 1 == end || p[1] == '\n'));
}

static const char *skip_line_end(const char *p, const char *end)
{
    if (p < end && *p == '\r')
        p++;
    return p < end ? p + 1 : p;
}

/* Check the finished row's text at once; name the field only when there is a fault. */
static enum csv_result check_text(struct csv *csv, const char *start, const char *end)
{
    size_t bad = utf8_check(start, (size_t)(end - start));

    if (bad == UTF8_VALID)
        return CSV_ROW;
    csv->reason = "invalid_utf8";
    csv->fault_line = csv->line + count_lines(start, start + bad);
    size_t column = 0;
    while (column + 1 < csv->count && utf8_check(csv->fields[column].data, csv->fields[column].length) == UTF8_VALID)
        column++;
    csv->column = column;
    return CSV_BAD;
}

/* One field at p. On success *next is on the separator or the line's end. */
static enum csv_result read_field(struct csv *csv, const char *start, const char *p, const char *limit,
                                  const char **next)
{
    struct csv_field *field = &csv->fields[csv->count];
    bool cut = limit < csv->end; /* the limit is the longest row, not the end of the text */

    if (p < limit && *p == '"') {
        bool doubled;
        const char *close = closing_quote(p + 1, limit, &doubled);
        if (!close || (cut && close + 1 >= limit))
            return bad_row(csv, cut ? "row_too_long" : "unterminated_quote", start, p, start);
        *field = (struct csv_field){p + 1, (size_t)(close - p - 1)};
        if (doubled && unquote(csv, field) < 0)
            return CSV_E_NOMEM;
        p = close + 1;
        if (!at_line_end(p, csv->end) && *p != ',')
            return bad_row(csv, "text_after_quote", start, p, p);
    } else {
        const char *begin = p;
        while (p < limit && !special[(unsigned char)*p])
            p++;
        if (p == limit && cut)
            return bad_row(csv, "row_too_long", start, p, p);
        if (p < limit && *p == '"')
            return bad_row(csv, "bare_quote", start, p, p);
        if (p > begin && p[-1] == '\r' && (p == csv->end || *p == '\n'))
            p--;
        *field = (struct csv_field){begin, (size_t)(p - begin)};
    }
    *next = p;
    return CSV_ROW;
}

enum csv_result csv_next(struct csv *csv)
{
    while (csv->cursor < csv->end && at_line_end(csv->cursor, csv->end)) {
        csv->cursor = skip_line_end(csv->cursor, csv->end);
        csv->next_line++;
    }
    if (csv->cursor == csv->end)
        return CSV_END;

    const char *start = csv->cursor, *p = start;
    const char *limit = (size_t)(csv->end - start) > CSV_MAX_ROW ? start + CSV_MAX_ROW : csv->end;
    csv->line = csv->next_line;
    csv->count = 0;
    csv->scratch_used = 0;
    for (;;) {
        if (csv->count == CSV_MAX_FIELDS)
            return bad_row(csv, "too_many_columns", start, p, p);
        enum csv_result rc = read_field(csv, start, p, limit, &p);
        if (rc != CSV_ROW)
            return rc;
        csv->count++;
        if (at_line_end(p, csv->end))
            break;
        p++; /* the comma */
    }
    csv->cursor = skip_line_end(p, csv->end);
    csv->next_line = csv->line + count_lines(start, p) + (p < csv->end);
    return check_text(csv, start, p);
}
