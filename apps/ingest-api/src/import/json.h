/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/json.h
 * Splits a JSON array into its elements, or newline-delimited JSON into its lines, one at a time. A small scanner
 * finds the end of each element, and json_text.h reads its contents. So a body of 64 MiB never becomes one tree,
 * and a bad element does not affect the others. An error of the array itself (no comma, no closing bracket, text
 * after it) ends the reading.
 */
#ifndef INGEST_IMPORT_JSON_H
#define INGEST_IMPORT_JSON_H

#include <stdbool.h>
#include <stddef.h>

/** A longer element (bytes) is JSON_ROWS_BAD. */
#define JSON_ROWS_MAX_ELEMENT (1u << 20)

enum json_rows_result {
    JSON_ROWS_END = 0,
    JSON_ROWS_ROW = 1,
    JSON_ROWS_BAD = 2, /**< this element is too long; continue */
    JSON_ROWS_E_SYNTAX =
        -1 /**< the whole is not a JSON array: line, column and reason say where and why; do not continue */
};

enum json_rows_format { JSON_ROWS_ARRAY, JSON_ROWS_LINES };

struct json_rows {
    unsigned long line;   /**< line (from 1) on which the element begins; with E_SYNTAX, that of the error */
    unsigned long column; /**< byte in that line (from 1) */
    unsigned long index;  /**< of the element, from 0 */
    const char *reason;   /**< BAD: row_too_long; E_SYNTAX: a short sentence */

    /* private */
    enum json_rows_format format;
    bool begun, ended;
    const char *cursor, *end, *line_start;
    unsigned long cursor_line, next_index;
};

/** @param data stays the caller's. Byte order marks are skipped. */
void json_rows_init(struct json_rows *rows, enum json_rows_format format, const char *data, size_t length);
/** The next element: its text, from its first to its last byte. It need not be valid JSON. */
enum json_rows_result json_rows_next(struct json_rows *rows, const char **text, size_t *length);

#endif
