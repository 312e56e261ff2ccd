/* SPDX-License-Identifier: Apache-2.0 */
/* With real SQLite, in memory and in files. */
#include "util.h"

#include <promc-sqlite/sqlite.h>
#include <unistd.h>

struct fixture {
    promc_registry *registry;
    promc_sql *sql;
    sqlite3 *db;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    return promc_registry_create(&f->registry, NULL) < 0 || promc_sqlite_create(&f->sql, f->registry, NULL) < 0 ||
                   sqlite3_open(":memory:", &f->db) != SQLITE_OK
               ? -1
               : 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(sqlite3_close(f->db), SQLITE_OK);
    promc_sql_destroy(f->sql);
    promc_registry_destroy(f->registry);
    free(f);
    return 0;
}

static int run(struct fixture *f, const char *text)
{
    return promc_sqlite_exec(f->sql, f->db, text, NULL, NULL, NULL);
}

static void a_query_is_one_observation(void **state)
{
    struct fixture *f = *state;
    sqlite3_stmt *stmt;
    promc_sqlite_query query;
    assert_int_equal(run(f, "CREATE TABLE people (name TEXT PRIMARY KEY)"), SQLITE_OK);
    assert_int_equal(run(f, "INSERT INTO people VALUES ('a'), ('b'), ('c')"), SQLITE_OK);
    assert_int_equal(promc_sqlite_prepare(f->sql, f->db, "SELECT name FROM main.people", -1, &stmt, NULL), SQLITE_OK);
    for (int round = 0; round < 2; round++) {
        int rows = 0;
        promc_sqlite_begin(f->sql, &query, stmt);
        while (promc_sqlite_step(&query) == SQLITE_ROW)
            rows++;
        assert_int_equal(rows, 3);
        sqlite3_reset(stmt);
        promc_sqlite_end(&query);
        promc_sqlite_end(&query);
    }
    sqlite3_finalize(stmt);
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"ddl\",schema=\"other\"} 1"));
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"insert\",schema=\"other\"} 1"));
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"select\",schema=\"main\"} 2"));
}

static void errors_have_their_code(void **state)
{
    struct fixture *f = *state;
    sqlite3_stmt *stmt;
    promc_sqlite_query query;
    assert_int_equal(promc_sqlite_prepare(f->sql, f->db, "SELECT * FROM nowhere", -1, &stmt, NULL), SQLITE_ERROR);
    static const char with_nul[] = "DELETE FROM\0 main.people"; /* the schema is behind the end of the statement */
    assert_int_equal(promc_sqlite_prepare(f->sql, f->db, with_nul, sizeof(with_nul) - 1, &stmt, NULL), SQLITE_ERROR);
    assert_true(exposes(f->registry,
                        "db_query_errors_total{operation=\"delete\",schema=\"other\",result_code=\"SQLITE_ERROR\"} 1"));
    assert_int_equal(run(f, "CREATE TABLE people (name TEXT PRIMARY KEY); INSERT INTO people VALUES ('a')"), SQLITE_OK);
    assert_int_equal(run(f, "INSERT INTO people VALUES ('a')"), SQLITE_CONSTRAINT);
    assert_int_equal(promc_sqlite_prepare(f->sql, f->db, "INSERT INTO people VALUES ('a')", -1, &stmt, NULL),
                     SQLITE_OK);
    promc_sqlite_begin(f->sql, &query, stmt);
    assert_int_equal(promc_sqlite_step(&query), SQLITE_CONSTRAINT);
    assert_int_equal(promc_sqlite_step(&query), SQLITE_CONSTRAINT); /* the same query: counted once */
    promc_sqlite_end(&query);
    sqlite3_finalize(stmt);
    assert_true(exposes(f->registry,
                        "db_query_errors_total{operation=\"select\",schema=\"other\",result_code=\"SQLITE_ERROR\"} 1"));
    assert_true(
        exposes(f->registry,
                "db_query_errors_total{operation=\"insert\",schema=\"other\",result_code=\"SQLITE_CONSTRAINT\"} 2"));
    /* the duration of a failed query is observed, too */
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"insert\",schema=\"other\"} 2"));
}

static void errors_have_postgresqls_class(void **state)
{
    struct fixture *f = *state;
    promc_sql *sql;
    sqlite3 *other;
    char path[] = "/tmp/promc-sqlite-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(promc_sql_create(&sql, f->registry, &(promc_sql_settings){.prefix = "either"}), 0);
    sqlite3_close(f->db);
    assert_int_equal(sqlite3_open(path, &f->db), SQLITE_OK);
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(promc_sqlite_exec(sql, f->db, "CREATE TABLE t (a); BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(promc_sqlite_exec(sql, other, "INSERT INTO t VALUES (1)", NULL, NULL, NULL), SQLITE_BUSY);
    assert_true(exposes(f->registry,
                        "either_query_errors_total{operation=\"insert\",schema=\"other\",sqlstate_class=\"40\"} 1"));
    sqlite3_close(other);
    promc_sql_destroy(sql);
    unlink(path);
}

static void codes(void **state)
{
    struct fixture *f = *state;
    promc_sql *second;
    assert_fails(promc_sqlite_create(&second, f->registry, &(promc_sql_settings){.prefix = "x", .reserved = {1}}),
                 PROMC_E_VERSION, "promc_sql_settings: reserved word 0");
    assert_string_equal(promc_sqlite_code_name(SQLITE_BUSY_SNAPSHOT), "SQLITE_BUSY");
    assert_string_equal(promc_sqlite_code_name(SQLITE_CONSTRAINT_UNIQUE), "SQLITE_CONSTRAINT");
    assert_string_equal(promc_sqlite_code_name(77), "SQLITE_ERROR");
    assert_string_equal(promc_sqlite_code_name(-1), "SQLITE_ERROR");
    assert_string_equal(promc_sqlite_sqlstate_class(NULL, SQLITE_FULL), "53");
    assert_string_equal(promc_sqlite_sqlstate_class(NULL, SQLITE_CONSTRAINT_CHECK), "23");
    assert_string_equal(promc_sqlite_sqlstate_class(NULL, SQLITE_IOERR_READ), "58");
}

static void without_metrics(void **state)
{
    struct fixture *f = *state;
    sqlite3_stmt *stmt;
    promc_sqlite_query query;
    assert_int_equal(promc_sqlite_exec(NULL, f->db, "CREATE TABLE t (a)", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(promc_sqlite_exec(NULL, f->db, "nonsense", NULL, NULL, NULL), SQLITE_ERROR);
    assert_int_equal(promc_sqlite_prepare(NULL, f->db, "nonsense", -1, &stmt, NULL), SQLITE_ERROR);
    assert_int_equal(promc_sqlite_prepare(NULL, f->db, "SELECT 1", -1, &stmt, NULL), SQLITE_OK);
    promc_sqlite_begin(NULL, &query, stmt);
    assert_int_equal(promc_sqlite_step(&query), SQLITE_ROW);
    promc_sqlite_end(&query);
    sqlite3_finalize(stmt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_query_is_one_observation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_have_their_code, set_up, tear_down),
        cmocka_unit_test_setup_teardown(errors_have_postgresqls_class, set_up, tear_down),
        cmocka_unit_test_setup_teardown(codes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_metrics, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
