/* SPDX-License-Identifier: Apache-2.0 */
/* promc around a program's own SQLite calls: a to-do list in memory; then it prints the metrics. */
#include <promc-sqlite/sqlite.h>
#include <promc/promc.h>
#include <stdio.h>
#include <stdlib.h>

static int add(promc_sql *sql, sqlite3 *db, const char *what)
{
    sqlite3_stmt *stmt;
    promc_sqlite_query query;
    int rc = promc_sqlite_prepare(sql, db, "INSERT INTO tasks (what) VALUES (?1)", -1, &stmt, NULL);
    if (rc != SQLITE_OK)
        return rc;
    sqlite3_bind_text(stmt, 1, what, -1, SQLITE_STATIC);
    promc_sqlite_begin(sql, &query, stmt);
    rc = promc_sqlite_step(&query);
    promc_sqlite_end(&query);
    sqlite3_finalize(stmt);
    return rc;
}

static void list(promc_sql *sql, sqlite3 *db)
{
    sqlite3_stmt *stmt;
    promc_sqlite_query query;
    if (promc_sqlite_prepare(sql, db, "SELECT what FROM tasks ORDER BY what", -1, &stmt, NULL) != SQLITE_OK)
        return;
    promc_sqlite_begin(sql, &query, stmt);
    while (promc_sqlite_step(&query) == SQLITE_ROW)
        fprintf(stderr, "to do: %s\n", (const char *)sqlite3_column_text(stmt, 0));
    promc_sqlite_end(&query);
    sqlite3_finalize(stmt);
}

int main(void)
{
    promc_registry *registry;
    promc_sql *sql;
    sqlite3 *db;
    char *text;
    if (promc_registry_create(&registry, NULL) != 0 ||
        promc_sqlite_create(&sql, registry, &(promc_sql_settings){.default_schema = "main", .tables = true}) != 0 ||
        sqlite3_open(":memory:", &db) != SQLITE_OK) {
        fprintf(stderr, "%s\n", promc_error_detail());
        return 1;
    }
    promc_sqlite_exec(sql, db, "CREATE TABLE tasks (what TEXT UNIQUE)", NULL, NULL, NULL);
    add(sql, db, "read the manual");
    add(sql, db, "write the program");
    if (add(sql, db, "read the manual") == SQLITE_CONSTRAINT)
        fprintf(stderr, "once is enough\n");
    list(sql, db);
    sqlite3_close(db);

    if (promc_scrape_string(registry, &(promc_scrape_settings){0}, &text, NULL) == 0) {
        fputs(text, stdout);
        free(text);
    }
    promc_sql_destroy(sql);
    promc_registry_destroy(registry);
    return 0;
}
