/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/table.h Reads a CSV: character set, delimiter, header, then each row as a prospect. Not thread safe. */
#ifndef INGEST_IMPORT_TABLE_H
#define INGEST_IMPORT_TABLE_H

#include "base/arena.h"
#include "data/prospects.h"
#include "import/decode.h"
#include "import/fault.h"
#include "import/header.h"

/** All zero: a closed table. */
struct table {
    struct csv csv;
    struct decoder decoder;
    struct header header;
    bool clear; /**< an empty cell clears the field; otherwise it counts as absent. Set by the caller */
    struct import_notes noted;
};

/**
 * Reads the header.
 * @param charset the declared one (decode.h), or "".
 * @return 0, IMPORT_ROWS_E_FAULT or IMPORT_ROWS_E_NOMEM.
 */
int table_open(struct table *table, const char *charset, const char *body, size_t length,
               const struct import_progress *progress, struct import_fault *fault);
/** The next row, mapped to the fields and not checked yet, or refused. */
enum import_rows_result table_next(struct table *table, struct arena *arena, struct prospect_input *row,
                                   struct import_error *error);
/** The caller refuses the row from table_next() because of its contents: it may have been joined by a stray quote. */
void table_refused(struct table *table);
/** The column (from 1) of a field; 0: there is none. */
unsigned long table_column(const struct table *table, const char *field);
const char *table_position(const struct table *table);
void table_close(struct table *table);

#endif
