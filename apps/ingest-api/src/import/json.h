/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/json.h
 * Rows out of a JSON array or of newline-delimited JSON, one element at a time: a small scanner finds where an element
 * ends, jansson parses that element alone. So a body of 64 MiB never becomes one tree, and a bad element does not
 * spoil the others. A fault of the array itself (no comma, no closing bracket, text behind it) ends the reading.
 */
#ifndef INGEST_IMPORT_JSON_H
#define INGEST_IMPORT_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** A longer element (bytes) is JSON_ROWS_BAD. */
#define JSON_ROWS_MAX_ELEMENT (1u << 20)

enum json_rows_result {
    JSON_ROWS_END = 0,
    JSON_ROWS_ROW = 1,
    JSON_ROWS_BAD = 2, /**< this element is refused; go on */
    JSON_ROWS_E_SYNTAX =
        -1 /**< the whole is not a JSON array: line, column and reason say where and why; no going on */
};

enum json_rows_format { JSON_ROWS_ARRAY, JSON_ROWS_LINES };

struct json_rows {
    unsigned long line;   /**< line (from 1) on which the element begins; of the fault with BAD and E_SYNTAX */
    unsigned long column; /**< byte in that line (from 1) of the fault */
    const char *reason;   /**< BAD: invalid_json, not_an_object, row_too_long; E_SYNTAX: a short sentence */

    /* private */
    enum json_rows_format format;
    bool begun, ended;
    const char *cursor, *end, *line_start;
    unsigned long cursor_line;
};

/** @param data stays the caller's. A byte order mark is skipped. */
void json_rows_init(struct json_rows *rows, enum json_rows_format format, const char *data, size_t length);
/** The next element. *element is a new reference (always an object) with JSON_ROWS_ROW, else NULL. */
enum json_rows_result json_rows_next(struct json_rows *rows, json_t **element);

#endif
