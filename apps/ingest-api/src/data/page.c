/* SPDX-License-Identifier: Apache-2.0 */
#include "data/page.h"

int page_one(struct db_stmt *stmt, const char *organisation_id, const char *id, page_row_fn fn, void *arg)
{
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        (void)fn(arg, stmt);
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int page_rows(struct db_stmt *stmt, const char *organisation_id, const char *from, unsigned max, page_row_fn fn,
              void *arg, bool *more)
{
    unsigned n = 0;
    bool stop = false;
    int rc;
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, from);
    db_bind_int(stmt, 3, (int64_t)max + 1); /* one row more shows whether there are more */
    while ((rc = db_step(stmt)) == DB_ROW && n < max && !stop) {
        stop = fn(arg, stmt) != 0;
        n++;
    }
    db_done(stmt);
    if (more)
        *more = rc == DB_ROW;
    return rc < 0 ? rc : (int)n;
}
