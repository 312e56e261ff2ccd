/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file api/prospect_rows.h
 * Prospects as JSON, written while the store delivers them: a page of a hundred is the most frequent read, and a tree
 * of objects for it would cost more than the rest of the request.
 */
#ifndef INGEST_API_PROSPECT_ROWS_H
#define INGEST_API_PROSPECT_ROWS_H

#include "base/text.h"
#include "data/prospects.h"

/** A growing body. All zero: empty. */
struct prospect_rows {
    struct text text; /**< its data is malloc()ed */
    size_t count;
    char last_id[37];
};

/** Start the body with `opening`. @param expected number of rows. @return false without memory. */
bool prospect_rows_begin(struct prospect_rows *rows, const char *opening, size_t expected);
/** Append a row, after a comma unless it is the first. @return false without memory; then the body is useless. */
bool prospect_rows_add(struct prospect_rows *rows, const struct prospect *row);
/** Append `closing` and hand the body over. @return the body, which the caller frees; NULL without memory. */
char *prospect_rows_end(struct prospect_rows *rows, const char *closing, size_t *length);
/** Free the body, unless it was handed over. */
void prospect_rows_free(struct prospect_rows *rows);

#endif
