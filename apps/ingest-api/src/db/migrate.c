/* SPDX-License-Identifier: Apache-2.0 */
#include "db/migrate.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>

static int schema_version(struct db *db, int *version)
{
    *version = 0;
    if (!db->driver->table_exists(db, "tracking", "schema_migrations"))
        return DB_OK;
    struct db_stmt *stmt = db_prepare(db, "SELECT max(version) FROM tracking.schema_migrations");
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        *version = (int)db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

static int apply(struct db *db, const struct db_migration *migration)
{
    int rc = db->driver->script(db, migration->sql);
    if (rc != DB_OK)
        return rc;
    return db_exec(db, "INSERT INTO tracking.schema_migrations (version, name, applied_at) VALUES ($1, $2, $3)", "isi",
                   (int64_t)migration->version, migration->name, clock_wall_ms());
}

/* In the write transaction, which excludes other processes: read the version again, then apply the missing steps. */
static int apply_missing(struct db *db, const struct db_migration *migrations)
{
    int version = 0;
    int rc = db->driver->prologue ? db->driver->script(db, *db->driver->prologue) : DB_OK;
    if (rc == DB_OK)
        rc = schema_version(db, &version);
    if (rc != DB_OK)
        return rc;
    if (version == 0)
        rc = db->driver->script(db, "CREATE TABLE IF NOT EXISTS tracking.schema_migrations ("
                                    " version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL,"
                                    " applied_at BIGINT NOT NULL)");
    for (; rc == DB_OK && migrations->version; migrations++)
        if (migrations->version > version)
            rc = apply(db, migrations);
    return rc;
}

int db_migrate(struct db *db, char *error, size_t error_size)
{
    const struct db_migration *migrations = db->driver->migrations;
    int newest = 0, version;
    for (const struct db_migration *m = migrations; m->version; m++)
        newest = m->version;

    int rc = schema_version(db, &version);
    if (rc == DB_OK && version > newest) {
        snprintf(error, error_size,
                 "the database's schema is version %d, and this ingest-api supports versions up to %d: run a newer "
                 "ingest-api",
                 version, newest);
        return DB_E_OTHER;
    }
    /* The common case takes no lock, so that a command can start while the service writes. */
    if (rc == DB_OK && version == newest)
        return DB_OK;
    if (rc == DB_OK)
        rc = db_begin(db, true);
    if (rc == DB_OK) {
        rc = apply_missing(db, migrations);
        if (rc == DB_OK)
            rc = db_commit(db);
        if (rc != DB_OK) {
            snprintf(error, error_size, "migration from schema version %d: %s%s", version, db_error_text(db),
                     db->driver->reaches_all
                         ? ": is STORE's role the owner? Only the owner can run `ingest-api migrate`"
                         : "");
            db_rollback(db);
            return rc;
        }
        log_info("schema migrated", "s:component", "store", "i:from", (int64_t)version, "i:to", (int64_t)newest);
        return DB_OK;
    }
    snprintf(error, error_size, "schema version: %s", db_error_text(db));
    return rc;
}
