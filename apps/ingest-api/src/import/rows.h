/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/rows.h
 * The rows of an import, whatever its format: each comes out normalised and checked, or with the reason why not.
 * Not thread safe; one import is one thread's.
 */
#ifndef INGEST_IMPORT_ROWS_H
#define INGEST_IMPORT_ROWS_H

#include "base/arena.h"
#include "base/field_name.h"
#include "data/prospects.h"

enum import_format { IMPORT_CSV, IMPORT_JSON, IMPORT_NDJSON };

/** A fault of the whole: answered as 400. */
struct import_fault {
    const char *code; /**< snake_case constant */
    char message[320];
};

/** A row that is refused. */
struct import_error {
    unsigned long line;             /**< on which the row begins, from 1 */
    char field[FIELD_NAME_MAX + 1]; /**< "" when it is none in particular */
    const char *reason;             /**< snake_case constant */
};

enum import_rows_result {
    IMPORT_ROWS_END = 0,
    IMPORT_ROWS_ROW = 1,
    IMPORT_ROWS_REJECTED = 2,
    IMPORT_ROWS_E_FAULT = -1,
    IMPORT_ROWS_E_NOMEM = -2
};

struct import_rows;

/**
 * Begin. Reads the header row of a CSV.
 * @param body stays the caller's until import_rows_close().
 * @return 0, IMPORT_ROWS_E_FAULT or IMPORT_ROWS_E_NOMEM; *out is NULL then.
 */
int import_rows_open(struct import_rows **out, enum import_format format, const char *body, size_t length,
                     struct import_fault *fault);
/**
 * The next row. Its text is in the body or in `arena`; it lives as long as both.
 * After a negative result there is no going on.
 */
enum import_rows_result import_rows_next(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault);
/** How far the body has been read: the next row begins here or later. */
const char *import_rows_position(const struct import_rows *rows);
void import_rows_close(struct import_rows *rows);

#endif
