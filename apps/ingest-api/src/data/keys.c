/* SPDX-License-Identifier: Apache-2.0 */
#include "data/keys.h"

#include "base/hex.h"

#include <stdio.h>
#include <string.h>

void keys_id(const unsigned char key_hash[KEY_HASH], char id_out[KEY_ID + 1])
{
    hex_format(key_hash, KEY_ID / 2, id_out);
}

static int organisation_exists(struct db *db, const char *organisation_id)
{
    int rc = db_scope(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM iam.organisations WHERE id = $1");
    db_bind_uuid(stmt, 1, organisation_id);
    rc = db_step(stmt);
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : rc == DB_OK ? DB_E_NOT_FOUND : rc;
}

int keys_add(struct db *db, const char *organisation_id, const unsigned char key_hash[KEY_HASH], int64_t now_ms)
{
    int rc = organisation_exists(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt =
        db_prepare(db, "INSERT INTO iam.api_keys (key_hash, organisation_id, created_at) VALUES ($1, $2, $3)");
    db_bind_blob(stmt, 1, key_hash, KEY_HASH);
    db_bind_uuid(stmt, 2, organisation_id);
    db_bind_int(stmt, 3, now_ms);
    rc = db_step(stmt);
    db_done(stmt);
    return rc;
}

/* SQLite returns the bytes, PostgreSQL "\x" and their hexadecimal digits. */
static void read_id(struct db_stmt *stmt, char id[KEY_ID + 1])
{
    const char *value = db_column_text(stmt, 0);
    id[0] = '\0';
    if (value && db_column_length(stmt, 0) == KEY_HASH)
        keys_id((const unsigned char *)value, id);
    else if (value && strncmp(value, "\\x", 2) == 0)
        (void)snprintf(id, KEY_ID + 1, "%.*s", KEY_ID, value + 2);
}

int keys_list(struct db *db, const char *organisation_id, keys_row row, void *arg)
{
    char id[KEY_ID + 1];
    int rc = organisation_exists(db, organisation_id);
    if (rc != DB_OK)
        return rc;
    struct db_stmt *stmt = db_prepare(db, "SELECT key_hash, created_at, revoked_at FROM iam.api_keys"
                                          " WHERE organisation_id = $1 ORDER BY created_at, key_hash");
    db_bind_uuid(stmt, 1, organisation_id);
    while ((rc = db_step(stmt)) == DB_ROW) {
        read_id(stmt, id);
        row(arg, id, db_column_int(stmt, 1), db_column_int(stmt, 2));
    }
    db_done(stmt);
    return rc;
}

struct search {
    const char *id;
    int found;
};

static void compare(void *arg, const char *id, int64_t created_ms, int64_t revoked_ms)
{
    struct search *search = arg;
    (void)created_ms;
    (void)revoked_ms;
    search->found += strcmp(id, search->id) == 0;
}

static bool is_id(const char *id)
{
    return strlen(id) == KEY_ID && strspn(id, "0123456789abcdef") == KEY_ID;
}

/* All hashes that begin with the id: the range from the id's bytes and 00… to the id's bytes and ff…. */
static void range_of(const char *id, unsigned char from[KEY_HASH], unsigned char to[KEY_HASH])
{
    memset(from, 0x00, KEY_HASH);
    memset(to, 0xff, KEY_HASH);
    (void)hex_parse(id, from, KEY_ID / 2);
    (void)hex_parse(id, to, KEY_ID / 2);
}

int keys_revoke(struct db *db, const char *organisation_id, const char *id, int64_t now_ms)
{
    struct search search = {.id = id};
    unsigned char from[KEY_HASH], to[KEY_HASH];
    if (!is_id(id))
        return DB_E_INVALID;
    int rc = keys_list(db, organisation_id, compare, &search);
    if (rc == DB_OK && search.found != 1)
        rc = search.found ? DB_E_CONFLICT : DB_E_NOT_FOUND;
    if (rc != DB_OK)
        return rc;
    range_of(id, from, to);
    struct db_stmt *stmt = db_prepare(db, "UPDATE iam.api_keys SET revoked_at = $1 WHERE organisation_id = $2"
                                          " AND key_hash >= $3 AND key_hash <= $4 AND revoked_at IS NULL");
    db_bind_int(stmt, 1, now_ms);
    db_bind_uuid(stmt, 2, organisation_id);
    db_bind_blob(stmt, 3, from, KEY_HASH);
    db_bind_blob(stmt, 4, to, KEY_HASH);
    rc = db_step(stmt);
    db_done(stmt);
    return rc;
}
