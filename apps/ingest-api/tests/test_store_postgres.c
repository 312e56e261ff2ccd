/* SPDX-License-Identifier: Apache-2.0 */
/* Features of PostgreSQL only, and faults that only a server can cause. Run under with_postgres. */
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

static void control(const char *action)
{
    char command[512];
    snprintf(command, sizeof(command), "%s %s >/dev/null 2>&1", getenv("TEST_POSTGRES_CONTROL"), action);
    assert_int_equal(system(command), 0);
}

/* ---- row-level security ---- */

struct scoped {
    const char *scope; /* NULL: none */
    int64_t rows;
};

static int run_unscoped_query(void *arg, struct db *db)
{
    struct scoped *scoped = arg;
    if (scoped->scope)
        db_scope(db, scoped->scope);
    /* A query without a condition on the organisation. */
    struct db_stmt *stmt = db_prepare(db, "SELECT count(*) FROM crm.prospects");
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        scoped->rows = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

struct insert {
    const char *organisation, *scope;
    int number;
    char email[64];
};

static int run_insert(void *arg, struct db *db)
{
    struct insert *insert = arg;
    snprintf(insert->email, sizeof(insert->email), "n%d@example.com", insert->number);
    struct prospect_input row = {.field = {{insert->email, strlen(insert->email)}}};
    return prospects_upsert(db, insert->organisation, &row, 1, NULL);
}

static int run_insert_for_another(void *arg, struct db *db)
{
    struct insert *insert = arg;
    db_scope(db, insert->scope);
    return db_exec(db,
                   "INSERT INTO crm.prospects (organisation_id, id, email, created_at, updated_at)"
                   " VALUES ($1, $2, 'x@example.com', 1, 1)",
                   "uu", insert->organisation, insert->organisation);
}

static void the_database_itself_separates_tenants(void **state)
{
    struct fixture *f = *state;
    struct insert mine = {.organisation = f->organisation, .number = 1};
    struct insert foreign = {.organisation = f->organisation, .scope = f->other};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_insert, &mine), DB_OK);
    struct scoped none = {NULL, -1}, other = {f->other, -1}, own = {f->organisation, -1};
    for (int i = 0; i < 4; i++) { /* for any earlier use of the connection */
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_unscoped_query, &own), DB_OK);
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_unscoped_query, &none), DB_OK);
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_unscoped_query, &other), DB_OK);
        assert_int_equal(own.rows, 1);
        assert_int_equal(none.rows, 0);
        assert_int_equal(other.rows, 0);
    }
    assert_true(store_run(f->store, STORE_MODE_WRITE, run_insert_for_another, &foreign) < 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 1);
}

/* ---- faults ---- */

#define WRITERS 4

struct load {
    struct fixture *f;
    int first, refused;
    atomic_int acknowledged;
    _Atomic bool ended, *stop;
    char done[100000]; /* by number: whether it was acknowledged */
};

static void *write_load(void *arg)
{
    struct load *load = arg;
    struct insert insert = {.organisation = load->f->organisation};
    for (int i = 0; i < (int)sizeof(load->done) && !atomic_load(load->stop); i++) {
        insert.number = load->first + i;
        load->done[i] = store_run(load->f->store, STORE_MODE_WRITE, run_insert, &insert) == DB_OK;
        atomic_fetch_add(&load->acknowledged, load->done[i]);
        load->refused += !load->done[i];
    }
    atomic_store(&load->ended, true);
    return NULL;
}

static int run_exists(void *arg, struct db *db)
{
    struct load *load = arg;
    int missing = 0, rc = db_scope(db, load->f->organisation);
    for (int i = 0; rc >= 0 && i < (int)sizeof(load->done); i++) {
        char email[64];
        if (!load->done[i])
            continue;
        snprintf(email, sizeof(email), "n%d@example.com", load->first + i);
        struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM crm.prospects WHERE organisation_id = $1 AND email = $2");
        db_bind_uuid(stmt, 1, load->f->organisation);
        db_bind_str(stmt, 2, email);
        rc = db_step(stmt);
        missing += rc != DB_ROW;
        db_done(stmt);
    }
    return missing;
}

static void under_load(struct fixture *f, void (*fault)(void))
{
    static struct load load[WRITERS];
    pthread_t thread[WRITERS];
    _Atomic bool stop = false;
    memset(load, 0, sizeof(load));
    for (int i = 0; i < WRITERS; i++) {
        load[i].f = f;
        load[i].first = i * (int)sizeof(load[i].done);
        load[i].stop = &stop;
        assert_int_equal(pthread_create(&thread[i], NULL, write_load, &load[i]), 0);
    }
    for (int i = 0; i < WRITERS; i++)
        wait_until(atomic_load(&load[i].acknowledged) > 0);
    for (int i = 0; i < 3; i++) {
        fault();
        for (int n = 0; n < WRITERS; n++) { /* each writer continues */
            const int before = atomic_load(&load[n].acknowledged);
            wait_until(atomic_load(&load[n].acknowledged) > before || atomic_load(&load[n].ended));
        }
    }
    /* The store recovers by itself. */
    struct insert after = {.organisation = f->organisation, .number = 99999999};
    wait_until(store_run(f->store, STORE_MODE_WRITE, run_insert, &after) == DB_OK);
    atomic_store(&stop, true);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_exists, &load[i]), 0);
}

/* Returns when the connections are gone. */
static void terminate_connections(void)
{
    fixture_server(
        getenv("TEST_POSTGRES_ADMIN"),
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'ingest-api %'");
}

static void restart_server(void)
{
    control("restart -m fast");
}

static void crash_server(void)
{
    control("restart -m immediate");
}

static void cut_connections_lose_nothing(void **state)
{
    under_load(*state, terminate_connections);
}

static void a_restarted_server_loses_nothing(void **state)
{
    under_load(*state, restart_server);
}

static void a_crashed_server_loses_nothing(void **state)
{
    under_load(*state, crash_server);
}

/* Idle connections are lost with the server. The next request does not notice. */
static void an_idle_connection_is_renewed(void **state)
{
    struct fixture *f = *state;
    struct insert insert = {.organisation = f->organisation};
    for (int i = 0; i < 5; i++) {
        terminate_connections();
        insert.number = i;
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_insert, &insert), DB_OK);
    }
}

static void without_a_server_requests_end_at_their_deadline(void **state)
{
    struct fixture *f = *state;
    struct insert insert = {.organisation = f->organisation, .number = 1};
    control("stop -m fast");
    assert_true(store_run_within(f->store, STORE_MODE_WRITE, 300, run_insert, &insert) < 0);
    assert_true(store_check(f->store, 300) < 0);
    control("start");
    wait_until(store_run(f->store, STORE_MODE_WRITE, run_insert, &insert) == DB_OK);
}

/* ---- opening ---- */

static void *open_store(void *arg)
{
    struct store *store;
    if (store_open(&store, arg) != 0)
        return arg;
    store_close(store);
    return NULL;
}

static void servers_that_start_at_once_migrate_once(void **state)
{
    struct fixture *f = *state;
    struct settings fresh = f->settings;
    pthread_t thread[4];
    void *failed;
    fixture_create_database(&fresh);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, open_store, &fresh), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    fixture_drop_database(&fresh);
}

static void an_unusable_url_is_refused(void **state)
{
    struct fixture *f = *state;
    struct settings settings = f->settings;
    struct store *store;
    settings.store_timeout_ms = 300;
    /* The URL decides, not the driver's default: no test has Kerberos credentials. */
    size_t length = strlen(settings.store_url);
    snprintf(settings.store_url + length, sizeof(settings.store_url) - length, "?gssencmode=require");
    assert_int_equal(store_open(&store, &settings), -1);
    snprintf(settings.store_url, sizeof(settings.store_url), "postgres://x@127.0.0.1:1/x");
    assert_int_equal(store_open(&store, &settings), -1);
    snprintf(settings.store_url, sizeof(settings.store_url), "postgres://x@y:z:1/x?nonsense=1");
    assert_int_equal(store_open(&store, &settings), -1);
}

static int run_swallow(void *arg, struct db *db)
{
    struct insert *insert = arg;
    int rc = run_insert(insert, db);
    if (rc != DB_OK)
        return rc;
    /* The work ignores an error. The transaction is lost anyway and must not be reported as stored. */
    db_exec(db, "SELECT 1 / 0 FROM iam.organisations", "");
    return 0;
}

static void a_broken_transaction_is_not_committed(void **state)
{
    struct fixture *f = *state;
    struct insert insert = {.organisation = f->organisation, .number = 1};
    assert_true(store_run(f->store, STORE_MODE_WRITE, run_swallow, &insert) < 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 0);
}

/* ---- statements whose result nobody waits for ---- */

#define INSERT_JOB                                                                               \
    "INSERT INTO tracking.jobs (id, queue, organisation_id, payload, state, due_at, created_at)" \
    " VALUES ($1, 'email.send', $1, '', $2, 1, 1)"

struct later {
    int n;        /* rows, each by its own statement */
    int bad;      /* the row that the table refuses; -1: none */
    bool ask;     /* run a query after them */
    bool swallow; /* and ignore its result */
};

static int run_later(void *arg, struct db *db)
{
    struct later *later = arg;
    int rc = db_scope_all(db);
    for (int i = 0; rc == DB_OK && i < later->n; i++) {
        char id[40];
        snprintf(id, sizeof(id), "00000000-0000-4000-8000-%012d", i);
        rc = db_exec_later(db, INSERT_JOB, "us", id, i == later->bad ? "none" : "ready");
    }
    if (rc == DB_OK && later->ask) {
        int64_t rows = -1;
        struct db_stmt *stmt = db_prepare(db, "SELECT count(*) FROM tracking.jobs");
        rc = db_step(stmt);
        if (rc == DB_ROW)
            rows = db_column_int(stmt, 0);
        db_done(stmt);
        if (rc == DB_ROW)
            rc = rows == later->n ? DB_OK : DB_E_NOT_FOUND;
    }
    return later->swallow ? DB_OK : rc;
}

static void deferred_statements_are_committed(void **state)
{
    struct fixture *f = *state;
    struct later cases[] = {
        {1, -1, false, false}, {1, -1, true, false}, {100, -1, false, false}, {100, -1, true, false}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_later, &cases[i]), DB_OK);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), cases[i].n);
        fixture_exec(f, "DELETE FROM tracking.jobs");
    }
}

#define ERRORS "db_query_errors_total"

/* The next statement, a later query or the commit gets the error first. The result is the same if the work ignores it. */
static void a_failed_deferred_statement_is_not_committed(void **state)
{
    struct fixture *f = *state;
    /* The query of the first case is new to its connection: the failure prevents its preparation. */
    struct later cases[] = {{1, 0, true, false},     {1, 0, false, false},   {2, 0, false, false},
                            {1, 0, true, true},      {100, 0, false, false}, {100, 50, true, false},
                            {100, 99, false, false}, {100, 99, true, true}};
    struct later good = {.n = 3, .bad = -1, .ask = true};
    assert_int_equal(metrics_init(true, 1), 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(store_run(f->store, STORE_MODE_WRITE, run_later, &cases[i]) < 0);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 0);
        assert_true(fixture_metric(ERRORS "{operation=\"insert\",schema=\"tracking\",sqlstate_class=\"23\"}") ==
                    (double)(i + 1));
        /* The connection still works. */
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_later, &good), DB_OK);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 3);
        fixture_exec(f, "DELETE FROM tracking.jobs");
    }
    assert_true(fixture_metric(ERRORS "{operation=\"select\",schema=\"tracking\",sqlstate_class=\"23\"}") <= 0);
    assert_true(fixture_metric(ERRORS "{operation=\"commit\",schema=\"other\",sqlstate_class=\"23\"}") <= 0);
    metrics_destroy();
}

static void a_read_cannot_write(void **state)
{
    struct fixture *f = *state;
    struct insert insert = {.organisation = f->organisation, .number = 1};
    struct later later = {.n = 1, .bad = -1};
    assert_true(store_run(f->store, STORE_MODE_READ, run_insert, &insert) < 0);
    assert_true(store_run(f->store, STORE_MODE_READ, run_later, &later) < 0);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_insert, &insert), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 1);
}

/* ---- plans ---- */

struct plans {
    const char *organisation;
    int64_t generic, custom;
};

static int count_row(void *arg, const struct prospect *row)
{
    (void)row;
    ++*(int *)arg;
    return 0;
}

static int run_pages(void *arg, struct db *db)
{
    struct plans *plans = arg;
    int rows = 0, rc = DB_OK;
    bool more;
    for (unsigned i = 0; rc == DB_OK && i < 20; i++) { /* the same plan for every page length */
        rc = prospects_page(db, plans->organisation, NULL, 1 + 25 * i, NULL, count_row, &rows, &more);
        rc = rc < 0 ? rc : rc == (int)(1 + 25 * i) ? DB_OK : DB_E_OTHER;
    }
    struct db_stmt *stmt =
        db_prepare(db, "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%FROM"
                       " crm.prospects%' ORDER BY generic_plans + custom_plans DESC LIMIT 1");
    if (rc == DB_OK && (rc = db_step(stmt)) == DB_ROW) {
        plans->generic = db_column_int(stmt, 0);
        plans->custom = db_column_int(stmt, 1);
        rc = DB_OK;
    }
    db_done(stmt);
    return rc;
}

/* PostgreSQL plans the first five executions for their own parameters and then compares costs (see data/page.h). */
static void a_page_is_planned_once(void **state)
{
    struct fixture *f = *state;
    struct plans plans = {.organisation = f->organisation};
    struct insert insert = {.organisation = f->organisation};
    for (insert.number = 0; insert.number < 2000; insert.number++)
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_insert, &insert), DB_OK);
    assert_int_equal(fixture_exec(f, "ANALYZE crm.prospects"), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_pages, &plans), DB_OK);
    assert_int_equal(plans.custom, 5);
    assert_int_equal(plans.generic, 15);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_database_itself_separates_tenants),
        TEST(a_page_is_planned_once),
        TEST(a_broken_transaction_is_not_committed),
        TEST(deferred_statements_are_committed),
        TEST(a_failed_deferred_statement_is_not_committed),
        TEST(a_read_cannot_write),
        TEST(an_idle_connection_is_renewed),
        TEST(cut_connections_lose_nothing),
        TEST(a_restarted_server_loses_nothing),
        TEST(a_crashed_server_loses_nothing),
        TEST(without_a_server_requests_end_at_their_deadline),
        TEST(servers_that_start_at_once_migrate_once),
        TEST(an_unusable_url_is_refused),
    };
    if (!fixture_postgres()) {
        puts("skipped: TEST_POSTGRES is not set (run it under tests/with_postgres)");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
