/* SPDX-License-Identifier: Apache-2.0 */
#include <promc-sqlite/sqlite.h>
#include <promc/promc.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define PRIMARY(code) ((code)&0xff)

/* By primary code, each with its name and PostgreSQL's class for it. */
static const struct code {
    const char *name, *sqlstate_class;
} codes[] = {
    [SQLITE_ERROR] = {"SQLITE_ERROR", "42"},
    [SQLITE_INTERNAL] = {"SQLITE_INTERNAL", "XX"},
    [SQLITE_PERM] = {"SQLITE_PERM", "58"},
    [SQLITE_ABORT] = {"SQLITE_ABORT", "57"},
    [SQLITE_BUSY] = {"SQLITE_BUSY", "40"},
    [SQLITE_LOCKED] = {"SQLITE_LOCKED", "40"},
    [SQLITE_NOMEM] = {"SQLITE_NOMEM", "53"},
    [SQLITE_READONLY] = {"SQLITE_READONLY", "25"},
    [SQLITE_INTERRUPT] = {"SQLITE_INTERRUPT", "57"},
    [SQLITE_IOERR] = {"SQLITE_IOERR", "58"},
    [SQLITE_CORRUPT] = {"SQLITE_CORRUPT", "XX"},
    [SQLITE_NOTFOUND] = {"SQLITE_NOTFOUND", "XX"},
    [SQLITE_FULL] = {"SQLITE_FULL", "53"},
    [SQLITE_CANTOPEN] = {"SQLITE_CANTOPEN", "58"},
    [SQLITE_PROTOCOL] = {"SQLITE_PROTOCOL", "40"},
    [SQLITE_EMPTY] = {"SQLITE_EMPTY", "XX"},
    [SQLITE_SCHEMA] = {"SQLITE_SCHEMA", "40"},
    [SQLITE_TOOBIG] = {"SQLITE_TOOBIG", "54"},
    [SQLITE_CONSTRAINT] = {"SQLITE_CONSTRAINT", "23"},
    [SQLITE_MISMATCH] = {"SQLITE_MISMATCH", "22"},
    [SQLITE_MISUSE] = {"SQLITE_MISUSE", "XX"},
    [SQLITE_NOLFS] = {"SQLITE_NOLFS", "58"},
    [SQLITE_AUTH] = {"SQLITE_AUTH", "42"},
    [SQLITE_FORMAT] = {"SQLITE_FORMAT", "XX"},
    [SQLITE_RANGE] = {"SQLITE_RANGE", "22"},
    [SQLITE_NOTADB] = {"SQLITE_NOTADB", "XX"},
};

static const struct code *code_of(int code)
{
    size_t primary = (size_t)PRIMARY(code);
    bool known = primary < sizeof(codes) / sizeof(*codes) && codes[primary].name;
    return &codes[known ? primary : SQLITE_ERROR];
}

const char *promc_sqlite_code_name(int code)
{
    return code_of(code)->name;
}

static bool is_no_room(int error)
{
    return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

/* After a failed commit sqlite3_system_errno() is 0, but the file whose write failed (the database or its WAL) still has the errno. */
static bool has_no_room(sqlite3 *db)
{
    sqlite3_file *file[2] = {NULL, NULL};
    if (is_no_room(sqlite3_system_errno(db)))
        return true;
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file[0]);
    (void)sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &file[1]);
    for (int i = 0; i < 2; i++) {
        int error = 0;
        if (file[i] && file[i]->pMethods && file[i]->pMethods->xFileControl)
            (void)file[i]->pMethods->xFileControl(file[i], SQLITE_FCNTL_LAST_ERRNO, &error);
        if (is_no_room(error))
            return true;
    }
    return false;
}

const char *promc_sqlite_sqlstate_class(sqlite3 *db, int code)
{
    if (PRIMARY(code) == SQLITE_IOERR && db && has_no_room(db))
        return "53";
    return code_of(code)->sqlstate_class;
}

int promc_sqlite_create(promc_sql **out, promc_registry *registry, const promc_sql_settings *settings)
{
    promc_sql_settings ours = {0};
    if (settings)
        ours = *settings;
    if (!ours.error_label)
        ours.error_label = PROMC_SQLITE_RESULT_CODE;
    return promc_sql_create(out, registry, &ours);
}

static const char *error_value(promc_sql *sql, sqlite3 *db, int code)
{
    bool by_class = strcmp(promc_sql_error_label(sql), "sqlstate_class") == 0;
    return by_class ? promc_sqlite_sqlstate_class(db, code) : promc_sqlite_code_name(code);
}

int promc_sqlite_prepare_v3(promc_sql *sql, sqlite3 *db, const char *text, int length, unsigned flags,
                            sqlite3_stmt **stmt, const char **tail)
{
    promc_sql_statement statement;
    int rc = sqlite3_prepare_v3(db, text, length, flags, stmt, tail);
    if (sql && rc != SQLITE_OK) {
        /* SQLite, too, reads no further than a NUL */
        promc_sql_read(text, length < 0 ? PROMC_SQL_NUL_TERMINATED : strnlen(text, (size_t)length), &statement);
        promc_sql_error(sql, &statement, error_value(sql, db, rc));
    }
    return rc;
}

int promc_sqlite_exec(promc_sql *sql, sqlite3 *db, const char *text, int (*callback)(void *, int, char **, char **),
                      void *arg, char **message)
{
    promc_sql_query query;
    promc_sql_begin(sql, &query, text);
    int rc = sqlite3_exec(db, text, callback, arg, message);
    promc_sql_end(&query, rc == SQLITE_OK ? NULL : error_value(sql, db, rc));
    return rc;
}

void promc_sqlite_begin_as(promc_sql *sql, promc_sqlite_query *query, sqlite3_stmt *stmt,
                           const promc_sql_statement *statement)
{
    *query = (promc_sqlite_query){.sql = sql, .stmt = stmt};
    if (statement)
        query->statement = *statement;
}

void promc_sqlite_begin(promc_sql *sql, promc_sqlite_query *query, sqlite3_stmt *stmt)
{
    promc_sqlite_begin_as(sql, query, stmt, NULL);
    if (sql)
        promc_sql_read(sqlite3_sql(stmt), PROMC_SQL_NUL_TERMINATED, &query->statement);
}

int promc_sqlite_step(promc_sqlite_query *query)
{
    if (!query->sql)
        return sqlite3_step(query->stmt);
    uint64_t start = promc_now_ns();
    int rc = sqlite3_step(query->stmt);
    query->elapsed_ns += promc_now_ns() - start;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE && !query->failed) {
        query->failed = true;
        promc_sql_error(query->sql, &query->statement, error_value(query->sql, sqlite3_db_handle(query->stmt), rc));
    }
    return rc;
}

void promc_sqlite_end(promc_sqlite_query *query)
{
    promc_sql *sql = query->sql;
    query->sql = NULL;
    promc_sql_observe(sql, &query->statement, (double)query->elapsed_ns * 1e-9);
}
