/* SPDX-License-Identifier: Apache-2.0 */
#include "data/organisations.h"

#include "base/clock.h"
#include "data/keys.h"
#include "data/page.h"

#include <string.h>

int organisations_create(struct db *db, const char *name, const unsigned char key_hash[32], char id_out[37])
{
    unsigned char uuid[16];
    int64_t now = clock_wall_ms();
    size_t length = strlen(name);
    if (length == 0 || length > ORGANISATION_NAME_MAX)
        return DB_E_INVALID;
    uuid_new(uuid);
    uuid_format(uuid, id_out);
    int rc = db_scope(db, id_out);
    if (rc == DB_OK)
        rc = db_exec(db, "INSERT INTO iam.organisations (id, name, created_at) VALUES ($1, $2, $3)", "usi", id_out,
                     name, now);
    return rc == DB_OK ? keys_add(db, id_out, key_hash, now) : rc;
}

int organisations_find_by_key(struct db *db, const unsigned char key_hash[32], char organisation_id[37])
{
    struct db_stmt *stmt =
        db_prepare(db, "SELECT organisation_id FROM iam.api_keys WHERE key_hash = $1 AND revoked_at IS NULL");
    db_bind_blob(stmt, 1, key_hash, 32);
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        page_copy_id(stmt, 0, organisation_id);
    db_done(stmt);
    if (rc == DB_ROW)
        return DB_OK;
    return rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int organisations_page(struct db *db, const char *after, void (*fn)(void *arg, const char *organisation_id), void *arg)
{
    int n = 0, rc = db_scope_all(db);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT id FROM iam.organisations WHERE id > $1 ORDER BY id LIMIT 1000");
    db_bind_uuid(stmt, 1, page_after(after));
    for (; (rc = db_step(stmt)) == DB_ROW; n++)
        fn(arg, db_column_uuid(stmt, 0));
    db_done(stmt);
    return rc < 0 ? rc : n;
}
