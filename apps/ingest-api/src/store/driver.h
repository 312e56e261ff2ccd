/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/driver.h
 * What a database driver provides; private to src/store. db.c holds what is the same for all: the statement cache,
 * timing, error accounting, transactions. A driver's own structures begin with struct db and struct db_stmt.
 */
#ifndef INGEST_STORE_DRIVER_H
#define INGEST_STORE_DRIVER_H

#include "config/metrics.h"
#include "store/db.h"

#define DB_CACHE_SLOTS 256 /* a power of two, well above the number of statements in the program */

struct db_driver {
    const char *name;
    const char *begin_read, *begin_write; /**< SQL */

    void (*close)(struct db *db);
    /** Parse `sql`; the common part is filled in by db.c. NULL after db_fail(). */
    struct db_stmt *(*prepare)(struct db *db, const char *sql);
    void (*finalize)(struct db_stmt *stmt);
    void (*bind_null)(struct db_stmt *stmt, int index);
    void (*bind_text)(struct db_stmt *stmt, int index, const char *value, size_t length);
    void (*bind_int)(struct db_stmt *stmt, int index, int64_t value);
    void (*bind_uuid)(struct db_stmt *stmt, int index, const unsigned char uuid[16]);
    void (*bind_blob)(struct db_stmt *stmt, int index, const void *data, size_t length);
    int (*step)(struct db_stmt *stmt); /**< DB_ROW, DB_OK, or an error after db_fail() */
    const char *(*column_text)(struct db_stmt *stmt, int column);
    size_t (*column_length)(struct db_stmt *stmt, int column);
    int64_t (*column_int)(struct db_stmt *stmt, int column);
    bool (*column_uuid)(struct db_stmt *stmt, int column, char out[37]);
    /** Ready for the next execution: no row, no binding to the caller's memory. */
    void (*reset)(struct db_stmt *stmt);

    int64_t (*changes)(struct db *db);
    bool (*in_transaction)(struct db *db);
    /** Several statements, without parameters or rows. For migrations. */
    int (*script)(struct db *db, const char *sql);
    bool (*table_exists)(struct db *db, const char *schema, const char *table);
    int (*scope)(struct db *db, const unsigned char organisation_id[16]); /**< may be NULL */
    /** After a commit, when nothing waits for an answer: housekeeping. May be NULL. */
    void (*idle)(struct db *db);
};

struct db_stmt {
    struct db *db;
    const char *key;         /**< the caller's pointer */
    char *sql;               /**< a copy, should that pointer be reused for another text */
    enum db_operation operation;
    enum db_schema schema;
    uint64_t elapsed_ns;
    bool in_use, cached, stepped;
    char (*uuids)[37];       /**< one for each result column */
    int columns;
};

struct db {
    const struct db_driver *driver;
    struct db_stmt *cache[DB_CACHE_SLOTS]; /* open addressing by the pointer */
    unsigned cached;
    int error_code;
    char error_class[3];
    char error_text[256];
};

/** Record an error on the connection. @return code. */
int db_fail(struct db *db, int code, const char *error_class, const char *text);

/* Transactions; timed like any query. */
int db_begin(struct db *db, bool write);
int db_commit(struct db *db);
int db_rollback(struct db *db); /**< DB_OK also when there is none */
int db_savepoint(struct db *db);
int db_savepoint_release(struct db *db);
int db_savepoint_rollback(struct db *db);

/** Finalizes every cached statement; drivers call it first in close. */
void db_cache_clear(struct db *db);

struct db_sqlite_options {
    const char *path;
    bool read_only;           /**< query_only: a write is an error, the file is still opened read-write for WAL */
    unsigned busy_timeout_ms; /**< how long to wait for another process's write */
};
/** @return DB_OK or an error with a text in `error`. The file is made, mode 0600, when it is not there. */
int db_open_sqlite(struct db **out, const struct db_sqlite_options *options, char *error, size_t error_size);

/** Bring the schema up to date, under the database's write lock. @return DB_OK, or an error with a text in `error`. */
int db_migrate(struct db *db, char *error, size_t error_size);

struct db_migration {
    int version;
    const char *name;
    const char *sql;
};
extern const struct db_migration db_migrations_sqlite[]; /**< ended by version 0 */

#endif
