/* SPDX-License-Identifier: Apache-2.0 */
#include "db/db.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "db/driver.h"
#include "db/sql.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOW_QUERY_NS 100000000u

const char *db_error_name(int code)
{
    switch (code) {
    case DB_OK:
        return "ok";
    case DB_ROW:
        return "row";
    case DB_E_CONFLICT:
        return "conflict";
    case DB_E_BUSY:
        return "busy";
    case DB_E_FULL:
        return "disk full";
    case DB_E_CONNECTION:
        return "connection lost";
    case DB_E_NOT_FOUND:
        return "not found";
    case DB_E_INVALID:
        return "invalid argument";
    case DB_E_UNKNOWN:
        return "connection lost during COMMIT";
    case DB_E_DAMAGED:
        return "database damaged";
    default:
        return "database error";
    }
}

int db_error_code(const struct db *db)
{
    return db->error_code;
}

const char *db_error_text(const struct db *db)
{
    return db->error_text;
}

int db_fail(struct db *db, int code, const char *error_class, const char *text)
{
    db->error_code = code;
    db->error_counted = false;
    if (code == DB_E_DAMAGED)
        atomic_store_explicit(&db->damaged, true, memory_order_relaxed);
    snprintf(db->error_class, sizeof(db->error_class), "%s", error_class);
    snprintf(db->error_text, sizeof(db->error_text), "%s", text);
    return code;
}

/* Only DB_E_OTHER needs the database's own text; store/check.c reports damage, once. */
void db_query_failed(struct db *db, const promc_sql_statement *statement)
{
    if (db->error_counted)
        return;
    db->error_counted = true;
    promc_sql_error(metrics_sql(), statement, db->error_class);
    if (db->error_code == DB_E_OTHER)
        log_warn("query failed", "s:component", "store", "s:operation", promc_sql_operation_name(statement->operation),
                 "s:schema", statement->schema, "s:sqlstateClass", db->error_class, "s:error", db->error_text);
}

int db_scope(struct db *db, const char *organisation_id)
{
    unsigned char uuid[16];
    if (!uuid_parse(organisation_id, uuid))
        return db_fail(db, DB_E_INVALID, "22", "the organisation id is not a UUID");
    return db->driver->scope ? db->driver->scope(db, organisation_id) : DB_OK;
}

int db_scope_all(struct db *db)
{
    return db->driver->scope ? db->driver->scope(db, "*") : DB_OK;
}

/* ---- statements and their cache ---- */

static unsigned cache_slot(const char *sql)
{
    return (unsigned)(((uintptr_t)sql * 0x9E3779B97F4A7C15u) >> 56) & (DB_CACHE_SLOTS - 1);
}

static struct db_stmt *stmt_new(struct db *db, const char *sql)
{
    promc_sql_prepared said;
    promc_sql_prepare(metrics_sql(), sql, PROMC_SQL_NUL_TERMINATED, &said);

    struct db_stmt *stmt = db->driver->prepare(db, sql);
    if (!stmt) {
        db_query_failed(db, &said.statement);
        return NULL;
    }
    stmt->db = db;
    stmt->key = sql;
    stmt->said = said;
    stmt->sql = strdup(sql);
    if (!stmt->sql) {
        db->driver->finalize(stmt);
        db_fail(db, DB_E_OTHER, "53", "out of memory");
        return NULL;
    }
    return stmt;
}

static void stmt_free(struct db_stmt *stmt)
{
    free(stmt->sql);
    stmt->db->driver->finalize(stmt);
}

struct db_stmt *db_prepare(struct db *db, const char *sql)
{
    unsigned slot = cache_slot(sql);
    struct db_stmt *stmt;
    while ((stmt = db->cache[slot]) && (stmt->key != sql || stmt->in_use || strcmp(stmt->sql, sql) != 0))
        slot = (slot + 1) & (DB_CACHE_SLOTS - 1);
    if (!stmt) {
        stmt = stmt_new(db, sql);
        if (!stmt)
            return NULL;
        /*
         * If the cached statement is in use, a second one is cached too: recursion is rare and bounded. The table is
         * never filled beyond three quarters, so the search above always ends.
         */
        if (db->cached < DB_CACHE_SLOTS / 4 * 3) {
            db->cache[slot] = stmt;
            db->cached++;
            stmt->cached = true;
        }
    }
    stmt->in_use = true;
    stmt->stepped = false;
    stmt->elapsed_ns = stmt->ahead_ns = 0;
    return stmt;
}

void db_cache_clear(struct db *db)
{
    for (unsigned i = 0; i < DB_CACHE_SLOTS; i++) {
        if (db->cache[i])
            stmt_free(db->cache[i]);
        db->cache[i] = NULL;
    }
    db->cached = 0;
}

void db_bind_text(struct db_stmt *stmt, int index, const char *value, size_t length)
{
    if (!stmt)
        return;
    if (value)
        stmt->db->driver->bind_text(stmt, index, value, length);
    else
        stmt->db->driver->bind_null(stmt, index);
}

void db_bind_str(struct db_stmt *stmt, int index, const char *value)
{
    db_bind_text(stmt, index, value, value ? strlen(value) : 0);
}

void db_bind_int(struct db_stmt *stmt, int index, int64_t value)
{
    if (stmt)
        stmt->db->driver->bind_int(stmt, index, value);
}

void db_bind_uuid(struct db_stmt *stmt, int index, const char *uuid_text)
{
    unsigned char uuid[16];
    if (!stmt)
        return;
    if (uuid_parse(uuid_text, uuid))
        stmt->db->driver->bind_uuid(stmt, index, uuid);
    else
        stmt->db->driver->bind_null(stmt, index);
}

void db_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t length)
{
    if (!stmt)
        return;
    if (data)
        stmt->db->driver->bind_blob(stmt, index, data, length);
    else
        stmt->db->driver->bind_null(stmt, index);
}

static int step(struct db_stmt *stmt, int (*run)(struct db_stmt *stmt))
{
    uint64_t start = stmt->ahead_ns ? stmt->ahead_ns : clock_monotonic_ns();
    int rc = run(stmt);
    stmt->ahead_ns = 0;
    stmt->elapsed_ns += clock_monotonic_ns() - start;
    stmt->stepped = true;
    if (rc < 0)
        db_query_failed(stmt->db, &stmt->said.statement);
    return rc;
}

int db_step(struct db_stmt *stmt)
{
    return stmt ? step(stmt, stmt->db->driver->step) : DB_E_OTHER;
}

int db_step_last(struct db_stmt *stmt)
{
    if (!stmt)
        return DB_E_OTHER;
    const struct db_driver *driver = stmt->db->driver;
    return step(stmt, driver->step_last ? driver->step_last : driver->step);
}

int db_ahead(struct db_stmt *stmt)
{
    if (!stmt)
        return DB_E_OTHER;
    if (!stmt->db->driver->ahead)
        return DB_OK;
    stmt->ahead_ns = clock_monotonic_ns();
    int rc = stmt->db->driver->ahead(stmt);
    if (rc < 0)
        db_query_failed(stmt->db, &stmt->said.statement);
    return rc;
}

static bool column_ok(const struct db_stmt *stmt, int column)
{
    return stmt && column >= 0 && column < stmt->columns;
}

const char *db_column_text(struct db_stmt *stmt, int column)
{
    return column_ok(stmt, column) ? stmt->db->driver->column_text(stmt, column) : NULL;
}

size_t db_column_length(struct db_stmt *stmt, int column)
{
    return column_ok(stmt, column) ? stmt->db->driver->column_length(stmt, column) : 0;
}

int64_t db_column_int(struct db_stmt *stmt, int column)
{
    return column_ok(stmt, column) ? stmt->db->driver->column_int(stmt, column) : 0;
}

const char *db_column_uuid(struct db_stmt *stmt, int column)
{
    return column_ok(stmt, column) ? stmt->db->driver->column_uuid(stmt, column) : NULL;
}

void db_observe(const promc_sql_prepared *said, uint64_t elapsed_ns)
{
    promc_sql_observe_prepared(said, (double)elapsed_ns * 1e-9);
    if (elapsed_ns > SLOW_QUERY_NS)
        log_warn("slow query", "s:component", "store", "s:operation",
                 promc_sql_operation_name(said->statement.operation), "s:schema", said->statement.schema, "f:duration",
                 (double)elapsed_ns * 1e-9);
}

void db_done(struct db_stmt *stmt)
{
    if (!stmt)
        return;
    stmt->db->driver->reset(stmt);
    if (stmt->stepped)
        db_observe(&stmt->said, stmt->elapsed_ns);
    stmt->in_use = false;
    if (!stmt->cached)
        stmt_free(stmt);
}

int64_t db_changes(struct db *db)
{
    return db->driver->changes(db);
}

static struct db_stmt *prepare_bound(struct db *db, const char *sql, const char *format, va_list args)
{
    struct db_stmt *stmt = db_prepare(db, sql);
    for (int i = 1; *format; format++, i++)
        if (*format == 'i')
            db_bind_int(stmt, i, va_arg(args, int64_t));
        else if (*format == 'u')
            db_bind_uuid(stmt, i, va_arg(args, const char *));
        else
            db_bind_str(stmt, i, va_arg(args, const char *));
    return stmt;
}

static int run_to_end(struct db_stmt *stmt)
{
    int rc;
    while ((rc = db_step(stmt)) == DB_ROW)
        ;
    db_done(stmt);
    return rc;
}

int db_exec(struct db *db, const char *sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct db_stmt *stmt = prepare_bound(db, sql, format, args);
    va_end(args);
    return stmt ? run_to_end(stmt) : db->error_code;
}

int db_exec_later(struct db *db, const char *sql, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    struct db_stmt *stmt = prepare_bound(db, sql, format, args);
    va_end(args);
    if (!stmt)
        return db->error_code;
    if (!db->driver->later || !stmt->cached) /* db_done() would free it before its answer arrives */
        return run_to_end(stmt);
    int rc = db->driver->later(stmt);
    if (rc < 0)
        db_query_failed(db, &stmt->said.statement);
    db_done(stmt);
    return rc;
}

/* ---- transactions ---- */

int db_begin(struct db *db, bool write)
{
    return db->driver->begin(db, write);
}

int db_commit(struct db *db)
{
    return db->driver->commit(db);
}

int db_rollback(struct db *db)
{
    /* Disk full and I/O errors make SQLite roll back by itself. */
    return db->driver->in_transaction(db) ? db->driver->rollback(db) : DB_OK;
}

int db_savepoint(struct db *db)
{
    return db_exec(db, "SAVEPOINT work", "");
}

int db_savepoint_release(struct db *db)
{
    return db_exec(db, "RELEASE SAVEPOINT work", "");
}

int db_savepoint_rollback(struct db *db)
{
    int rc = db_exec(db, "ROLLBACK TO SAVEPOINT work", "");
    return rc == DB_OK ? db_savepoint_release(db) : rc;
}

void db_forget(struct db *db)
{
    if (db->driver->forget)
        db->driver->forget(db);
}
