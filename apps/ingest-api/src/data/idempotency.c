/* SPDX-License-Identifier: Apache-2.0 */
#include "data/idempotency.h"

#include "base/clock.h"
#include "data/page.h"
#include "data/usage.h"
#include "db/driver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_text(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}

static int read_row(struct db_stmt *stmt, struct idempotency_row *out)
{
    copy_text(out->fingerprint, sizeof(out->fingerprint), db_column_text(stmt, 0));
    out->status = (int)db_column_int(stmt, 1);
    out->at_ms = db_column_int(stmt, 4);
    copy_text(out->location, sizeof(out->location), db_column_text(stmt, 3));
    copy_text(out->owner, sizeof(out->owner), db_column_text(stmt, 5));
    page_copy_id(stmt, 6, out->claim);
    out->taking_back = db_column_int(stmt, 7) > 0;
    const char *answer = db_column_text(stmt, 2);
    out->answer = answer ? strdup(answer) : NULL;
    return answer && !out->answer ? DB_E_OTHER : DB_OK;
}

int idempotency_find(struct db *db, const char *organisation_id, const char *key, int64_t not_before_ms,
                     struct idempotency_row *out)
{
    memset(out, 0, sizeof(*out));
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(
        db, "SELECT fingerprint, status, answer, location, at, owner, claim, (SELECT count(*) FROM crm.imports i"
            " WHERE i.organisation_id = $1 AND i.id = k.import_id)"
            " FROM tracking.idempotency k WHERE organisation_id = $1 AND key = $2 AND at >= $3");
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_str(stmt, 2, key);
    db_bind_int(stmt, 3, not_before_ms);
    rc = db_step(stmt);
    if (rc == DB_ROW)
        rc = read_row(stmt, out);
    else if (rc == DB_OK)
        rc = DB_E_NOT_FOUND;
    db_done(stmt);
    return rc;
}

int idempotency_lock(struct db *db, const char *organisation_id, const char *key)
{
    char text[UUID_TEXT + IDEMPOTENCY_KEY_MAX + 1];
    if (!db->driver->many_writers)
        return DB_OK;
    (void)snprintf(text, sizeof(text), "%s %s", organisation_id, key);
    struct db_stmt *stmt = db_prepare(db, "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 1))");
    db_bind_str(stmt, 1, text);
    int rc = db_step(stmt);
    bool locked = rc == DB_ROW && db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : locked ? DB_OK : DB_E_BUSY;
}

int idempotency_remove(struct db *db, const char *organisation_id, const char *key)
{
    return db_exec(db, "DELETE FROM tracking.idempotency WHERE organisation_id = $1 AND key = $2", "us",
                   organisation_id, key);
}

static int insert(struct db *db, const char *organisation_id, const char *key, const char *fingerprint,
                  const char *claim)
{
    char owner[OWNER_SIZE];
    owner_self(owner);
    int rc = db_exec(db,
                     "INSERT INTO tracking.idempotency (organisation_id, key, fingerprint, claim, owner, status, at)"
                     " VALUES ($1, $2, $3, $4, $5, 0, $6)",
                     "ussusi", organisation_id, key, fingerprint, claim, owner, clock_wall_ms());
    return rc == DB_OK ? usage_add(db, organisation_id, USAGE_IDEMPOTENCY_KEYS, 1) : rc;
}

int idempotency_claim(struct db *db, const char *organisation_id, const char *key, const char *fingerprint,
                      const char *claim)
{
    return insert(db, organisation_id, key, fingerprint, claim);
}

int idempotency_set_import(struct db *db, const char *organisation_id, const char *key, const char *import_id)
{
    return db_exec(db, "UPDATE tracking.idempotency SET import_id = $3 WHERE organisation_id = $1 AND key = $2", "usu",
                   organisation_id, key, import_id);
}

int idempotency_finish(struct db *db, const char *organisation_id, const char *key, bool claimed,
                       const char *fingerprint, int status, const char *answer, size_t length, const char *location)
{
    static const char fresh[] = "INSERT INTO tracking.idempotency (organisation_id, key, fingerprint, status, answer,"
                                " location, at) VALUES ($1, $2, $3, $4, $5, $6, $7)";
    static const char end[] = "UPDATE tracking.idempotency SET fingerprint = $3, status = $4, answer = $5,"
                              " location = $6, at = $7, owner = NULL, claim = NULL, import_id = NULL"
                              " WHERE organisation_id = $1 AND key = $2";
    struct db_stmt *stmt = db_prepare(db, claimed ? end : fresh);
    db_bind_uuid(stmt, 1, organisation_id);
    db_bind_str(stmt, 2, key);
    db_bind_str(stmt, 3, fingerprint);
    db_bind_int(stmt, 4, status);
    db_bind_text(stmt, 5, answer ? answer : "", length);
    db_bind_str(stmt, 6, location);
    db_bind_int(stmt, 7, clock_wall_ms());
    int rc = db_step(stmt);
    db_done(stmt);
    if (rc == DB_OK && claimed)
        return db_changes(db) == 0 ? DB_E_CONFLICT : DB_OK; /* another process has removed our claim */
    return rc == DB_OK ? usage_add(db, organisation_id, USAGE_IDEMPOTENCY_KEYS, 1) : rc;
}

int idempotency_empty(struct db *db, const char *organisation_id, const char *id, const char *address)
{
    return db_exec(db,
                   "UPDATE tracking.idempotency SET answer = '{}' WHERE organisation_id = $1 AND answer IS NOT NULL"
                   " AND (replace(answer, $2, '') <> answer OR replace(answer, $3, '') <> answer)",
                   "uss", organisation_id, id, address);
}

int idempotency_forget(struct db *db, int64_t before_ms, int max)
{
    int rc = db_scope_all(db);
    if (rc == DB_OK)
        rc = db_exec(db,
                     "DELETE FROM tracking.idempotency WHERE (organisation_id, key) IN (SELECT organisation_id, key"
                     " FROM tracking.idempotency WHERE at < $1 LIMIT $2) AND at < $1",
                     "ii", before_ms, (int64_t)max);
    return rc < 0 ? rc : (int)db_changes(db);
}
