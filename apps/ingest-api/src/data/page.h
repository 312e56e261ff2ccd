/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/page.h Common parts of the repositories' keyset pages. Private to src/data. */
#ifndef INGEST_DATA_PAGE_H
#define INGEST_DATA_PAGE_H

#include "base/uuid.h"
#include "db/db.h"

#include <string.h>

#define PAGE_START "00000000-0000-0000-0000-000000000000" /* below every UUIDv7 */

/**
 * The text before and after a SELECT whose LIMIT is a parameter. PostgreSQL assumes that an unknown limit is a tenth
 * of all rows, so a plan for every limit looks expensive and it plans each execution again, which takes as long as
 * the page itself. With a known inner limit the generic plan is as good as a plan for this page, and is kept. No page
 * may be longer than PAGE_MOST.
 */
#define PAGE_MOST 501 /* a page's 500 rows, and the one that shows that there are more */
#define PAGE_OF "/*pg SELECT * FROM ( */"
#define PAGE_SELECT PAGE_OF "SELECT "
#define PAGE_LIMIT(parameter) " /*pg LIMIT 501) AS page */ LIMIT " parameter
#define PAGE_LIMIT_LOCKED(parameter) " /*pg LIMIT 501 FOR UPDATE SKIP LOCKED) AS page */ LIMIT " parameter

/** The id after which to begin: PAGE_START for NULL or "". @return NULL if `after` is not a UUID. */
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

/** Copy an id from a column to `out`; "" if it is NULL. */
static inline void page_copy_id(struct db_stmt *stmt, int column, char out[37])
{
    const char *id = db_column_uuid(stmt, column);
    if (id)
        memcpy(out, id, UUID_TEXT);
    else
        out[0] = 0;
}

/** Read the ids in column 0 of a statement. Finishes the statement. @return how many, or an error. */
static inline int page_ids(struct db_stmt *stmt, char (*ids)[37])
{
    int n = 0, rc;
    while ((rc = db_step(stmt)) == DB_ROW)
        page_copy_id(stmt, 0, ids[n++]);
    db_done(stmt);
    return rc < 0 ? rc : n;
}

/** Called for each row: nonzero stops reading. */
typedef int (*page_row_fn)(void *arg, struct db_stmt *stmt);

/**
 * Run a statement whose $1 is the organisation and $2 an id. Finishes it.
 * @return DB_OK, DB_E_NOT_FOUND for no row, or an error.
 */
int page_one(struct db_stmt *stmt, const char *organisation_id, const char *id, page_row_fn fn, void *arg);
/**
 * Run a statement whose $1 is the organisation, $2 the id after which to begin, and $3 a limit; the others are
 * already bound. Finishes it.
 * @param max rows wanted; @param more whether there are more than that, or more than `fn` accepted. May be NULL.
 * @return the number of rows, or an error.
 */
int page_rows(struct db_stmt *stmt, const char *organisation_id, const char *from, unsigned max, page_row_fn fn,
              void *arg, bool *more);

#endif
