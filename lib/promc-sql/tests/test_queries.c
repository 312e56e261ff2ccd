/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of queries. Hostile SQL cannot create series without limit. */
#include "util.h"

#include <promc-sql/pool.h>
#include <promc-sql/queries.h>

static void queries_and_errors(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_sql *sql;
    promc_sql_query query;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_sql_create(&sql, registry, NULL), 0);
    promc_sql_begin(sql, &query, "SELECT * FROM crm.people");
    assert_true(promc_sql_end(&query, NULL));
    assert_false(promc_sql_end(&query, "23")); /* already counted */
    promc_sql_begin(sql, &query, "INSERT INTO crm.people VALUES (1)");
    assert_true(promc_sql_end(&query, "23"));
    promc_sql_statement mine = {.operation = PROMC_SQL_DELETE, .schema = "mine"};
    promc_sql_begin_as(sql, &query, &mine);
    assert_true(promc_sql_end(&query, NULL));
    promc_sql_observe(sql, NULL, 3);
    promc_sql_error(sql, &mine, "");
    assert_true(exposes(registry, "db_query_duration_seconds_count{operation=\"select\",schema=\"crm\"} 1"));
    assert_true(exposes(registry, "db_query_duration_seconds_count{operation=\"insert\",schema=\"crm\"} 1"));
    assert_true(
        exposes(registry, "db_query_errors_total{operation=\"insert\",schema=\"crm\",sqlstate_class=\"23\"} 1"));
    assert_true(exposes(registry, "db_query_duration_seconds_count{operation=\"delete\",schema=\"mine\"} 1"));
    assert_true(
        exposes(registry, "db_query_errors_total{operation=\"delete\",schema=\"mine\",sqlstate_class=\"other\"} 1"));
    assert_true(
        exposes(registry, "db_query_duration_seconds_bucket{operation=\"other\",schema=\"other\",le=\"2.5\"} 0"));
    assert_true(exposes(registry, "db_query_duration_seconds_sum{operation=\"other\",schema=\"other\"} 3"));
    promc_sql_destroy(sql);
    promc_registry_destroy(registry);
}

static void settings(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_sql *sql, *second;
    promc_sql_query query;
    static const char *const schemas[] = {"iam", "crm"};
    static const char *const hole[] = {"iam", NULL};
    char long_prefix[64];
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_sql_create(&sql, registry,
                                      &(promc_sql_settings){.prefix = "pg",
                                                            .error_label = "code",
                                                            .schemas = schemas,
                                                            .schema_count = 2,
                                                            .default_schema = "main",
                                                            .tables = true,
                                                            .buckets = (const double[]){1},
                                                            .bucket_count = 1}),
                     0);
    promc_sql_begin(sql, &query, "SELECT * FROM crm.people");
    promc_sql_end(&query, NULL);
    promc_sql_begin(sql, &query, "SELECT * FROM evil.people");
    promc_sql_end(&query, "X");
    promc_sql_begin(sql, &query, "SELECT 1");
    promc_sql_end(&query, NULL);
    assert_true(
        exposes(registry, "pg_query_duration_seconds_count{operation=\"select\",schema=\"crm\",table=\"people\"} 1"));
    assert_true(exposes(registry,
                        "pg_query_errors_total{operation=\"select\",schema=\"other\",table=\"people\",code=\"X\"} 1"));
    assert_true(
        exposes(registry, "pg_query_duration_seconds_count{operation=\"select\",schema=\"main\",table=\"other\"} 1"));

    /* a statement of a newer program */
    const promc_sql_statement newer = {.operation = PROMC_SQL_INSERT, .schema = "iam", .reserved = {0, 0, 1}};
    promc_sql_begin_as(sql, &query, &newer);
    promc_sql_end(&query, NULL);
    assert_false(exposes(registry, "operation=\"insert\""));
    assert_true(
        exposes(registry, "pg_query_duration_seconds_count{operation=\"other\",schema=\"main\",table=\"other\"} 1"));
    assert_fails(promc_sql_create(&second, registry, &(promc_sql_settings){.prefix = "x", .reserved = {0, 0, 1}}),
                 PROMC_E_VERSION, "promc_sql_settings: reserved word 2");
    assert_null(second);

    assert_int_equal(promc_sql_create(&second, registry, &(promc_sql_settings){.prefix = "pg"}), PROMC_E_DUPLICATE);
    assert_null(second);
    assert_int_equal(promc_sql_create(&second, registry, &(promc_sql_settings){.schemas = hole, .schema_count = 2}),
                     PROMC_E_INVALID);
    memset(long_prefix, 'a', sizeof(long_prefix));
    long_prefix[sizeof(long_prefix) - 1] = '\0';
    assert_int_equal(promc_sql_create(&second, registry, &(promc_sql_settings){.prefix = long_prefix}),
                     PROMC_E_INVALID);
    assert_int_equal(promc_sql_create(&second, registry, &(promc_sql_settings){.prefix = "8"}), PROMC_E_NAME);
    assert_string_equal(promc_sql_error_label(sql), "code");
    assert_string_equal(promc_sql_error_label(NULL), "");
    promc_sql_destroy(sql);
    promc_sql_destroy(NULL);
    promc_registry_destroy(registry);
}

static void hostile_names_are_bounded(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_sql *sql;
    int series = 0;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    assert_int_equal(promc_sql_create(&sql, registry, &(promc_sql_settings){.max_series = 50, .tables = true}), 0);
    for (int i = 0; i < 5000; i++) {
        char text[128];
        promc_sql_query query;
        snprintf(text, sizeof(text), "SELECT * FROM \"s%d\n\".\"t%d\\\"\"\"", i, i);
        promc_sql_begin(sql, &query, text);
        promc_sql_end(&query, "42");
    }
    double counted = 0;
    char *text;
    assert_int_equal(promc_scrape_string(registry, &(promc_scrape_settings){0}, &text, NULL), 0);
    for (char *line = text; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        series += strncmp(line, "db_query_duration_seconds_count{", 32) == 0;
        if (strncmp(line, "db_query_errors_total{", 22) == 0) {
            series++;
            counted += strtod(strstr(line, "} ") + 1, NULL);
        }
    }
    assert_true(counted > 4999.5 && counted < 5000.5); /* nothing is lost */
    assert_true(series > 90 && series <= 102);         /* two families of 50, each with an overflow series */
    free(text);
    promc_sql_destroy(sql);
    promc_registry_destroy(registry);
}

static void without_metrics(void **state)
{
    (void)state;
    promc_sql_query query;
    promc_sql_wait wait;
    promc_sql_begin(NULL, &query, "SELECT 1");
    assert_false(promc_sql_end(&query, NULL));
    promc_sql_begin_as(NULL, &query, NULL);
    assert_false(promc_sql_end(&query, "23"));
    promc_sql_observe(NULL, NULL, 1);
    promc_sql_error(NULL, NULL, "23");
    promc_sql_pool_opened(NULL);
    promc_sql_pool_wait(NULL, &wait);
    promc_sql_pool_acquired(&wait);
    promc_sql_pool_gave_up(&wait);
    promc_sql_pool_released(NULL);
    promc_sql_pool_closed(NULL);
    promc_sql_pool_destroy(NULL);
}

static void pool(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_sql_pool *pool;
    promc_sql_wait first, second, third;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_sql_pool_create(&pool, registry, NULL, 10), 0);
    promc_sql_pool_opened(pool);
    promc_sql_pool_opened(pool);
    promc_sql_pool_wait(pool, &first);
    promc_sql_pool_wait(pool, &second);
    promc_sql_pool_wait(pool, &third);
    promc_sql_pool_acquired(&first);
    promc_sql_pool_acquired(&first);
    promc_sql_pool_gave_up(&second);
    assert_true(exposes(registry, "db_connection_pool_size{state=\"active\"} 1"));
    assert_true(exposes(registry, "db_connection_pool_size{state=\"idle\"} 1"));
    assert_true(exposes(registry, "db_connection_pool_max_size 10"));
    assert_true(exposes(registry, "db_connection_pool_pending_acquires 1"));
    assert_true(exposes(registry, "db_connection_pool_acquire_duration_seconds_count 2"));
    assert_true(exposes(registry, "db_connection_pool_acquire_timeouts_total 1"));
    promc_sql_pool_joined(&third); /* shares the connection of the first */
    assert_true(exposes(registry, "db_connection_pool_size{state=\"active\"} 1"));
    assert_true(exposes(registry, "db_connection_pool_acquire_duration_seconds_count 3"));
    promc_sql_pool_gave_up(&third);
    assert_true(exposes(registry, "db_connection_pool_acquire_timeouts_total 1"));
    promc_sql_pool_released(pool);
    promc_sql_pool_closed(pool);
    promc_sql_pool_closed(pool);
    assert_true(exposes(registry, "db_connection_pool_size{state=\"active\"} 0"));
    assert_true(exposes(registry, "db_connection_pool_size{state=\"idle\"} 0"));
    assert_true(exposes(registry, "db_connection_pool_pending_acquires 0"));
    promc_sql_pool_destroy(pool);
    promc_registry_destroy(registry);
}

/* A prepared statement is read only once. */
static void prepared(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_sql *sql;
    promc_sql_prepared said;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_sql_create(&sql, registry, NULL), 0);
    promc_sql_prepare(sql, "SELECT * FROM crm.people", PROMC_SQL_NUL_TERMINATED, &said);
    assert_int_equal(said.statement.operation, PROMC_SQL_SELECT);
    assert_true(exposes(registry, "db_query_duration_seconds_count{operation=\"select\",schema=\"crm\"} 0"));
    promc_sql_observe_prepared(&said, 3);
    promc_sql_observe_prepared(&said, 4);
    assert_true(exposes(registry, "db_query_duration_seconds_sum{operation=\"select\",schema=\"crm\"} 7"));
    promc_sql_prepare(NULL, "SELECT * FROM crm.people", PROMC_SQL_NUL_TERMINATED, &said);
    assert_string_equal(said.statement.table, "people"); /* the text is read even without metrics */
    promc_sql_observe_prepared(&said, 3);
    assert_true(exposes(registry, "db_query_duration_seconds_sum{operation=\"select\",schema=\"crm\"} 7"));
    promc_sql_destroy(sql);
    promc_registry_destroy(registry);
}

/* Families and series that the program has registered itself. */
static void the_program_s_own_families(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *duration, *errors, *size;
    promc_sql *sql;
    promc_sql_pool *pool;
    promc_sql_query query;
    promc_sql_wait wait;
    promc_sql_pool_handles handles = {.reserved = {0, 0, 1}};
    assert_fails(promc_sql_pool_create_with(&pool, &handles, 1), PROMC_E_VERSION,
                 "promc_sql_pool_handles: reserved word 2");
    assert_null(pool);
    handles.reserved[2] = 0;
    promc_histogram_settings histogram = {.family = {.name = "q_seconds", .labels = {"operation", "schema"}},
                                          .buckets = (const double[]){1},
                                          .bucket_count = 1};
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_histogram_register(registry, &histogram, &duration), 0);
    assert_int_equal(
        promc_counter_register(
            registry, &(promc_family_settings){.name = "e_total", .labels = {"operation", "schema", "code"}}, &errors),
        0);
    assert_int_equal(promc_sql_create(&sql, registry, &(promc_sql_settings){.duration = duration, .errors = errors}),
                     0);
    promc_sql_begin(sql, &query, "DELETE FROM crm.people");
    assert_true(promc_sql_end(&query, "23"));
    assert_true(exposes(registry, "q_seconds_count{operation=\"delete\",schema=\"crm\"} 1"));
    assert_true(exposes(registry, "e_total{operation=\"delete\",schema=\"crm\",code=\"23\"} 1"));
    assert_null(promc_family_find(registry, "db_query_duration_seconds"));
    assert_null(promc_family_find(registry, "db_query_errors_total"));
    promc_sql_destroy(sql);

    assert_int_equal(promc_updown_register(registry, &(promc_family_settings){.name = "n", .labels = {"s"}}, &size), 0);
    assert_int_equal(promc_updown_get(size, (const char *const[]){"busy"}, &handles.active), 0);
    assert_int_equal(promc_sql_pool_create_with(&pool, &handles, 2), 0);
    promc_sql_pool_opened(pool);
    promc_sql_pool_wait(pool, &wait);
    promc_sql_pool_acquired(&wait);
    assert_true(exposes(registry, "n{s=\"busy\"} 1"));
    assert_null(promc_family_find(registry, "db_connection_pool_size"));
    promc_sql_pool_destroy(pool);
    assert_int_equal(promc_sql_pool_create_with(&pool, NULL, 2), PROMC_E_INVALID);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(prepared), cmocka_unit_test(the_program_s_own_families), cmocka_unit_test(queries_and_errors),
        cmocka_unit_test(settings), cmocka_unit_test(hostile_names_are_bounded),  cmocka_unit_test(without_metrics),
        cmocka_unit_test(pool),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
