/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/csv.h
 * A pull parser for CSV as RFC 4180 has it, over contiguous memory. Quoted fields, doubled quotes, line breaks inside
 * quotes, CRLF or LF, a byte order mark. Strict: a quote inside an unquoted field, or text after a closing quote, is
 * an error of that row, not a guess.
 *
 * Nothing is copied except fields with doubled quotes. A bad row is reported with its line and the parser goes on with
 * the next: where the fault was seen, the next line; where a quote is never closed, the line after the one the row began on
 * (so one stray quote costs one row and not the file). Lines that are entirely empty are skipped and are not rows.
 * The whole text is read in O(length), whatever is in it.
 */
#ifndef INGEST_IMPORT_CSV_H
#define INGEST_IMPORT_CSV_H

#include <stdbool.h>
#include <stddef.h>

/** A row of more fields is CSV_BAD. */
#define CSV_MAX_FIELDS 256
/** A row longer than this (bytes) is CSV_BAD; an open quote is not followed further. */
#define CSV_MAX_ROW (1u << 20)

struct csv_field {
    const char *data; /**< not NUL-terminated; points into the input or into the parser's scratch */
    size_t length;
};

enum csv_result {
    CSV_END = 0,
    CSV_ROW = 1,
    CSV_BAD = 2, /**< reason, line and column say what and where; go on with csv_next() */
    CSV_E_NOMEM = -1
};

struct csv {
    /* the row, valid until the next csv_next() */
    struct csv_field fields[CSV_MAX_FIELDS];
    size_t count;
    unsigned long line; /**< physical line (from 1) on which the row begins */
    /* of a CSV_BAD row */
    const char *reason;       /**< snake_case constant */
    size_t column;            /**< field (from 0) in which the fault was seen */
    unsigned long fault_line; /**< physical line of the fault itself */

    /* private */
    const char *cursor, *end;
    unsigned long next_line;
    char *scratch;
    size_t scratch_used, scratch_size;
};

/** @param data stays the caller's and must outlive the parser. A byte order mark is skipped. */
void csv_init(struct csv *csv, const char *data, size_t length);
/** The next row. CSV_BAD reasons: bare_quote, text_after_quote, unterminated_quote, row_too_long, too_many_columns,
 *  invalid_utf8 (also a NUL byte). */
enum csv_result csv_next(struct csv *csv);
/** True if the field's text is in the scratch: gone with the next csv_next(), where other fields last as long as the input. */
bool csv_is_transient(const struct csv *csv, const struct csv_field *field);
void csv_release(struct csv *csv);

#endif
