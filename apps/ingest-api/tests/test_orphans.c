/* SPDX-License-Identifier: Apache-2.0 */
/* The jobs of dead processes: those of this machine at once, those of others when they had no database session for long. */
#include "queue/orphans.h"
#include "queue/queue_internal.h"
#include "store_fixture.h"

static int run_publish(void *arg, struct db *db)
{
    return queue_publish(db, QUEUE_EMAIL_SEND, arg, "req-1", NULL, "{}", NULL);
}

static void lease(struct fixture *f, struct job *job)
{
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, job, 1, 0), 1);
}

static void publish_and_lease(struct fixture *f, struct job *job)
{
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, f->organisation), DB_OK);
    lease(f, job);
}

static int run_complete(void *arg, struct db *db)
{
    return queue_complete(db, arg);
}

static void work_of_a_dead_worker_wakes_waiting_workers(void **state)
{
    struct fixture *f = *state;
    struct job job;
    publish_and_lease(f, &job);
    job_release(&job);
    fixture_owner_dies(f, "");
    uint64_t before = queue_mark(f->queue, QUEUE_EMAIL_SEND).wakes;
    queue_release_orphans(f->queue, NULL);
    assert_int_equal(queue_mark(f->queue, QUEUE_EMAIL_SEND).wakes, before + 1);
    lease(f, &job);
    job_release(&job);
}

static int64_t jobs_in(struct fixture *f, const char *job_state)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM tracking.jobs WHERE state = '%s'", job_state);
    return fixture_count(f, sql);
}

/* Each death is an attempt, also with the embedded queue: else such a job would crash its workers for ever. */
static void a_job_that_kills_its_workers_is_a_dead_letter(void **state)
{
    struct fixture *f = *state;
    struct job job;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, f->organisation), DB_OK);
    for (int attempt = 1; attempt <= f->queue->max_attempts; attempt++) {
        lease(f, &job);
        assert_int_equal(job.attempt, attempt);
        job_release(&job);
        fixture_owner_dies(f, "");
        queue_release_orphans(f->queue, NULL);
    }
    queue_release_orphans(f->queue, NULL); /* finds it no more */
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 0);
    assert_int_equal(jobs_in(f, "dead"), 1);
}

/* The relay that died was no worker. */
static void the_death_of_a_relay_is_no_attempt(void **state)
{
    struct fixture *f = *state;
    struct job job;
    publish_and_lease(f, &job);
    job_release(&job);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET state = 'relaying', attempt = 3"), DB_OK);
    fixture_owner_dies(f, ":relay");
    queue_release_orphans(f->queue, NULL);
    assert_int_equal(jobs_in(f, "ready"), 1);
}

#define ELSEWHERE "feedbeef-1:7:7"

struct look {
    struct orphans_suspects suspects;
    struct orphans found;
};

static int run_find(void *arg, struct db *db)
{
    struct look *look = arg;
    return orphans_find(db, "self", &look->suspects, &look->found);
}

static int run_orphans_release(void *arg, struct db *db)
{
    struct look *look = arg;
    int n = orphans_release(db, &look->found, 3);
    return n == 1 ? DB_OK : DB_E_OTHER;
}

static void find(struct fixture *f, struct look *look)
{
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_find, look), DB_OK);
}

static void a_process_without_a_session_for_long_is_dead(void **state)
{
    struct fixture *f = *state;
    struct look look = {0};
    struct job job;
    publish_and_lease(f, &job);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET owner = '" ELSEWHERE "'"), DB_OK);
    find(f, &look);
    assert_int_equal(look.found.n, 0);                     /* it may connect again soon */
    assert_int_equal(look.suspects.n, fixture_postgres()); /* SQLite has no sessions to check */
    if (fixture_postgres()) {
        look.suspects.of[0].since_ns -= ORPHANS_GRACE_NS;
        find(f, &look);
        assert_int_equal(look.found.n, 1);
        assert_string_equal(look.found.owner[0], ELSEWHERE);
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_orphans_release, &look), DB_OK);
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_complete, &job), DB_E_CONFLICT);
        job_release(&job);
        lease(f, &job);
        assert_int_equal(job.attempt, 2);
    }
    job_release(&job);
}

#ifdef INGEST_POSTGRES
static void a_process_with_a_session_is_alive(void **state)
{
    struct fixture *f = *state;
    struct look look = {0};
    struct job job;
    publish_and_lease(f, &job);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET owner = '" ELSEWHERE ":relay'"), DB_OK);
    if (fixture_postgres()) {
        find(f, &look);
        assert_int_equal(look.suspects.n, 1);
        look.suspects.of[0].since_ns -= ORPHANS_GRACE_NS;
        PGconn *session = PQconnectdb(f->settings.store_url);
        PQclear(PQexec(session, "SET application_name = '" OWNER_SESSION ELSEWHERE "'"));
        find(f, &look);
        assert_int_equal(look.found.n + look.suspects.n, 0);
        PQfinish(session);
    }
    job_release(&job);
}
#endif

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(work_of_a_dead_worker_wakes_waiting_workers), TEST(a_job_that_kills_its_workers_is_a_dead_letter),
        TEST(the_death_of_a_relay_is_no_attempt),          TEST(a_process_without_a_session_for_long_is_dead),
#ifdef INGEST_POSTGRES
        TEST(a_process_with_a_session_is_alive),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
