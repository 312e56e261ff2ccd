/* SPDX-License-Identifier: Apache-2.0 */
/* An import of one row together with its commit (import/alone.h), only with PostgreSQL. Run under with_postgres. */
#include "import/import.h"
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

struct call {
    const char *organisation;
    bool may_commit;
    bool clear, refuse;
    int64_t delay_ms;
    struct import_result result;
    char body[256];
    int rc;
};

static int before_commit(void *arg)
{
    const struct call *call = arg;
    must(call->result.imported == 1 && call->result.updated == 0 && call->result.jobs == 1);
    return call->refuse ? IMPORT_NO_MEMORY : IMPORT_OK;
}

static int run(void *arg, struct db *db)
{
    struct call *call = arg;
    struct import_fault fault;
    struct import_request request = {.organisation_id = call->organisation,
                                     .request_id = "req-1",
                                     .source = {.format = IMPORT_CSV,
                                                .charset = "",
                                                .body = call->body,
                                                .length = strlen(call->body),
                                                .clear = call->clear},
                                     .validation_delay_ms = call->delay_ms,
                                     .before_commit = call->may_commit ? before_commit : NULL,
                                     .before_commit_arg = call};
    return import_run(db, &request, &call->result, &fault);
}

static int import_rows(struct fixture *f, struct call *call)
{
    call->rc = store_run(f->store, STORE_MODE_WRITE, run, call);
    import_result_clear(&call->result);
    return call->rc;
}

/* A checksum of the organisation's prospects and everything that belongs to them. */
static int64_t all_of(struct fixture *f, const char *organisation)
{
    static char sql[2048];
    (void)snprintf(sql, sizeof(sql),
                   "SELECT hashtextextended(concat_ws('|', (SELECT string_agg(concat_ws('/', email, first_name, "
                   "company, custom, status,"
                   " status_reason, research, created_at = updated_at), ';' ORDER BY email) FROM crm.prospects WHERE "
                   "organisation_id = '%s'),"
                   " (SELECT sum(used) FROM tracking.usage WHERE organisation_id = '%s' AND what = 'prospects'),"
                   " (SELECT string_agg(concat_ws('/', j.queue, j.request_id, j.state, j.turn, j.due_at - "
                   "j.created_at, (SELECT string_agg(p.email,"
                   " ',' ORDER BY email) FROM crm.prospects p WHERE strpos(j.payload, p.id::text) > 0), "
                   "length(j.payload)), ';' ORDER BY j.id)"
                   " FROM tracking.jobs j WHERE organisation_id = '%s')), 0)",
                   organisation, organisation, organisation);
    return fixture_count(f, sql);
}

static void it_does_the_same_as_other_imports(void **state)
{
    struct fixture *f = *state;
    const struct {
        const char *body;
        bool alone, clear;
        int64_t delay_ms;
    } cases[] = {
        {"email,first_name,plan\nAda@Example.com,Ada,gold\n", true, false, 5000},
        {"email,first_name,company,plan,score\nADA@example.com,,Acme,silver,5\n", true, false, 5000}, /* known */
        {"email\nada@example.com\n", true, false, 5000},
        {"email,company\nbad,Acme\nbob@example.com,Acme\n", true, false, 5000}, /* one is refused */
        {"email,company\nbob@example.com,Acme 2\nbad,Acme\n", true, false, 5000},
        {"email\nbad\n", false, false, 5000},
        {"email\neve@example.com\nfay@example.com\n", false, false, 5000},
        {"email\neve@example.com\neve@example.com\n", false, false, 5000},
        {"email,first_name\nada@example.com,\n", false, true, 5000}, /* clears */
        {"email,first_name\nada@example.com,Ada\n", true, false, 1},
        {"email,first_name\nada@example.com,Eve\n", false, false, 0}, /* a job without a delay gets a turn */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct call whole = {.organisation = f->organisation, .clear = cases[i].clear, .delay_ms = cases[i].delay_ms};
        (void)snprintf(whole.body, sizeof(whole.body), "%s", cases[i].body);
        struct call alone = whole;
        alone.organisation = f->other;
        alone.may_commit = true;
        assert_int_equal(import_rows(f, &whole), IMPORT_OK);
        assert_int_equal(import_rows(f, &alone), IMPORT_OK);
        assert_false(whole.result.committed);
        assert_int_equal(alone.result.committed, cases[i].alone);
        assert_int_equal(alone.result.imported, whole.result.imported);
        assert_int_equal(alone.result.updated, whole.result.updated);
        assert_int_equal(alone.result.rejected, whole.result.rejected);
        assert_int_equal(alone.result.jobs, whole.result.jobs);
        assert_int_equal(all_of(f, f->other), all_of(f, f->organisation));
        if (i == 0) /* an invalid prospect is validated again */
            fixture_exec(f, "UPDATE crm.prospects SET status = 'invalid', status_reason = 'no_mail'");
        if (i == 1)
            fixture_exec(f, "UPDATE crm.prospects SET status = 'researched', research = '{}'");
    }
}

static void without_permission_to_commit_nothing_is_done(void **state)
{
    struct fixture *f = *state;
    struct call call = {
        .organisation = f->organisation, .may_commit = true, .refuse = true, .delay_ms = 1, .body = "email\na@b.co\n"};
    assert_int_equal(import_rows(f, &call), IMPORT_NO_MEMORY);
    assert_false(call.result.committed);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 0);
    call.refuse = false;
    assert_int_equal(import_rows(f, &call), IMPORT_OK);
    assert_true(call.result.committed);
}

/* For an organisation that does not exist: the statement fails, and so does its commit. */
static void a_refused_import_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    struct call call = {.organisation = "01900000-0000-7000-8000-000000000000",
                        .may_commit = true,
                        .delay_ms = 1,
                        .body = "email\na@b.co\n"};
    assert_int_equal(import_rows(f, &call), DB_E_CONFLICT);
    assert_false(call.result.committed);
    call.organisation = f->organisation;
    assert_int_equal(import_rows(f, &call), IMPORT_OK); /* the connection still works */
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM crm.prospects"), 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 1);
    assert_int_equal(fixture_count(f, "SELECT sum(used) FROM tracking.usage WHERE what = 'prospects'"), 1);
}

/* ---- interrupted imports ---- */

#define WRITERS 4
#define ROWS_MOST 50000

struct load {
    struct fixture *f;
    int first;
    _Atomic int n, acknowledged;
    _Atomic bool *stop;
    signed char rc[ROWS_MOST];
};

static void *write_load(void *arg)
{
    struct load *load = arg;
    while (load->n < ROWS_MOST && !atomic_load(load->stop)) {
        struct call call = {.organisation = load->f->organisation, .may_commit = true, .delay_ms = 600000};
        (void)snprintf(call.body, sizeof(call.body), "email\nn%d@example.com\n", load->first + load->n);
        int rc = import_rows(load->f, &call);
        must(rc != DB_OK || (call.result.committed && call.result.imported == 1));
        load->rc[load->n] = (signed char)rc;
        atomic_fetch_add(&load->n, 1);
        atomic_fetch_add(&load->acknowledged, rc == DB_OK);
    }
    return NULL;
}

static int run_look(void *arg, struct db *db)
{
    struct load *load = arg;
    int wrong = 0, rc = db_scope(db, load->f->organisation);
    for (int i = 0; rc >= 0 && i < load->n; i++) {
        char email[64];
        if (load->rc[i] == DB_E_UNKNOWN)
            continue;
        (void)snprintf(email, sizeof(email), "n%d@example.com", load->first + i);
        struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM crm.prospects WHERE organisation_id = $1 AND email = $2");
        db_bind_uuid(stmt, 1, load->f->organisation);
        db_bind_str(stmt, 2, email);
        rc = db_step(stmt);
        wrong += (rc == DB_ROW) != (load->rc[i] == DB_OK);
        db_done(stmt);
    }
    return rc < 0 ? rc : wrong;
}

/* Exactly the acknowledged rows exist, and each has its job and is counted. */
static void under_load(struct fixture *f, void (*fault)(void))
{
    static struct load load[WRITERS];
    pthread_t thread[WRITERS];
    _Atomic bool stop = false;
    memset(load, 0, sizeof(load));
    for (int i = 0; i < WRITERS; i++) {
        load[i].f = f;
        load[i].first = i * ROWS_MOST;
        load[i].stop = &stop;
        assert_int_equal(pthread_create(&thread[i], NULL, write_load, &load[i]), 0);
    }
    for (int fault_n = 0; fault_n < 5; fault_n++) {
        for (int i = 0; i < WRITERS; i++) {
            const int before = atomic_load(&load[i].acknowledged);
            wait_until(atomic_load(&load[i].acknowledged) > before + 20 || load[i].n == ROWS_MOST);
        }
        fault();
    }
    atomic_store(&stop, true);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(thread[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(store_run(f->store, STORE_MODE_READ, run_look, &load[i]), 0);
    int64_t rows = fixture_count(f, "SELECT count(*) FROM crm.prospects");
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), rows);
    assert_int_equal(fixture_count(f, "SELECT sum(used) FROM tracking.usage WHERE what = 'prospects'"), rows);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs j JOIN crm.prospects p ON j.payload ="
                                      " '{\"prospects\":[\"' || p.id || '\"]}'"),
                     rows);
}

static void cut(void)
{
    fixture_server(
        getenv("TEST_POSTGRES_ADMIN"),
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'ingest-api %'");
}

static void crash(void)
{
    char command[512];
    (void)snprintf(command, sizeof(command), "%s restart -m immediate >/dev/null 2>&1",
                   getenv("TEST_POSTGRES_CONTROL"));
    assert_int_equal(system(command), 0);
}

static void a_cut_connection_loses_nothing(void **state)
{
    under_load(*state, cut);
}

static void a_server_crash_loses_nothing(void **state)
{
    under_load(*state, crash);
}

/* ---- the answer is lost after the commit ---- */

struct lost {
    struct fixture *f;
    const char *format; /* format of the body, with a number */
    _Atomic bool stop;
    struct call last;
};

static void *import_until(void *arg)
{
    struct lost *lost = arg;
    for (int i = 0; !atomic_load(&lost->stop); i++) {
        lost->last = (struct call){.organisation = lost->f->organisation, .may_commit = true, .delay_ms = 1};
        (void)snprintf(lost->last.body, sizeof(lost->last.body), lost->format, i);
        must(import_rows(lost->f, &lost->last) == IMPORT_OK);
    }
    return NULL;
}

#define WAITING "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'ingest-api %'"

/* A commit that waits for a missing standby is already applied; we end its connection before it is answered. The server then sends
 * a warning, and earlier answers arrive only with it. */
static void lose_an_answer(struct fixture *f, const char *format, bool is_new, const char *messages)
{
    const char *admin = getenv("TEST_POSTGRES_ADMIN");
    struct lost lost = {.f = f, .format = format};
    pthread_t thread;
    fixture_server(admin, messages);
    fixture_server(admin, "ALTER SYSTEM SET synchronous_standby_names = 'nobody'");
    fixture_server(admin, "SELECT pg_reload_conf()");
    assert_int_equal(pthread_create(&thread, NULL, import_until, &lost), 0);
    fixture_server(admin, "DO $$ BEGIN WHILE NOT EXISTS (" WAITING ") LOOP PERFORM pg_sleep(0.01);"
                          " PERFORM pg_stat_clear_snapshot(); END LOOP; END $$");
    atomic_store(&lost.stop, true);
    fixture_server(admin, "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE"
                          " 'ingest-api %' AND wait_event = 'SyncRep'");
    fixture_server(admin, "ALTER SYSTEM RESET synchronous_standby_names");
    fixture_server(admin, "SELECT pg_reload_conf()");
    pthread_join(thread, NULL);
    assert_int_equal(lost.last.rc, IMPORT_OK);
    assert_true(lost.last.result.committed);
    assert_int_equal(lost.last.result.imported, is_new);
    assert_int_equal(lost.last.result.updated, !is_new);
}

static void the_result_of_a_lost_answer_is_found(void **state)
{
    struct fixture *f = *state;
    struct call known = {.organisation = f->organisation, .may_commit = true, .delay_ms = 1, .body = "email\na@b.co\n"};
    const char *const messages[] = {
        "ALTER SYSTEM SET client_min_messages = error", /* then the answer with the row is lost too */
        "ALTER SYSTEM RESET client_min_messages"};
    fixture_close(f);
    f->settings.store_threads = 1; /* one connection that has written before, so it waits only for this commit */
    fixture_open(f);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(import_rows(f, &known), IMPORT_OK);
        lose_an_answer(f, i ? "email\nm%d@example.com\n" : "email\nn%d@example.com\n", true, messages[i]);
        assert_int_equal(import_rows(f, &known), IMPORT_OK);
        lose_an_answer(f, "email,first_name\na@b.co,Ada %d\n", false, messages[i]);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(it_does_the_same_as_other_imports), TEST(without_permission_to_commit_nothing_is_done),
        TEST(a_refused_import_leaves_nothing),   TEST(the_result_of_a_lost_answer_is_found),
        TEST(a_cut_connection_loses_nothing),    TEST(a_server_crash_loses_nothing),
    };
    if (!fixture_postgres()) {
        puts("skipped: TEST_POSTGRES is not set (run it under tests/with_postgres)");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
