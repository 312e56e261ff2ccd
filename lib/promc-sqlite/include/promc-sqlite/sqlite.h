/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-sqlite/sqlite.h
 * Metrics around your own sqlite3 calls: how long queries take by operation and schema, errors by result code.
 * The families, their labels and their bounds are those of promc-sql/queries.h.
 *
 *     promc_sql *sql;
 *     promc_sqlite_create(&sql, registry, NULL);
 *
 *     sqlite3_stmt *stmt;
 *     promc_sqlite_query query;
 *     promc_sqlite_prepare(sql, db, "SELECT name FROM people", -1, &stmt, NULL);
 *     promc_sqlite_begin(sql, &query, stmt);
 *     while (promc_sqlite_step(&query) == SQLITE_ROW) …;
 *     promc_sqlite_end(&query);                        // one observation: the time spent in sqlite3_step()
 *     sqlite3_reset(stmt);
 *
 * `sql` may be NULL: metrics are off. As thread safe as SQLite. Nothing here logs or keeps a handle.
 */
#ifndef PROMC_SQLITE_SQLITE_H
#define PROMC_SQLITE_SQLITE_H

#include <promc-sql/queries.h>
#include <sqlite3.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The name of the label with SQLite's primary result code, e.g. "SQLITE_CONSTRAINT". */
#define PROMC_SQLITE_RESULT_CODE "result_code"

/**
 * promc_sql_create(), with the error label PROMC_SQLITE_RESULT_CODE unless the settings name another. With
 * "sqlstate_class", errors have the class that PostgreSQL would give, so that one dashboard works for a program with
 * either database.
 */
PROMC_API int promc_sqlite_create(promc_sql **out, promc_registry *registry, const promc_sql_settings *settings);

/** sqlite3_prepare_v3(). The time is not observed; a failure is counted. */
PROMC_API int promc_sqlite_prepare_v3(promc_sql *sql, sqlite3 *db, const char *text, int length, unsigned flags,
                                      sqlite3_stmt **stmt, const char **tail);
/** sqlite3_prepare_v2(). */
#define promc_sqlite_prepare(sql, db, text, length, stmt, tail) \
    promc_sqlite_prepare_v3((sql), (db), (text), (length), 0, (stmt), (tail))

/** sqlite3_exec(). With several statements, the operation is that of the first; the time includes the callback's. */
PROMC_API int promc_sqlite_exec(promc_sql *sql, sqlite3 *db, const char *text,
                                int (*callback)(void *, int, char **, char **), void *arg, char **message);

/** A statement in progress, on the caller's stack. */
typedef struct promc_sqlite_query {
    promc_sql *sql; /**< NULL: not begun, or finished */
    sqlite3_stmt *stmt;
    uint64_t elapsed_ns; /**< in sqlite3_step() so far */
    bool failed;         /**< its error was counted */
    promc_sql_statement statement;
    uint64_t own[2]; /**< room for the library: see promc/version.h */
} promc_sqlite_query;

/** Read the statement's SQL. If you run it often, read it once and use promc_sqlite_begin_as(). */
PROMC_API void promc_sqlite_begin(promc_sql *sql, promc_sqlite_query *query, sqlite3_stmt *stmt);
/** @param statement copied; NULL: other. */
PROMC_API void promc_sqlite_begin_as(promc_sql *sql, promc_sqlite_query *query, sqlite3_stmt *stmt,
                                     const promc_sql_statement *statement);
/** sqlite3_step(). An error is counted once per query. */
PROMC_API int promc_sqlite_step(promc_sqlite_query *query);
/**
 * Observe the time of all steps. Call it once per promc_sqlite_begin(), also after a failed query, before or
 * after sqlite3_reset(); a second call does nothing.
 */
PROMC_API void promc_sqlite_end(promc_sqlite_query *query);

/** The name of a result code's primary code: "SQLITE_BUSY". An unknown code is "SQLITE_ERROR". Never NULL. */
PROMC_API const char *promc_sqlite_code_name(int code);
/**
 * The SQLSTATE class that PostgreSQL would give for it: "23" for a constraint, "53" for a full disk.
 * @param db used to distinguish a full disk from other I/O errors; may be NULL.  Never returns NULL.
 */
PROMC_API const char *promc_sqlite_sqlstate_class(sqlite3 *db, int code);

#ifdef __cplusplus
}
#endif
#endif
