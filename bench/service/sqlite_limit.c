/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite alone with the rows of a CSV: ingest-api's statement in a loop, in a database that ingest-api has made, committed as durably and as
 * often as its slices. No HTTP, no checks of the values, no jobs, no undo of an import.
 *
 *   sqlite_limit DATABASE CSV [ROWS_A_COMMIT [PRAGMA...]]       prints `rows/s CPU-seconds`
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define COLUMNS 6

static const char pragmas[] =
    "PRAGMA cache_size = -65536; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA secure_delete = ON;";

static const char insert[] = "INSERT INTO crm_prospects (organisation_id, id, email, first_name, last_name, company, "
                             "title, country, created_at, updated_at)"
                             " VALUES ((SELECT id FROM iam_organisations LIMIT 1), ?1, ?2, ?3, ?4, ?5, ?6, ?7, 1, 1) "
                             "ON CONFLICT (organisation_id, email) DO NOTHING";

static double seconds(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void check(sqlite3 *db, int rc)
{
    if (rc == SQLITE_OK || rc == SQLITE_DONE)
        return;
    fprintf(stderr, "sqlite_limit: %s\n", sqlite3_errmsg(db));
    exit(1);
}

static void put(sqlite3 *db, sqlite3_stmt *stmt, long row, char *line)
{
    unsigned char id[16] = {0x01, 0x92};
    for (int i = 0; i < 8; i++)
        id[2 + i] = (unsigned char)((unsigned long)row >> (56 - 8 * i));
    check(db, sqlite3_bind_blob(stmt, 1, id, sizeof(id), SQLITE_STATIC));
    for (int i = 0; i < COLUMNS; i++) {
        size_t length = strcspn(line, ",\r\n");
        check(db, sqlite3_bind_text(stmt, 2 + i, line, (int)length, SQLITE_STATIC));
        line += length + (line[length] == ',');
    }
    check(db, sqlite3_step(stmt));
    check(db, sqlite3_reset(stmt));
}

int main(int argc, char **argv)
{
    char line[4096];
    sqlite3 *db;
    sqlite3_stmt *stmt;
    long row = 0, a_commit = argc > 3 ? strtol(argv[3], NULL, 10) : 5000;
    FILE *csv = argc > 2 ? fopen(argv[2], "r") : NULL;
    if (!csv || !fgets(line, sizeof(line), csv) || a_commit < 1) {
        fprintf(stderr, "usage: sqlite_limit DATABASE CSV [ROWS_A_COMMIT [PRAGMA...]]\n");
        return 2;
    }
    if (sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        check(db, SQLITE_ERROR);
    check(db, sqlite3_exec(db, pragmas, NULL, NULL, NULL));
    for (int i = 4; i < argc; i++)
        check(db, sqlite3_exec(db, argv[i], NULL, NULL, NULL));
    double start = seconds(CLOCK_MONOTONIC), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    check(db, sqlite3_prepare_v2(db, insert, -1, &stmt, NULL));
    for (; fgets(line, sizeof(line), csv); row++) {
        if (row % a_commit == 0)
            check(db, sqlite3_exec(db, row ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE", NULL, NULL, NULL));
        put(db, stmt, row, line);
    }
    check(db, sqlite3_exec(db, "COMMIT", NULL, NULL, NULL));
    printf("%.0f %.3f\n", (double)row / (seconds(CLOCK_MONOTONIC) - start), seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu);
    sqlite3_finalize(stmt);
    sqlite3_close(db);
    return 0;
}
