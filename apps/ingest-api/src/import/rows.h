/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/rows.h
 * Reads the rows of an import, in any format. Each row is returned normalised and checked, or refused with a reason.
 * Not thread safe: one import belongs to one thread.
 */
#ifndef INGEST_IMPORT_ROWS_H
#define INGEST_IMPORT_ROWS_H

#include "base/arena.h"
#include "data/prospects.h"
#include "import/decode.h"
#include "import/fault.h"

#include <jansson.h>

enum import_format { IMPORT_CSV, IMPORT_JSON, IMPORT_NDJSON };

/** The body to read, and how. */
struct import_source {
    enum import_format format;
    const char *charset; /**< of a CSV as declared: a name that charset_is_known(), or "" */
    const char *body;    /**< stays the caller's until import_rows_close() */
    size_t length;
    bool clear; /**< an empty cell, "" or null clears the field; otherwise it counts as absent */
    void (*note)(void *arg, const struct import_error *left_out); /**< NULL, or receives each dropped value */
    void *note_arg;
    struct import_progress progress;
};

struct import_rows;

/**
 * Begin, and read the header row of a CSV.
 * @return 0; or IMPORT_ROWS_E_FAULT or IMPORT_ROWS_E_NOMEM, and *out is NULL.
 */
int import_rows_open(struct import_rows **out, const struct import_source *source, struct import_fault *fault);
/** The character set of the CSV: a name that charset_is_known(). */
const char *import_rows_charset(const struct import_rows *rows);
/** How the body was read: {"encoding", "delimiter", "columns"}; for JSON the last two are null. NULL without memory. */
json_t *import_rows_describe(const struct import_rows *rows);
/**
 * The next row. Its text is in the body or in `arena`, and lives as long as they do. Do not
 * continue after a negative result.
 */
enum import_rows_result import_rows_next(struct import_rows *rows, struct arena *arena, struct prospect_input *row,
                                         struct import_error *error, struct import_fault *fault);
/** How far the body has been read: the next row begins here or later. */
const char *import_rows_position(const struct import_rows *rows);
void import_rows_close(struct import_rows *rows);

#endif
