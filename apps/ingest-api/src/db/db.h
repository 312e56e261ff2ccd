/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/db.h
 * A thin layer over one SQL connection, the same for SQLite and PostgreSQL, so that every query is written once.
 * A struct db belongs to one thread.
 *
 * SQL is written with schemas (`crm.prospects`) and `$1 … $n`; the SQLite driver turns `crm.` into `crm_`.
 * Schemas: iam, crm, outreach, tracking. Ids are UUID text in and out (stored as 16 bytes or uuid).
 *
 * Every query is timed here, and nowhere else: db_query_duration_seconds{operation, schema}, db_query_errors_total, a
 * warning in the log above 100 ms. The time is from sending to the result. On PostgreSQL BEGIN is part of the first
 * query.
 */
#ifndef INGEST_DB_DB_H
#define INGEST_DB_DB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct db;
struct db_stmt;

enum db_error {
    DB_OK = 0,
    DB_ROW = 1,           /**< db_step: there is a row */
    DB_E_CONFLICT = -1,   /**< a unique or foreign key refused it */
    DB_E_BUSY = -2,       /**< the deadline passed while waiting */
    DB_E_FULL = -3,       /**< disk full */
    DB_E_CONNECTION = -4, /**< the server went away; nothing was applied */
    DB_E_OTHER = -5,
    DB_E_NOT_FOUND = -6, /**< repositories: no such row in this organisation */
    DB_E_INVALID = -7,   /**< an argument cannot be stored (an invalid UUID, an e-mail address that is too long) */
    DB_E_UNKNOWN = -8,   /**< the server went away during COMMIT and did not come back in time to tell the outcome */
    DB_E_DAMAGED = -9    /**< stored data cannot be read: a damaged page, a file that is not a database */
};

/** A piece of text that need not be NUL-terminated; data NULL means SQL NULL. */
struct db_text {
    const char *data;
    size_t length;
};

const char *db_error_name(int code);
/** The code of the last failed call on this connection, e.g. after db_prepare returned NULL. */
int db_error_code(const struct db *db);
/** The driver's own text of the last error on this connection. Valid until the next call. */
const char *db_error_text(const struct db *db);

/**
 * Set the organisation for the following statements of this transaction. Repositories call it first. PostgreSQL's
 * row-level security then hides all other organisations; on SQLite it does nothing. Ends with the transaction.
 * @return DB_OK, or DB_E_INVALID if it is not a UUID.
 */
int db_scope(struct db *db, const char *organisation_id);

/** The same for all organisations. Never for a request: only for gauges at the start, and the queue's own rows. */
int db_scope_all(struct db *db);

/**
 * Prepare a statement, or take it from the connection's cache, whose key is the pointer `sql`: use string literals.
 * NULL on error. The functions below accept that NULL (db_step returns DB_E_OTHER), so it is enough to check db_step.
 */
struct db_stmt *db_prepare(struct db *db, const char *sql);
/** Indexes are 1-based. A NULL value binds SQL NULL. Text and blobs are not copied: they must live until db_done. */
void db_bind_text(struct db_stmt *stmt, int index, const char *value, size_t length);
void db_bind_str(struct db_stmt *stmt, int index, const char *value); /**< NUL-terminated or NULL */
void db_bind_int(struct db_stmt *stmt, int index, int64_t value);
void db_bind_uuid(struct db_stmt *stmt, int index, const char *uuid_text); /**< an invalid text binds NULL */
void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t length);
/** Run, or fetch the next row: DB_ROW, DB_OK if there is none left, or an error. */
int db_step(struct db_stmt *stmt);
/**
 * Start a statement without waiting, if the database supports that (PostgreSQL, in a write transaction). The next
 * db_step() waits for the result; until then other statements may run. An error is returned here or there.
 */
int db_ahead(struct db_stmt *stmt);
/**
 * db_step() for the last statement of a transaction. On PostgreSQL COMMIT is sent with it, in one round trip. Then
 * DB_ROW or DB_OK means that the transaction is committed (DB_OK also if the connection was lost before the row
 * arrived), and the caller may only read and must not fail after it. An error is the statement's or the commit's.
 */
int db_step_last(struct db_stmt *stmt);
/** Columns are 0-based and valid until the next db_step/db_done. */
const char *db_column_text(struct db_stmt *stmt, int column); /**< NULL for SQL NULL */
size_t db_column_length(struct db_stmt *stmt, int column);
int64_t db_column_int(struct db_stmt *stmt, int column);
const char *db_column_uuid(struct db_stmt *stmt, int column); /**< 36 characters; NULL for SQL NULL */
/** Finish the query: reset it and record its time. Call it exactly once for each db_prepare that succeeded. */
void db_done(struct db_stmt *stmt);
/** Rows changed by the last statement. */
int64_t db_changes(struct db *db);

/**
 * Prepare, bind, run and finish a statement without result rows. @return DB_OK or an error. One character of `format`
 * per parameter: 's' const char* (NULL ok), 'i' int64_t, 'u' uuid text.
 */
int db_exec(struct db *db, const char *sql, const char *format, ...);

/**
 * db_exec() without waiting, if the database supports that (PostgreSQL): the statement is sent with the next one, or
 * with the commit, in one round trip. If it fails, that call reports the error, and the transaction is not committed.
 * db_changes() does not include it. @return DB_OK or an error.
 */
int db_exec_later(struct db *db, const char *sql, const char *format, ...);

/**
 * The transaction deletes data that must not be recoverable. SQLite zeroes the freed pages at once, and copies
 * and empties its log when the transaction is committed and the database is idle. PostgreSQL does nothing here:
 * its VACUUM frees the space.
 */
void db_forget(struct db *db);

#endif
