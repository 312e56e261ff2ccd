/* SPDX-License-Identifier: Apache-2.0 */
#include "data/suppressions.h"

#include "base/ascii.h"
#include "base/clock.h"
#include "data/page.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>

bool suppression_hash(const char *organisation_id, const char *address, unsigned char hash[SUPPRESSION_HASH])
{
    unsigned char uuid[16];
    char id[UUID_TEXT], text[512];

    if (!uuid_parse(organisation_id, uuid))
        return false;
    uuid_format(uuid, id);
    int n = snprintf(text, sizeof(text), "suppression 1|%s|%s", id, address);
    if (n < 0 || (size_t)n >= sizeof(text))
        return false;
    for (char *p = text; *p; p++)
        *p = ascii_lower(*p);
    return gnutls_hash_fast(GNUTLS_DIG_SHA256, text, (size_t)n, hash) == 0;
}

int suppressions_add_hash(struct db *db, const char *organisation_id, const unsigned char hash[SUPPRESSION_HASH],
                          const char *address, enum suppression_reason reason, bool *fresh)
{
    char id[UUID_TEXT];
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    uuid_new_text(id);
    struct db_stmt *stmt =
        db_prepare(db, "INSERT INTO outreach.suppressions (organisation_id, id, hash, address, reason, created_at)"
                       " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organisation_id, hash) DO NOTHING");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_uuid(stmt, 2, id);
    db_bind_blob(stmt, 3, hash, SUPPRESSION_HASH);
    db_bind_str(stmt, 4, address);
    db_bind_str(stmt, 5, PROMC_VALUE(suppression_reason, reason));
    db_bind_int(stmt, 6, clock_wall_ms());
    rc = db_step(stmt);
    db_done(stmt);
    if (rc == DB_OK && fresh)
        *fresh = db_changes(db) > 0;
    return rc;
}

int suppressions_add(struct db *db, const char *organisation_id, const char *address, enum suppression_reason reason,
                     bool *fresh)
{
    unsigned char hash[SUPPRESSION_HASH];
    if (!suppression_hash(organisation_id, address, hash))
        return DB_E_INVALID;
    return suppressions_add_hash(db, organisation_id, hash, address, reason, fresh);
}

static int deliver_one(struct suppression *row, struct db_stmt *stmt, char id[37])
{
    page_copy_id(stmt, 0, id);
    *row = (struct suppression){
        .id = id,
        .address = db_column_text(stmt, 1),
        .reason = db_column_text(stmt, 2),
        .created_ms = db_column_int(stmt, 3),
    };
    return 0;
}

static struct db_stmt *by_hash(struct db *db, const char *sql, const char *organisation_id,
                               const unsigned char hash[SUPPRESSION_HASH])
{
    struct db_stmt *stmt = db_prepare(db, sql);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_blob(stmt, 2, hash, SUPPRESSION_HASH);
    return stmt;
}

int suppressions_find(struct db *db, const char *organisation_id, const char *address, suppression_fn fn, void *arg)
{
    unsigned char hash[SUPPRESSION_HASH];
    char id[UUID_TEXT];
    struct suppression row;
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    if (!suppression_hash(organisation_id, address, hash))
        return DB_E_NOT_FOUND; /* too long to be a stored address */
    struct db_stmt *stmt = by_hash(db,
                                   "SELECT id, address, reason, created_at FROM outreach.suppressions"
                                   " WHERE organisation_id = $1 AND hash = $2",
                                   organisation_id, hash);
    rc = db_step(stmt);
    if (rc == DB_ROW) {
        (void)deliver_one(&row, stmt, id);
        if (fn)
            (void)fn(arg, &row);
    }
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int suppressions_has(struct db *db, const char *organisation_id, const char *address)
{
    int rc = suppressions_find(db, organisation_id, address, NULL, NULL);
    return rc == DB_E_NOT_FOUND ? 0 : rc == DB_OK ? 1 : rc;
}

struct reader {
    suppression_fn fn;
    void *arg;
};

static int deliver(void *arg, struct db_stmt *stmt)
{
    const struct reader *reader = arg;
    struct suppression row;
    char id[UUID_TEXT];
    (void)deliver_one(&row, stmt, id);
    return reader->fn(reader->arg, &row);
}

int suppressions_page(struct db *db, const char *organisation_id, const char *after, unsigned limit, suppression_fn fn,
                      void *arg, bool *more)
{
    const char *from = page_after(after);
    int rc = from ? db_scope(db, organisation_id) : DB_E_INVALID;
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, PAGE_SELECT "id, address, reason, created_at FROM outreach.suppressions"
                                   " WHERE organisation_id = $1 AND id > $2 ORDER BY id" PAGE_LIMIT("$3"));
    return page_rows(stmt, organisation_id, from, page_limit(limit, SUPPRESSIONS_PAGE_MAX), deliver,
                     &(struct reader){fn, arg}, more);
}

int suppressions_remove(struct db *db, const char *organisation_id, const char *id)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db, "DELETE FROM outreach.suppressions WHERE organisation_id = $1 AND id = $2", "uu",
                     organisation_id, id);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_NOT_FOUND : rc;
}

int suppressions_forget(struct db *db, const char *organisation_id, const char *address)
{
    unsigned char hash[SUPPRESSION_HASH];
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK || !suppression_hash(organisation_id, address, hash))
        return rc;
    struct db_stmt *stmt =
        by_hash(db, "UPDATE outreach.suppressions SET address = NULL WHERE organisation_id = $1 AND hash = $2",
                organisation_id, hash);
    rc = db_step(stmt);
    db_done(stmt);
    return rc;
}
