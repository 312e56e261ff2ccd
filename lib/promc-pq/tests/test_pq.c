/* SPDX-License-Identifier: Apache-2.0 */
/* With a real PostgreSQL server: apps/ingest-api/tests/with_postgres starts it and runs this test. */
#include "util.h"

#include <promc-pq/pq.h>

struct fixture {
    promc_registry *registry;
    promc_sql *sql;
    PGconn *conn;
};

static int set_up(void **state)
{
    const char *url = getenv("TEST_POSTGRES");
    struct fixture *f = calloc(1, sizeof(*f));
    *state = f;
    if (!url || promc_registry_create(&f->registry, NULL) < 0 || promc_sql_create(&f->sql, f->registry, NULL) < 0)
        return -1;
    f->conn = promc_pq_connect(f->sql, (const char *const[]){"dbname", NULL}, (const char *const[]){url, NULL}, 1);
    return PQstatus(f->conn) == CONNECTION_OK ? 0 : -1;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    PQfinish(f->conn);
    promc_sql_destroy(f->sql);
    promc_registry_destroy(f->registry);
    free(f);
    return 0;
}

static void expect(PGresult *result, ExecStatusType status)
{
    if (PQresultStatus(result) != status)
        print_error("%s\n", PQresultErrorMessage(result));
    assert_int_equal(PQresultStatus(result), status);
    PQclear(result);
}

static void queries(void **state)
{
    struct fixture *f = *state;
    promc_sql_statement insert;
    static const char text[] = "INSERT INTO pg_temp.people (name) VALUES ($1)";
    static const char *const values[] = {"x"};
    expect(promc_pq_exec(f->sql, f->conn, "CREATE TEMP TABLE people (name text PRIMARY KEY)"), PGRES_COMMAND_OK);
    expect(promc_pq_prepare(f->sql, f->conn, "add", text, 0, NULL), PGRES_COMMAND_OK);
    promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &insert);
    expect(promc_pq_exec_prepared(f->sql, f->conn, &insert, "add", 1, values, NULL, NULL, 0), PGRES_COMMAND_OK);
    expect(promc_pq_exec_prepared(f->sql, f->conn, &insert, "add", 1, values, NULL, NULL, 0), PGRES_FATAL_ERROR);
    expect(promc_pq_exec_params(f->sql, f->conn, "SELECT * FROM pg_temp.people WHERE name = $1", 1, NULL, values, NULL,
                                NULL, 0),
           PGRES_TUPLES_OK);
    expect(promc_pq_prepare(f->sql, f->conn, "bad", "SELECT * FROM nowhere.at_all", 0, NULL), PGRES_FATAL_ERROR);
    expect(promc_pq_exec(f->sql, f->conn, ""), PGRES_EMPTY_QUERY);
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"connect\",schema=\"other\"} 1"));
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"insert\",schema=\"pg_temp\"} 2"));
    assert_true(exposes(f->registry, "db_query_duration_seconds_count{operation=\"select\",schema=\"pg_temp\"} 1"));
    assert_true(
        exposes(f->registry, "db_query_errors_total{operation=\"insert\",schema=\"pg_temp\",sqlstate_class=\"23\"} 1"));
    assert_true(
        exposes(f->registry, "db_query_errors_total{operation=\"select\",schema=\"nowhere\",sqlstate_class=\"42\"} 1"));
}

static void asynchronous(void **state)
{
    struct fixture *f = *state;
    promc_sql_query query;
    PGresult *result;
    promc_sql_begin(f->sql, &query, "SELECT 1 / 0");
    assert_int_equal(PQsendQuery(f->conn, "SELECT 1 / 0"), 1);
    result = PQgetResult(f->conn);
    assert_true(promc_pq_end(&query, f->conn, result));
    assert_false(promc_pq_end(&query, f->conn, result));
    PQclear(result);
    assert_null(PQgetResult(f->conn));
    assert_true(
        exposes(f->registry, "db_query_errors_total{operation=\"select\",schema=\"other\",sqlstate_class=\"22\"} 1"));
}

static void a_lost_connection(void **state)
{
    struct fixture *f = *state;
    expect(promc_pq_exec(f->sql, f->conn, "SELECT pg_terminate_backend(pg_backend_pid())"), PGRES_FATAL_ERROR);
    expect(promc_pq_exec(f->sql, f->conn, "SELECT 1 FROM crm.people"), PGRES_FATAL_ERROR);
    /* 57 or 08: libpq reports either the server's last message or the lost connection */
    promc_family *errors = promc_family_find(f->registry, "db_query_errors_total");
    double told = promc_counter_value(promc_counter_with(errors, "select", "other", "57")) +
                  promc_counter_value(promc_counter_with(errors, "select", "other", "08"));
    assert_true(told > 0.5 && told < 1.5);
    assert_true(
        exposes(f->registry, "db_query_errors_total{operation=\"select\",schema=\"crm\",sqlstate_class=\"08\"} 1"));

    PGconn *refused = promc_pq_connect(f->sql, (const char *const[]){"host", "port", NULL},
                                       (const char *const[]){"127.0.0.1", "1", NULL}, 0);
    assert_int_equal(PQstatus(refused), CONNECTION_BAD);
    PQfinish(refused);
    assert_true(
        exposes(f->registry, "db_query_errors_total{operation=\"connect\",schema=\"other\",sqlstate_class=\"08\"} 1"));
}

static void without_metrics(void **state)
{
    struct fixture *f = *state;
    promc_sql_query query;
    expect(promc_pq_exec(NULL, f->conn, "SELECT 1"), PGRES_TUPLES_OK);
    expect(promc_pq_prepare(NULL, f->conn, "one", "SELECT 1", 0, NULL), PGRES_COMMAND_OK);
    expect(promc_pq_exec_prepared(NULL, f->conn, NULL, "one", 0, NULL, NULL, NULL, 0), PGRES_TUPLES_OK);
    promc_sql_begin(NULL, &query, "SELECT 1");
    assert_false(promc_pq_end(&query, f->conn, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(queries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(asynchronous, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_lost_connection, set_up, tear_down),
        cmocka_unit_test_setup_teardown(without_metrics, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
