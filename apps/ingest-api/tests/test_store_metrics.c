/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics of store and queue match the events. */
#include "metrics/metrics.h"
#include "queue/queue.h"
#include "queue/queue_internal.h"
#include "store_fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <sqlite3.h>

static int run_import(void *arg, struct db *db)
{
    static const char *const emails[] = {"a@example.com", "b@example.com", "c@example.com"};
    struct fixture *f = arg;
    struct prospect_input rows[3] = {0};
    for (int i = 0; i < 3; i++)
        rows[i].field[PROSPECT_EMAIL] = (struct db_text){emails[i], strlen(emails[i])};
    return prospects_upsert(db, f->organisation, rows, 3, NULL);
}

static void queries_are_timed_by_operation_and_schema(void **state)
{
    struct fixture *f = *state;
    double inserts = fixture_metric("db_query_duration_seconds_count{operation=\"insert\",schema=\"crm\"}");
    double commits = fixture_metric("db_query_duration_seconds_count{operation=\"commit\",schema=\"other\"}");
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_import, f), DB_OK);
    assert_true(fixture_metric("db_query_duration_seconds_count{operation=\"insert\",schema=\"crm\"}") == inserts + 3);
    assert_true(fixture_metric("db_query_duration_seconds_count{operation=\"commit\",schema=\"other\"}") ==
                commits + 1);
    assert_true(fixture_metric("db_query_duration_seconds_sum{operation=\"commit\",schema=\"other\"}") > 0);
    assert_true(fixture_metric("db_connection_pool_acquire_duration_seconds_count") >= 1);
}

static void errors_are_counted_by_class(void **state)
{
    struct fixture *f = *state;
    char id[37];
    struct fixture_organisation again = {"One", id};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, fixture_create_organisation, &again), DB_E_CONFLICT);
    assert_true(fixture_metric("db_query_errors_total{operation=\"insert\",schema=\"iam\",sqlstate_class=\"23\"}") ==
                1);

    char limit[64];
    snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %lld", (long long)fixture_count(f, "PRAGMA page_count"));
    assert_int_equal(fixture_exec(f, limit), DB_OK);
    assert_int_equal(fixture_exec(f, "UPDATE iam.organisations SET name = hex(randomblob(200000))"), DB_E_FULL);
    assert_true(fixture_metric("db_query_errors_total{operation=\"update\",schema=\"iam\",sqlstate_class=\"53\"}") ==
                1);
}

struct holder {
    struct store_work work;
    sem_t begun, release, finished;
};

static int hold(struct store_work *work, struct db *db)
{
    struct holder *holder = (struct holder *)work;
    (void)db;
    sem_post(&holder->begun);
    while (sem_wait(&holder->release) != 0 && errno == EINTR)
        ;
    return 0;
}

static void held(struct store_work *work, int result)
{
    (void)result;
    sem_post(&((struct holder *)work)->finished);
}

static void the_pool_is_shown_correctly(void **state)
{
    struct fixture *f = *state;
    struct holder holder = {.work = {.mode = STORE_MODE_WRITE, .run = hold, .done = held}};
    sem_init(&holder.begun, 0, 0);
    sem_init(&holder.release, 0, 0);
    sem_init(&holder.finished, 0, 0);
    assert_true(fixture_metric("db_connection_pool_max_size") == 3);
    assert_int_equal(store_submit(f->store, &holder.work), 0);
    sem_wait(&holder.begun);
    assert_true(fixture_metric("db_connection_pool_size{state=\"active\"}") == 1);
    assert_true(fixture_metric("db_connection_pool_size{state=\"idle\"}") == 2);
    assert_true(fixture_metric("db_oldest_work_age_seconds{state=\"running\"}") > 0);
    assert_int_equal(store_run_within(f->store, STORE_MODE_WRITE, 20, fixture_run_sql, (void *)(uintptr_t) "SELECT 1"),
                     DB_E_BUSY);
    assert_true(fixture_metric("db_connection_pool_acquire_timeouts_total") == 1);
    assert_true(fixture_metric("db_connection_pool_pending_acquires") == 0);
    sem_post(&holder.release);
    sem_wait(&holder.finished);
}

/* As another process would. */
static sqlite3 *lock_database(const struct fixture *f)
{
    sqlite3 *other = NULL;
    char path[300];
    snprintf(path, sizeof(path), "%s/ingest.db", f->settings.data_dir);
    assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    return other;
}

#define WAITS "db_oldest_work_age_seconds{state=\"waiting\"}"
#define RUNS "db_oldest_work_age_seconds{state=\"running\"}"

static void a_wait_for_a_lock_is_visible_while_it_lasts(void **state)
{
    struct fixture *f = *state;
    struct holder holder = {.work = {.mode = STORE_MODE_WRITE, .run = hold, .done = held}};
    sem_init(&holder.begun, 0, 0);
    sem_init(&holder.release, 0, 0);
    sem_init(&holder.finished, 0, 0);
    wait_until(fixture_metric("db_connection_pool_size{state=\"active\"}") == 0); /* wait for the fixture's own work */
    assert_true(fixture_metric(WAITS) == 0);
    sqlite3 *other = lock_database(f);
    assert_int_equal(store_submit(f->store, &holder.work), 0);
    wait_until(fixture_metric("db_connection_pool_size{state=\"active\"}") == 1);
    double waited = fixture_metric(WAITS);
    assert_true(waited > 0);
    assert_true(fixture_metric(WAITS) > waited);
    assert_true(fixture_metric(RUNS) == 0);
    assert_int_equal(sqlite3_close(other), SQLITE_OK); /* this rolls back */
    sem_wait(&holder.begun);
    assert_true(fixture_metric(WAITS) == 0);
    assert_true(fixture_metric(RUNS) > 0);
    sem_post(&holder.release);
    sem_wait(&holder.finished);
    wait_until(fixture_metric(RUNS) == 0);
}

/* ---- queue ---- */

static int run_publish(void *arg, struct db *db)
{
    return queue_publish(db, QUEUE_EMAIL_SEND, arg, NULL, NULL, "{}", NULL);
}

static int run_complete(void *arg, struct db *db)
{
    return queue_complete(db, arg);
}

static void publish(struct fixture *f)
{
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, f->organisation), DB_OK);
    queue_published(f->queue, QUEUE_EMAIL_SEND, 1);
}

static void messages_failures_and_retries_are_counted(void **state)
{
    struct fixture *f = *state;
    struct job job;
    struct queue_timing timing = {30, 10, 10, 20};
    f->queue->timing = timing;
    publish(f);
    publish(f);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 1);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_complete, &job), DB_OK);
    queue_done(f->queue, &job);
    job_release(&job);
    assert_true(fixture_metric("queue_messages_total{queue=\"email.send\",action=\"published\"}") == 2);
    assert_true(fixture_metric("queue_messages_total{queue=\"email.send\",action=\"consumed\"}") == 1);

    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 1);
    assert_int_equal(queue_fail(f->queue, &job, "421", false), DB_OK); /* error, retry */
    job_release(&job);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 3600000), 1);
    job_release(&job); /* the lease expires: timeout, retry */
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 3600000), 1);
    assert_int_equal(queue_fail(f->queue, &job, "550", true), DB_OK); /* rejected, dead-lettered */
    job_release(&job);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"error\"}") == 1);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"timeout\"}") == 1);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"rejected\"}") == 1);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"dead_lettered\"}") == 1);
    assert_true(fixture_metric("queue_message_retries_total{queue=\"email.send\"}") == 2);
}

/* The last allowed lease of a job expires. */
static void an_expired_last_lease_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    struct job job;
    f->queue->timing = (struct queue_timing){30, 10, 10, 20};
    f->queue->max_attempts = 1;
    publish(f);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 1);
    job_release(&job);
    do
        assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 0);
    while (fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"timeout\"}") == 0);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"timeout\"}") == 1);
    assert_true(fixture_metric("queue_message_failures_total{queue=\"email.send\",reason=\"dead_lettered\"}") == 1);
    assert_true(fixture_metric("queue_message_retries_total{queue=\"email.send\"}") == 0);
}

static void the_depth_is_published(void **state)
{
    struct fixture *f = *state;
    struct queue_timing timing = {60000, 10, 10, 20};
    f->queue->timing = timing;
    publish(f);
    publish(f);
    assert_int_equal(queue_start_stats(f->queue), 0);
    wait_until(fixture_metric("queue_depth{queue=\"email.send\"}") == 2);
    assert_true(fixture_metric("queue_depth{queue=\"draft.generate\"}") == 0);
    assert_true(fixture_metric("queue_consumers{queue=\"email.send\"}") == 0);
    assert_true(fixture_metric("queue_depth_last_success_timestamp_seconds{queue=\"email.send\"}") > 1.6e9);
}

/* Everything that is logged (to standard output) while `sql` runs. */
static int captured(char *out, size_t size, struct fixture *f, const char *sql)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/log", f->settings.data_dir);
    fflush(stdout);
    int saved = dup(1), fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    assert_true(saved >= 0 && fd >= 0);
    dup2(fd, 1);
    log_set_level(LOG_WARN);
    int rc = fixture_exec(f, sql);
    log_set_level(LOG_FATAL + 1);
    dup2(saved, 1);
    close(saved);
    ssize_t n = pread(fd, out, size - 1, 0);
    close(fd);
    out[n > 0 ? n : 0] = 0;
    return rc;
}

static void a_slow_query_is_a_warning_without_values(void **state)
{
    struct fixture *f = *state;
    char log[4096];
    uint64_t begun;
    do { /* repeat if the machine was slow, not the query */
        begun = clock_monotonic_ns();
        assert_int_equal(captured(log, sizeof(log), f, "SELECT 'secret@example.com' FROM iam.organisations"), DB_OK);
    } while (strstr(log, "slow query") && clock_monotonic_ns() - begun > 100000000);
    assert_null(strstr(log, "slow query"));
    const char *slow =
        "SELECT count(*) FROM (WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 3000000)"
        " SELECT x FROM c), iam.organisations WHERE name <> 'secret@example.com'";
    assert_int_equal(captured(log, sizeof(log), f, slow), DB_OK);
    assert_non_null(strstr(log, "\"slow query\""));
    assert_non_null(strstr(log, "\"operation\":\"select\""));
    assert_non_null(strstr(log, "\"schema\":\"iam\""));
    assert_null(strstr(log, "secret"));
}

static void an_unexpected_error_is_a_warning(void **state)
{
    struct fixture *f = *state;
    char log[4096];
    assert_int_equal(captured(log, sizeof(log), f, "SELECT 1 FROM crm.nowhere WHERE 'a' <> 'secret@example.com'"),
                     DB_E_OTHER);
    assert_non_null(strstr(log, "\"query failed\""));
    assert_non_null(strstr(log, "\"operation\":\"select\",\"schema\":\"crm\",\"sqlstateClass\":\"42\""));
    assert_non_null(strstr(log, "nowhere"));
    assert_null(strstr(log, "secret"));
    assert_int_equal(captured(log, sizeof(log), f, "INSERT INTO iam.organisations SELECT * FROM iam.organisations"),
                     DB_E_CONFLICT);
    assert_null(strstr(log, "query failed"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_with_metrics, fixture_teardown_with_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(queries_are_timed_by_operation_and_schema),
        TEST(errors_are_counted_by_class),
        TEST(the_pool_is_shown_correctly),
        TEST(a_wait_for_a_lock_is_visible_while_it_lasts),
        TEST(messages_failures_and_retries_are_counted),
        TEST(an_expired_last_lease_is_a_dead_letter),
        TEST(the_depth_is_published),
        TEST(a_slow_query_is_a_warning_without_values),
        TEST(an_unexpected_error_is_a_warning),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
