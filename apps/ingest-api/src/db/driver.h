/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/driver.h
 * The interface of a database driver; private to src/db. db.c has the parts common to all: the statement cache,
 * timing, error accounting, transactions. A driver's own structures begin with struct db and struct db_stmt.
 */
#ifndef INGEST_DB_DRIVER_H
#define INGEST_DB_DRIVER_H

#include "db/db.h"
#include "metrics/metrics.h"

#include <stdatomic.h>

#define DB_CACHE_SLOTS 256 /* a power of two, far above the number of statements in the program */

struct db_driver {
    const char *name;
    bool many_writers; /**< each connection may write; else one writer commits several works at once */
    const struct db_migration *migrations;
    const char *const *prologue; /**< SQL before the migrations: a lock, the schemas. May be NULL. */

    /** Reconnect if the connection was lost. DB_OK, or DB_E_CONNECTION. NULL: it cannot be lost. */
    int (*ready)(struct db *db);
    /** Transactions, timed through db_observe or as statements. begin: DB_E_CONNECTION when nothing was begun. */
    int (*begin)(struct db *db, bool write);
    int (*commit)(struct db *db); /**< DB_E_CONNECTION: certainly not applied; DB_E_UNKNOWN: perhaps applied */
    int (*rollback)(struct db *db);

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
    /** db_exec_later(): DB_OK, or an error after db_fail(), of this statement or an earlier one. NULL: like step. */
    int (*later)(struct db_stmt *stmt);
    /** db_ahead(): DB_OK, or an error after db_fail(). NULL: the statement starts with `step`. */
    int (*ahead)(struct db_stmt *stmt);
    /** db_step_last(). NULL: like step. */
    int (*step_last)(struct db_stmt *stmt);
    const char *(*column_text)(struct db_stmt *stmt, int column);
    size_t (*column_length)(struct db_stmt *stmt, int column);
    int64_t (*column_int)(struct db_stmt *stmt, int column);
    const char *(*column_uuid)(struct db_stmt *stmt, int column);
    /** Ready for the next execution: no row, no binding to the caller's memory. */
    void (*reset)(struct db_stmt *stmt);

    int64_t (*changes)(struct db *db);
    bool (*in_transaction)(struct db *db);
    /** Several statements, without parameters or rows. For migrations. */
    int (*script)(struct db *db, const char *sql);
    bool (*table_exists)(struct db *db, const char *schema, const char *table);
    /** organisation_id as text, or "*" for all. May be NULL. */
    int (*scope)(struct db *db, const char *organisation_id);
    /** Whether this role may act for all organisations at once (db/roles.h). NULL: this store has no roles. */
    bool (*reaches_all)(struct db *db);
    /** Parameters may be arrays (db/array.h), so that one statement handles many rows. */
    bool arrays;
    /** Once, after the migrations: housekeeping, and warnings about the database's setup. May be NULL. */
    void (*advise)(struct db *db);
    /** After a commit, when nothing waits for an answer: housekeeping. May be NULL. */
    void (*idle)(struct db *db);
    /** db_forget(): `idle` will do it. May be NULL. */
    void (*forget)(struct db *db);
    /**
     * Read all stored data and check that it is intact; this takes long. DB_OK, DB_E_DAMAGED, or DB_E_BUSY after
     * `interrupt`, which any thread may call. May be NULL.
     */
    int (*look_through)(struct db *db, char *found, size_t found_size);
    void (*interrupt)(struct db *db);
};

struct db_stmt {
    struct db *db;
    const char *key;         /**< the caller's pointer */
    char *sql;               /**< a copy, in case that pointer is reused for another text */
    promc_sql_prepared said; /**< its operation and schema, and its series */
    uint64_t elapsed_ns;
    uint64_t ahead_ns; /**< when it was sent ahead; 0: not sent ahead, or its answer has arrived */
    bool in_use, cached, stepped;
    int columns; /**< of the result; possibly unknown before the first step */
};

struct db {
    const struct db_driver *driver;
    struct db_stmt *cache[DB_CACHE_SLOTS]; /* open addressing by the pointer */
    unsigned cached;
    bool migrated; /* the schema is the newest; set by the caller of db_migrate */
    int error_code;
    _Atomic bool damaged; /* DB_E_DAMAGED was seen; read by other threads */
    bool error_counted;   /* the last error is counted in db_query_errors_total: nobody counts it again */
    char error_class[3];
    char error_text[256];
};

/** Record the duration of a query, and log it if it was slow. */
void db_observe(const promc_sql_prepared *said, uint64_t elapsed_ns);
/**
 * Count the error of the last db_fail() for this query, unless it is counted already, and log the database's message
 * if the error is unexpected.
 */
void db_query_failed(struct db *db, const promc_sql_statement *statement);
/** Record an error on the connection. @param text must not contain values of rows. @return code. */
int db_fail(struct db *db, int code, const char *error_class, const char *text);

/* Transactions; timed like any query. */
int db_begin(struct db *db, bool write);
int db_commit(struct db *db);
int db_rollback(struct db *db); /**< DB_OK also if there is none */
int db_savepoint(struct db *db);
int db_savepoint_release(struct db *db);
int db_savepoint_rollback(struct db *db);

/** Finalize every cached statement. A driver calls it first in `close`. */
void db_cache_clear(struct db *db);

struct db_sqlite_options {
    const char *path;
    bool read_only;           /**< query_only: a write is an error, the file is still opened read-write for WAL */
    unsigned busy_timeout_ms; /**< how long to wait for another process's write */
};
/**
 * @return DB_OK or an error with a text in `error`. The file is created, mode 0600, if it is missing
 * (db/sqlite_file.h). A writer checks the log first: acknowledged commits that are damaged in it are an
 * error, and nothing is changed.
 */
int db_open_sqlite(struct db **out, const struct db_sqlite_options *options, char *error, size_t error_size);

/** @param url postgres://…; the first use of `ready` connects. */
int db_open_postgres(struct db **out, const char *url, char *error, size_t error_size);

struct db_migration {
    int version;
    const char *name;
    const char *sql;
};
extern const struct db_migration db_migrations_sqlite[]; /**< ended by version 0 */
extern const struct db_migration db_migrations_postgres[];

#endif
