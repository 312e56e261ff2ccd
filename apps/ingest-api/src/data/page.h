/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/page.h What the repositories' keyset pages have in common. Private to src/store. */
#ifndef INGEST_DATA_PAGE_H
#define INGEST_DATA_PAGE_H

#include "base/uuid.h"
#include "db/db.h"

#include <string.h>

#define PAGE_START "00000000-0000-0000-0000-000000000000" /* below every UUIDv7 */

/** The key to begin after: PAGE_START for NULL or "". NULL when it is no UUID. */
static inline const char *page_after(const char *after)
{
    unsigned char uuid[16];
    if (!after || !*after)
        return PAGE_START;
    return uuid_parse(after, uuid) ? after : NULL;
}

static inline unsigned page_limit(unsigned limit, unsigned max)
{
    return limit == 0 ? 1 : limit > max ? max : limit;
}

/** Column `column`, an id, into `out`; "" should it be NULL. */
static inline void page_copy_id(struct db_stmt *stmt, int column, char out[37])
{
    const char *id = db_column_uuid(stmt, column);
    if (id)
        memcpy(out, id, UUID_TEXT);
    else
        out[0] = 0;
}

/** Run a statement whose column 0 is an id, into ids. Finishes the statement. @return how many, or an error. */
static inline int page_ids(struct db_stmt *stmt, char (*ids)[37])
{
    int n = 0, rc;
    while ((rc = db_step(stmt)) == DB_ROW)
        page_copy_id(stmt, 0, ids[n++]);
    db_done(stmt);
    return rc < 0 ? rc : n;
}

/** What becomes of a row: nonzero ends the reading. */
typedef int (*page_row_fn)(void *arg, struct db_stmt *stmt);

/** Run a statement whose $1 is the organisation and $2 an id. Finishes it. @return DB_OK, DB_E_NOT_FOUND for no row, or an error. */
int page_one(struct db_stmt *stmt, const char *organisation_id, const char *id, page_row_fn fn, void *arg);
/**
 * Run a statement whose $1 is the organisation, $2 the id to begin after and $3 a limit; the others are bound already. Finishes it.
 * @param max rows wanted; @param more whether there are more than that, or than `fn` took. May be NULL.
 * @return how many rows there were, or an error.
 */
int page_rows(struct db_stmt *stmt, const char *organisation_id, const char *from, unsigned max, page_row_fn fn,
              void *arg, bool *more);

#endif
