/* SPDX-License-Identifier: Apache-2.0 */
#include "data/organisations.h"

#include "base/clock.h"
#include "data/keys.h"
#include "data/page.h"

#include <stdio.h>
#include <string.h>

int organisations_create(struct db *db, const char *name, const unsigned char key_hash[32], char id_out[37])
{
    int64_t now = clock_wall_ms();
    size_t length = strlen(name);
    if (length == 0 || length > ORGANISATION_NAME_MAX)
        return DB_E_INVALID;
    uuid_new_text(id_out);
    int rc = db_scope(db, id_out);
    if (rc == DB_OK)
        rc = db_exec(db, "INSERT INTO iam.organisations (id, name, created_at) VALUES ($1, $2, $3)", "usi", id_out,
                     name, now);
    return rc == DB_OK ? keys_add(db, id_out, key_hash, now) : rc;
}

int organisations_find_by_key(struct db *db, const unsigned char key_hash[32], char organisation_id[37])
{
    /* without an organisation PostgreSQL's role cannot read keys: a function does. The text after -- is SQLite's */
    struct db_stmt *stmt =
        db_prepare(db, "SELECT organisation_id FROM /*pg iam.organisation_of_key($1) -- */ iam.api_keys"
                       " WHERE key_hash = $1 AND revoked_at IS NULL");
    db_bind_blob(stmt, 1, key_hash, 32);
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        page_copy_id(stmt, 0, organisation_id);
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int organisations_page(struct db *db, const char *after, bool names, organisations_row row, void *arg)
{
    int n = 0, rc = names ? db_scope_all(db) : DB_OK;
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, names ? "SELECT id, name FROM iam.organisations WHERE id > $1 ORDER BY id LIMIT 1000"
                             : "SELECT id, '' FROM /*pg iam.organisation_ids($1) -- */ iam.organisations WHERE id > $1"
                               " ORDER BY id LIMIT 1000");
    db_bind_uuid(stmt, 1, page_after(after));
    for (; (rc = db_step(stmt)) == DB_ROW; n++) {
        const char *name = db_column_text(stmt, 1);
        row(arg, db_column_uuid(stmt, 0), name ? name : "");
    }
    db_done(stmt);
    return rc < 0 ? rc : n;
}

int organisations_set_sender(struct db *db, const char *organisation_id, const char *sender)
{
    int rc = db_scope(db, organisation_id);
    if (rc == DB_OK)
        rc = db_exec(db, "UPDATE iam.organisations SET mail_from = $2 WHERE id = $1", "us", organisation_id, sender);
    return rc == DB_OK && db_changes(db) == 0 ? DB_E_NOT_FOUND : rc;
}

int organisations_sender(struct db *db, const char *organisation_id, char *out)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT mail_from FROM iam.organisations WHERE id = $1");
    db_bind_uuid(stmt, 1, organisation_id);
    rc = db_step(stmt);
    const char *text = rc == DB_ROW ? db_column_text(stmt, 0) : NULL;
    (void)snprintf(out, ORGANISATION_SENDER_SIZE, "%s", text ? text : "");
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}
