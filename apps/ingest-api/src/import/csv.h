/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/csv.h
 * A pull parser for CSV over contiguous memory, or over a window that is refilled. RFC 4180, and the
 * extensions of spreadsheets: any delimiter, lines that end in CRLF, LF or CR, blanks around quotes. A quote
 * inside an unquoted cell is text.
 *
 * Only cells with doubled quotes are copied. After an unreadable row the parser continues with the line after the
 * row's first line, so a quote that is never closed costs one row and not the file. Rows whose cells are all blank
 * are skipped, and so is a final Ctrl-Z. The caller checks whether the text is valid UTF-8. The whole text is read
 * in O(length), for any input.
 */
#ifndef INGEST_IMPORT_CSV_H
#define INGEST_IMPORT_CSV_H

#include <stdbool.h>
#include <stddef.h>

/** Most cells of a row that are kept; all are counted. */
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
    CSV_BAD = 2, /**< reason, line and column say what and where; continue with csv_next() */
    CSV_E_NOMEM = -1
};

struct csv {
    /* the row, valid until the next csv_next() */
    struct csv_field fields[CSV_MAX_FIELDS];
    size_t count;        /**< cells, including those beyond CSV_MAX_FIELDS */
    size_t filled;       /**< cells up to the last one that is not blank */
    unsigned long line;  /**< physical line (from 1) on which the row begins */
    unsigned long lines; /**< number of lines */
    /* of a CSV_BAD row */
    const char *reason; /**< snake_case constant */
    size_t column;      /**< cell (from 0) with the error */

    char delimiter; /**< ',' by default; may be changed between two rows */
    bool plain;     /**< quotes are plain text; may be changed between two rows */
    /**
     * Refills the window; NULL: the text is complete. Called before a row if at most CSV_MAX_ROW bytes are
     * left. Moves the rest, from `cursor` on, to the front of the window, adds text, and sets cursor and
     * end. It must not split CR LF.
     * @return false: there is no more text.
     */
    bool (*more)(struct csv *csv, void *arg);
    void *more_arg;
    const char *cursor, *end; /**< the text that has not been read */

    /* private */
    const char *start; /* of the row */
    size_t credit;     /* how far a row may be followed beyond its first line: see csv.c */
    unsigned long next_line;
    bool skipping; /* inside a line that is skipped and is longer than the window */
    char *scratch;
    size_t scratch_used, scratch_size;
};

/** @param data stays the caller's and must outlive the parser. */
void csv_init(struct csv *csv, const char *data, size_t length);
/** The next row. CSV_BAD reasons: text_after_quote, unterminated_quote, row_too_long. */
enum csv_result csv_next(struct csv *csv);
/** A position between two rows. Valid until the window moves. */
struct csv_mark {
    const char *cursor;
    unsigned long next_line;
    size_t credit;
};
/** The position after the current row. */
struct csv_mark csv_mark(const struct csv *csv);
void csv_go(struct csv *csv, struct csv_mark mark);
/** Read the row again as if it ended with its first line: the text after that line is the next row. */
void csv_unjoin(struct csv *csv);
/** Is the cell in the scratch, which the next csv_next() overwrites? Other cells live as long as the input. */
bool csv_is_transient(const struct csv *csv, const struct csv_field *field);
void csv_release(struct csv *csv);

#endif
