/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded queue: at least once, leases, backoff, dead letters, idempotency, statistics. */
#include "db/many.h"
#include "queue/jobs.h"
#include "queue/queue_internal.h"
#include "store_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

struct publish {
    enum queue_name queue;
    const char *organisation, *key, *payload;
    int n, returns;
    bool fresh;
};

static int run_publish(void *arg, struct db *db)
{
    struct publish *publish = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < (publish->n ? publish->n : 1); i++)
        rc = queue_publish(db, publish->queue, publish->organisation, "req-1", publish->key,
                           publish->payload ? publish->payload : "{}", &publish->fresh);
    return rc != DB_OK ? rc : publish->returns;
}

static bool publish(struct fixture *f, enum queue_name queue, const char *key, int n)
{
    struct publish call = {.queue = queue, .organisation = f->organisation, .key = key, .n = n};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, &call), DB_OK);
    queue_published(f->queue, queue, (unsigned)(n ? n : 1));
    return call.fresh;
}

static int run_complete(void *arg, struct db *db)
{
    return queue_complete(db, arg);
}

static int complete(struct fixture *f, struct job *job)
{
    return store_run(f->store, STORE_MODE_WRITE, run_complete, job);
}

static int lease(struct fixture *f, enum queue_name queue, struct job *job, int timeout_ms)
{
    return queue_lease(f->queue, queue, job, 1, timeout_ms);
}

static struct queue_stats stats(struct fixture *f, enum queue_name queue)
{
    struct queue_stats out;
    assert_int_equal(queue_read_stats(f->queue, queue, &out), DB_OK);
    return out;
}

static void timing(struct fixture *f, int64_t lease_ms, int64_t backoff_ms)
{
    struct queue_timing t = {lease_ms, backoff_ms, backoff_ms * 4, 20};
    f->queue->timing = t;
}

static int64_t now_ms(void)
{
    return (int64_t)(clock_monotonic_ns() / 1000000u);
}

/* ---- delivery ---- */

static void a_job_is_delivered_with_all_its_data(void **state)
{
    struct fixture *f = *state;
    struct job job;
    struct publish call = {QUEUE_DRAFT_GENERATE, f->organisation, NULL, "{\"a\":\"\xc3\xa4\"}", 1, 0, false};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, &call), DB_OK);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 0); /* another queue */
    assert_int_equal(lease(f, QUEUE_DRAFT_GENERATE, &job, 0), 1);
    assert_string_equal(job.payload, "{\"a\":\"\xc3\xa4\"}");
    assert_string_equal(job.organisation_id, f->organisation);
    assert_string_equal(job.request_id, "req-1");
    assert_int_equal(job.queue, QUEUE_DRAFT_GENERATE);
    assert_int_equal(job.attempt, 1);
    assert_false(job.keyed);
    assert_true(llabs(job.created_ms - clock_wall_ms()) < 3600000);
    struct job again;
    assert_int_equal(lease(f, QUEUE_DRAFT_GENERATE, &again, 0), 0); /* leased, so nobody else gets it */
    assert_int_equal(complete(f, &job), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 0);
    job_release(&job);
}

static void jobs_come_in_order_and_in_batches(void **state)
{
    struct fixture *f = *state;
    struct job jobs[10];
    char last[37] = "";
    publish(f, QUEUE_PROSPECT_VALIDATE, NULL, 15);
    for (int expected = 10; expected >= 5; expected -= 5) {
        assert_int_equal(queue_lease(f->queue, QUEUE_PROSPECT_VALIDATE, jobs, 10, 0), expected);
        for (int i = 0; i < expected; i++) {
            assert_true(strcmp(last, jobs[i].id) < 0);
            strcpy(last, jobs[i].id);
            job_release(&jobs[i]);
        }
    }
}

static void publishing_rolls_back_with_its_transaction(void **state)
{
    struct fixture *f = *state;
    struct job job;
    struct publish call = {QUEUE_EMAIL_SEND, f->organisation, "k", NULL, 1, -99, false};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, &call), -99);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 0);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 0);
    call.returns = 0;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, &call), DB_OK);
    assert_true(call.fresh); /* the key was rolled back too */
}

struct waiter {
    struct fixture *f;
    struct job job;
    int n;
    atomic_bool ended;
};

/* Longer than any of these tests may take: meson reports a wait that does not end. */
#define FOR_EVER 3600000

/* A worker that waits for this queue checks again whenever this rises, and not only after QUEUE_POLL_MS. */
static uint64_t wakes(struct fixture *f, enum queue_name name)
{
    return queue_mark(f->queue, name).wakes;
}

static void *wait_for_job(void *arg)
{
    struct waiter *waiter = arg;
    waiter->n = lease(waiter->f, QUEUE_EMAIL_SEND, &waiter->job, FOR_EVER);
    atomic_store(&waiter->ended, true);
    return NULL;
}

static void a_waiting_worker_is_woken(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter = {.f = f};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_job, &waiter), 0);
    const uint64_t before = wakes(f, QUEUE_EMAIL_SEND);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(wakes(f, QUEUE_EMAIL_SEND), before + 1);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.n, 1);
    job_release(&waiter.job);
}

static void queue_wake_ends_the_wait(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter = {.f = f};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_job, &waiter), 0);
    while (!atomic_load(&waiter.ended)) { /* it may not wait yet */
        usleep(10000);
        queue_wake(f->queue);
    }
    pthread_join(thread, NULL);
    assert_int_equal(waiter.n, 0);
}

/* Published without a wake-up, as by another process. */
static void a_job_of_another_process_is_found(void **state)
{
    struct fixture *f = *state;
    struct waiter waiter = {.f = f};
    struct publish call = {.queue = QUEUE_EMAIL_SEND, .organisation = f->organisation};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, wait_for_job, &waiter), 0);
    wait_until(stats(f, QUEUE_EMAIL_SEND).consumers == 1);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, &call), DB_OK);
    pthread_join(thread, NULL);
    assert_int_equal(waiter.n, 1);
    job_release(&waiter.job);
}

/* ---- at least once, effects exactly once ---- */

static void a_job_whose_lease_expires_is_delivered_again(void **state)
{
    struct fixture *f = *state;
    struct job first, second;
    timing(f, 60, 10);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &first, 0), 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &second, FOR_EVER), 1);
    assert_string_equal(first.id, second.id);
    assert_int_equal(second.attempt, 2);
    /* The first worker comes back: it must not complete the second worker's lease. */
    assert_int_equal(complete(f, &first), DB_E_CONFLICT);
    assert_int_equal(queue_fail(f->queue, &first, "late", false), DB_E_CONFLICT);
    assert_int_equal(complete(f, &second), DB_OK);
    assert_int_equal(complete(f, &second), DB_E_CONFLICT);
    job_release(&first);
    job_release(&second);
}

static void a_lease_can_be_renewed(void **state)
{
    struct fixture *f = *state;
    struct job job, other;
    timing(f, 150, 10);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    timing(f, 60000, 10);
    assert_int_equal(queue_extend(f->queue, &job, 1), DB_OK);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &other, 300), 0);
    assert_int_equal(complete(f, &job), DB_OK);
    assert_int_equal(queue_extend(f->queue, &job, 1), DB_E_CONFLICT);
    job_release(&job);
}

/* A job that was taken away does not keep the others of its batch from being renewed. */
static void a_lost_lease_leaves_the_others_renewed(void **state)
{
    struct fixture *f = *state;
    struct job jobs[2], other;
    timing(f, 150, 10);
    publish(f, QUEUE_EMAIL_SEND, NULL, 2);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, jobs, 2, 0), 2);
    assert_int_equal(complete(f, &jobs[0]), DB_OK);
    timing(f, 60000, 10);
    assert_int_equal(queue_extend(f->queue, jobs, 2), DB_E_CONFLICT);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &other, 300), 0);
    assert_int_equal(complete(f, &jobs[1]), DB_OK);
    job_release(&jobs[0]);
    job_release(&jobs[1]);
}

static void a_job_that_always_fails_ends_in_the_dead_letters(void **state)
{
    struct fixture *f = *state;
    struct job job;
    timing(f, 20, 10);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    for (int attempt = 1; attempt <= 3; attempt++) { /* each time the worker disappears */
        assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, FOR_EVER), 1);
        assert_int_equal(job.attempt, attempt);
        job_release(&job);
    }
    while (stats(f, QUEUE_EMAIL_SEND).dead == 0)
        assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 20), 0);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).dead, 1);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 0);
}

/* ---- failure ---- */

static void each_retry_waits_longer(void **state)
{
    struct fixture *f = *state;
    struct job job;
    int64_t waited[3] = {0}, failed = now_ms();
    timing(f, 60000, 80);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    for (int attempt = 1; attempt <= 3; attempt++) {
        assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, FOR_EVER), 1);
        waited[attempt - 1] = now_ms() - failed;
        assert_int_equal(job.attempt, attempt);
        if (attempt == 1)
            assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 1);
        failed = now_ms();
        assert_int_equal(queue_fail(f->queue, &job, "421 later", false), DB_OK);
        job_release(&job);
    }
    /* ± 50 %: at least 40 ms, then at least 80. */
    assert_true(waited[1] >= 40);
    assert_true(waited[2] >= 80);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).dead, 1); /* job_attempts is 3 */
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE error = '421 later'"), 1);
}

static void a_permanent_failure_is_dead_at_once(void **state)
{
    struct fixture *f = *state;
    struct job job;
    publish(f, QUEUE_EMAIL_SEND, "k", 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    assert_int_equal(queue_fail(f->queue, &job, "550 no such user", true), DB_OK);
    job_release(&job);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).dead, 1);
    assert_false(publish(f, QUEUE_EMAIL_SEND, "k", 1)); /* a dead job keeps its key */
}

/* ---- idempotency ---- */

static void a_key_is_enqueued_once(void **state)
{
    struct fixture *f = *state;
    struct job job;
    assert_true(publish(f, QUEUE_EMAIL_SEND, "c:p", 1));
    assert_false(publish(f, QUEUE_EMAIL_SEND, "c:p", 1));
    assert_true(publish(f, QUEUE_DRAFT_GENERATE, "c:p", 1)); /* keys are per queue */
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    assert_true(job.keyed);
    assert_false(publish(f, QUEUE_EMAIL_SEND, "c:p", 1));
    assert_int_equal(complete(f, &job), DB_OK);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 0);
    assert_false(publish(f, QUEUE_EMAIL_SEND, "c:p", 1)); /* a finished job keeps its key */
    job_release(&job);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 0);
}

static int run_forget(void *arg, struct db *db)
{
    int n = jobs_forget(db, jobs_now_ms() + 1000, 10);
    *(int *)arg = n;
    return n < 0 ? n : 0;
}

static void old_keys_are_forgotten(void **state)
{
    struct fixture *f = *state;
    struct job jobs[3];
    int forgotten;
    publish(f, QUEUE_EMAIL_SEND, "1", 1);
    publish(f, QUEUE_EMAIL_SEND, "2", 1);
    publish(f, QUEUE_EMAIL_SEND, "3", 1);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, jobs, 3, 0), 3);
    assert_int_equal(complete(f, &jobs[0]), DB_OK);
    assert_int_equal(complete(f, &jobs[1]), DB_OK);
    assert_int_equal(queue_fail(f->queue, &jobs[2], "x", true), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_forget, &forgotten), DB_OK);
    assert_int_equal(forgotten, 2); /* not the dead one */
    assert_true(publish(f, QUEUE_EMAIL_SEND, "1", 1));
    assert_false(publish(f, QUEUE_EMAIL_SEND, "3", 1));
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 1);
    for (int i = 0; i < 3; i++)
        job_release(&jobs[i]);
}

/* ---- many workers ---- */

#define JOBS 400
#define WORKERS 6

struct work {
    struct fixture *f;
    int done, conflicts;
    atomic_int *all; /* done by all threads */
};

static int run_effect(void *arg, struct db *db)
{
    struct job *job = arg;
    int rc = db_exec(db, "INSERT INTO effects VALUES ($1)", "u", job->id); /* a second effect of a job would conflict */
    return rc == DB_OK ? queue_complete(db, job) : rc;
}

static void *consume(void *arg)
{
    struct work *work = arg;
    struct job jobs[5];
    int n;
    while (atomic_load(work->all) < JOBS &&
           (n = queue_lease(work->f->queue, QUEUE_PROSPECT_RESEARCH, jobs, 5, 50)) >= 0)
        for (int i = 0; i < n; i++) {
            if (i == 4) { /* does not complete this job: its lease expires */
                usleep(1000);
            } else if (store_run(work->f->store, STORE_MODE_WRITE, run_effect, &jobs[i]) == DB_OK) {
                work->done++;
                atomic_fetch_add(work->all, 1);
            } else {
                work->conflicts++;
            }
            job_release(&jobs[i]);
        }
    return NULL;
}

static void every_job_has_its_effect_exactly_once(void **state)
{
    struct fixture *f = *state;
    struct work work[WORKERS];
    pthread_t thread[WORKERS];
    atomic_int all = 0;
    int done = 0;
    fixture_close(f);
    f->settings.job_attempts = 100000; /* on a slow machine many leases expire */
    fixture_open(f);
    timing(f, 100, 10);
    assert_int_equal(fixture_exec(f, fixture_postgres() ? "CREATE TABLE public.effects (id uuid PRIMARY KEY)"
                                                        : "CREATE TABLE effects (id BLOB PRIMARY KEY)"),
                     DB_OK);
    publish(f, QUEUE_PROSPECT_RESEARCH, NULL, JOBS);
    for (int i = 0; i < WORKERS; i++) {
        work[i] = (struct work){.f = f, .all = &all};
        assert_int_equal(pthread_create(&thread[i], NULL, consume, &work[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(thread[i], NULL);
        done += work[i].done;
    }
    assert_int_equal(done, JOBS);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM effects"), JOBS);
    assert_int_equal(stats(f, QUEUE_PROSPECT_RESEARCH).depth, 0);
    assert_int_equal(stats(f, QUEUE_PROSPECT_RESEARCH).dead, 0);
    assert_int_equal(stats(f, QUEUE_PROSPECT_RESEARCH).consumers, 0); /* the threads have ended */
}

/* ---- statistics ---- */

static void statistics_follow_the_jobs(void **state)
{
    struct fixture *f = *state;
    struct job jobs[2];
    timing(f, 60000, 50000);
    publish(f, QUEUE_DRAFT_GENERATE, NULL, 5);
    wait_until(stats(f, QUEUE_DRAFT_GENERATE).oldest_age_ms >= 20);
    struct queue_stats s = stats(f, QUEUE_DRAFT_GENERATE);
    assert_int_equal(s.depth, 5);
    assert_true(s.oldest_age_ms >= 20 && s.oldest_age_ms < 3600000);
    assert_int_equal(s.consumers, 0);
    assert_int_equal(queue_lease(f->queue, QUEUE_DRAFT_GENERATE, jobs, 2, 0), 2);
    assert_int_equal(stats(f, QUEUE_DRAFT_GENERATE).depth, 5); /* leased jobs still count */
    assert_int_equal(stats(f, QUEUE_DRAFT_GENERATE).consumers, 1);
    assert_int_equal(complete(f, &jobs[0]), DB_OK);
    assert_int_equal(queue_fail(f->queue, &jobs[1], "x", false), DB_OK);
    assert_int_equal(stats(f, QUEUE_DRAFT_GENERATE).depth, 4); /* delayed jobs count too */
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).depth, 0);
    /* The counters equal the rows. */
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE ended_at IS NULL"), 4);
    assert_int_equal(queue_check(f->queue, 1000), DB_OK);
    job_release(&jobs[0]);
    job_release(&jobs[1]);
}

static void a_delayed_job_does_not_age(void **state)
{
    struct fixture *f = *state;
    struct job job;
    timing(f, 60000, 50000);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    assert_int_equal(queue_fail(f->queue, &job, "x", false), DB_OK);
    const int64_t now = clock_wall_ms();
    wait_until(clock_wall_ms() > now);
    assert_int_equal(stats(f, QUEUE_EMAIL_SEND).oldest_age_ms, 0);
    job_release(&job);
}

/* ---- organisations in turn ---- */

struct many {
    const char *organisation;
    int n;
    int64_t delay_ms;
};

static int run_publish_some(void *arg, struct db *db)
{
    const struct many *many = arg;
    struct queue_item items[100];
    int rc = DB_OK;
    for (int i = 0; i < 100; i++)
        items[i] = (struct queue_item){NULL, "{}"};
    for (int left = many->n; rc == DB_OK && left > 0 && many->delay_ms == 0; left -= 100)
        rc = queue_publish_many(db, QUEUE_EMAIL_SEND, many->organisation, "", items, left < 100 ? (size_t)left : 100,
                                NULL);
    for (int i = 0; rc == DB_OK && i < many->n && many->delay_ms > 0; i++)
        rc = queue_publish_later(db, QUEUE_EMAIL_SEND, many->organisation, "", "{}", many->delay_ms, NULL);
    return rc;
}

static void publish_some(struct fixture *f, const char *organisation, int n, int64_t delay_ms)
{
    struct many many = {organisation, n, delay_ms};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_some, &many), DB_OK);
}

/* Of `n` jobs, the store refuses the one at `bad`. */
struct refused {
    const char *organisation;
    size_t n, bad;
};

static int run_publish_refused(void *arg, struct db *db)
{
    const struct refused *refused = arg;
    struct queue_item items[2 * DB_MANY_ROWS + 2];
    for (size_t i = 0; i < refused->n; i++)
        items[i] = (struct queue_item){NULL, i == refused->bad ? NULL : "{}"};
    return queue_publish_many(db, QUEUE_EMAIL_SEND, refused->organisation, "", items, refused->n, NULL);
}

/* At any position the caller gets the error and no job is stored: the following jobs do not hide it. */
static void a_refused_job_refuses_all(void **state)
{
    struct fixture *f = *state;
    static const size_t bad[] = {0, DB_MANY_ROWS, 2 * DB_MANY_ROWS};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct refused refused = {f->organisation, 2 * DB_MANY_ROWS + 2, bad[i]};
        assert_true(store_run(f->store, STORE_MODE_WRITE, run_publish_refused, &refused) < 0);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), 0);
    }
}

/* Lease `max` jobs. @return how many of them belong to the organisation. */
static int lease_some(struct fixture *f, int max, const char *organisation)
{
    struct job jobs[256];
    int n = queue_lease(f->queue, QUEUE_EMAIL_SEND, jobs, max, FOR_EVER), of = 0;
    assert_int_equal(n, max);
    for (int i = 0; i < n; i++) {
        of += strcmp(jobs[i].organisation_id, organisation) == 0;
        job_release(&jobs[i]);
    }
    return of;
}

static void two_jobs_do_not_wait_for_thousands(void **state)
{
    struct fixture *f = *state;
    publish_some(f, f->organisation, 3000, 0);
    assert_int_equal(lease_some(f, 200, f->other), 0);
    publish_some(f, f->other, 2, 0);
    assert_int_equal(lease_some(f, 4, f->other), 2);
    /* A second organisation with many jobs gets every second turn from now on, but no turns for the past. */
    publish_some(f, f->other, 300, 0);
    assert_int_equal(lease_some(f, 100, f->other), 50);
    assert_int_equal(lease_some(f, 100, f->other), 50);
    publish_some(f, f->organisation, 100, 0); /* more jobs of the first organisation, after its others */
    assert_int_equal(lease_some(f, 100, f->other), 50);
}

/* Jobs that become due all at once, as after an import, get turns like any other and do not wait behind a backlog. */
static void jobs_that_become_due_get_their_turn(void **state)
{
    struct fixture *f = *state;
    publish_some(f, f->organisation, 1000, 0);
    publish_some(f, f->organisation, 200, 1);
    publish_some(f, f->other, 3, 1);
    while (clock_wall_ms() <= fixture_count(f, "SELECT max(due_at) FROM tracking.jobs"))
        continue;
    assert_int_equal(lease_some(f, 9, f->other), 3);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE state = 'delayed'"), 0);
}

/* A failed job is retried before the other jobs of its organisation, but not before those of others. */
static void a_retry_does_not_wait_behind_a_backlog(void **state)
{
    struct fixture *f = *state;
    struct job job, again;
    timing(f, 60000, 2);
    publish_some(f, f->organisation, 500, 0);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    assert_int_equal(queue_fail(f->queue, &job, "later", false), DB_OK);
    while (fixture_count(f, "SELECT due_at FROM tracking.jobs WHERE state = 'delayed'") >= jobs_now_ms())
        continue;
    int looked = 0;
    do {
        assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &again, 0), 1);
        bool same = strcmp(again.id, job.id) == 0;
        job_release(&again);
        if (same)
            break;
    } while (++looked < 3);
    assert_true(looked < 3);
    job_release(&job);
}

/* ---- waking waiting workers ---- */

/* A worker waits for the next due time, which is now earlier. */
static void a_retry_wakes_waiting_workers(void **state)
{
    struct fixture *f = *state;
    struct job job;
    timing(f, 60000, 50000);
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    uint64_t before = wakes(f, QUEUE_EMAIL_SEND);
    assert_int_equal(queue_fail(f->queue, &job, "421 later", false), DB_OK);
    assert_int_equal(wakes(f, QUEUE_EMAIL_SEND), before + 1);
    job_release(&job);
}

/* ---- the clock ---- */

static int run_future(void *arg, struct db *db)
{
    (void)arg;
    db_scope_all(db);
    return db_exec(db,
                   "UPDATE tracking.jobs SET due_at = due_at + 3600000, lease_until = lease_until + 3600000,"
                   " created_at = created_at + 3600000",
                   "");
}

static void jobs_of_a_clock_that_was_set_back_are_due(void **state)
{
    struct fixture *f = *state;
    struct job job;
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET state = 'delayed'"), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_future, NULL), DB_OK);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 0);
    queue_close(f->queue); /* the process restarts after the clock was changed */
    assert_int_equal(queue_open(&f->queue, &f->settings, f->store), 0);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    job_release(&job);
}

struct later {
    struct fixture *f;
    enum queue_name queue;
    int delay_ms;
};

static int run_publish_later(void *arg, struct db *db)
{
    struct later *later = arg;
    return queue_publish_later(db, later->queue, later->f->organisation, "req-1", "{}", later->delay_ms, NULL);
}

/* With a low MAIL_RATE_LIMIT a large campaign takes days: its e-mails keep their turns when the process restarts. */
static void a_long_delay_survives_a_restart(void **state)
{
    struct fixture *f = *state;
    struct later later = {f, QUEUE_EMAIL_SEND, 7 * 86400000};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &later), DB_OK);
    int64_t due = fixture_count(f, "SELECT due_at FROM tracking.jobs");
    queue_close(f->queue);
    assert_int_equal(queue_open(&f->queue, &f->settings, f->store), 0);
    assert_int_equal(fixture_count(f, "SELECT due_at FROM tracking.jobs"), due);
    /* no retry waits so long */
    queue_close(f->queue);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET attempt = 1"), DB_OK);
    assert_int_equal(queue_open(&f->queue, &f->settings, f->store), 0);
    assert_in_range(fixture_count(f, "SELECT due_at FROM tracking.jobs"), 1, due - 6 * 86400000);
}

/* A step of a second or more means that somebody set the clock. Smaller steps are normal adjustments. */
static void a_clock_that_is_set_is_followed(void **state)
{
    (void)state;
    static const int64_t steps[] = {1500, 59000, 3600000, -1500, -59000, -3600000};
    for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
        const int64_t before = jobs_now_ms(), jump = jobs_clock_follow(before + steps[i]);
        assert_true(jump <= steps[i] && jump > steps[i] - 60000 && jump != 0);
        assert_true(jobs_now_ms() >= before + jump);
        if (steps[i] < 0)
            assert_true(jobs_now_ms() - before < 60000);
    }
    for (int64_t step = 0; step < 1000; step += 333)
        assert_int_equal(jobs_clock_follow(jobs_now_ms() + step), 0);
    (void)jobs_clock_follow(clock_wall_ms());
}

static int run_shift(void *arg, struct db *db)
{
    char owner[OWNER_SIZE];
    owner_self(owner);
    return jobs_shift_leases(db, owner, *(int64_t *)arg);
}

static void a_set_clock_moves_leases_along(void **state)
{
    struct fixture *f = *state;
    struct job job;
    int64_t back = -3600000, before, after;
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    publish(f, QUEUE_DRAFT_GENERATE, NULL, 1);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    before = fixture_count(f, "SELECT lease_until FROM tracking.jobs WHERE state = 'leased'");
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_future, NULL), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_shift, &back), DB_OK);
    after = fixture_count(f, "SELECT lease_until FROM tracking.jobs WHERE state = 'leased'");
    assert_int_equal(after, before);
    job_release(&job);
    assert_int_equal(lease(f, QUEUE_DRAFT_GENERATE, &job, 0), 1);
    job_release(&job);
}

/* Those of the process's relay (outbox.h), too. */
static void a_set_clock_moves_a_relays_leases_along(void **state)
{
    struct fixture *f = *state;
    struct job job;
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    jobs_clock_move(3600000); /* as if the system's clock had been set back by an hour */
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    job_release(&job);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET state = 'relaying', owner = owner || ':relay'"), DB_OK);
    queue_follow_clock(f->queue);
    assert_true(fixture_count(f, "SELECT lease_until FROM tracking.jobs") < jobs_now_ms() + 1800000);
}

/* The process that holds the lease notices the change some seconds after us: its worker must keep the job. */
static void a_clock_set_forward_ends_no_lease_of_others(void **state)
{
    struct fixture *f = *state;
    struct job job, none;
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    jobs_clock_move(-3600000); /* as if the system's clock had been set forward by an hour */
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET owner = 'another'"), DB_OK);
    queue_follow_clock(f->queue);
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &none, 0), 0);
    assert_true(fixture_count(f, "SELECT lease_until FROM tracking.jobs") <= jobs_now_ms() + 60000);
    assert_int_equal(complete(f, &job), DB_OK);
    job_release(&job);
}

static int run_back(void *arg, struct db *db)
{
    (void)arg;
    return jobs_clock_back(db, 1000, 300000);
}

/* Every process that shares the store notices that the clock was set back. */
static void follow_with_three_processes(struct fixture *f)
{
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_back, NULL), DB_OK);
}

static int64_t due_in(struct fixture *f)
{
    return fixture_count(f, "SELECT due_at FROM tracking.jobs") - jobs_now_ms();
}

#define HOUR_MS 3600000

/* A delay that was set before the clock was set back by an hour is as long as before, however many processes there are. */
static void a_delay_is_moved_once(void **state)
{
    struct fixture *f = *state;
    struct later later = {f, QUEUE_EMAIL_SEND, 5 * HOUR_MS};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &later), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_future, NULL), DB_OK);
    follow_with_three_processes(f);
    assert_in_range(due_in(f), 5 * HOUR_MS - 60000, 5 * HOUR_MS);
}

/* It was set by a clock that was right: then the clock was set forward by mistake, and back again. */
static void a_delay_of_the_right_clock_stays(void **state)
{
    struct fixture *f = *state;
    struct later later = {f, QUEUE_EMAIL_SEND, 5 * HOUR_MS};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &later), DB_OK);
    follow_with_three_processes(f);
    assert_in_range(due_in(f), 5 * HOUR_MS - 60000, 5 * HOUR_MS);
}

/* After `attempt` attempts, at most 1.5 × 2^(attempt - 1) s, or 450 s: one that is further away is due now. */
static void a_retry_does_not_wait_for_the_clock(void **state)
{
    static const struct {
        int delay_ms, attempt;
        bool now;
    } cases[] = {{60000, 1, true},    {60000, 3, true},   {60000, 9, false},
                 {400000, 50, false}, {600000, 50, true}, {HOUR_MS, 9, true}};
    struct fixture *f = *state;
    char sql[100];
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct later later = {f, QUEUE_EMAIL_SEND, cases[i].delay_ms};
        assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &later), DB_OK);
        snprintf(sql, sizeof(sql), "UPDATE tracking.jobs SET created_at = 1, attempt = %d", cases[i].attempt);
        assert_int_equal(fixture_exec(f, sql), DB_OK);
        follow_with_three_processes(f);
        assert_int_equal(due_in(f) <= 0, cases[i].now);
        assert_int_equal(fixture_exec(f, "DELETE FROM tracking.jobs"), DB_OK);
    }
}

/* While the store refuses the change, this clock stays as it is, and so do the rows. */
static void a_set_clock_waits_for_the_store(void **state)
{
    struct fixture *f = *state;
    struct job job;
    if (fixture_postgres())
        return; /* the trigger is for SQLite */
    publish(f, QUEUE_EMAIL_SEND, NULL, 1);
    jobs_clock_move(-3600000); /* as if the system's clock had been set forward by an hour */
    assert_int_equal(lease(f, QUEUE_EMAIL_SEND, &job, 0), 1);
    int64_t before = fixture_count(f, "SELECT lease_until FROM tracking.jobs");
    assert_int_equal(fixture_exec(f, "CREATE TRIGGER tracking.refuse BEFORE UPDATE OF lease_until ON tracking.jobs"
                                     " BEGIN SELECT RAISE(ABORT, 'no'); END"),
                     DB_OK);
    queue_follow_clock(f->queue);
    assert_int_equal(fixture_count(f, "SELECT lease_until FROM tracking.jobs"), before);
    assert_true(jobs_now_ms() < clock_wall_ms() - 3000000);
    assert_int_equal(fixture_exec(f, "DROP TRIGGER tracking.refuse"), DB_OK);
    queue_follow_clock(f->queue);
    assert_true(fixture_count(f, "SELECT lease_until FROM tracking.jobs") > before + 3000000);
    assert_int_equal(jobs_clock_jump(clock_wall_ms()), 0);
    job_release(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

static void a_delayed_job_is_not_leased_early(void **state)
{
    struct fixture *f = *state;
    struct job job;
    struct later far = {f, QUEUE_PROSPECT_RESEARCH, FOR_EVER}, near = {f, QUEUE_PROSPECT_VALIDATE, 400};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &far), DB_OK);
    queue_published(f->queue, far.queue, 1);
    assert_int_equal(lease(f, far.queue, &job, 0), 0);
    assert_int_equal(stats(f, far.queue).depth, 1);
    /* The wait ends when the job is due, not earlier, and without another wake-up. */
    uint64_t begun = clock_monotonic_ns();
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish_later, &near), DB_OK);
    queue_published(f->queue, near.queue, 1);
    assert_int_equal(lease(f, near.queue, &job, FOR_EVER), 1);
    assert_true(clock_monotonic_ns() - begun >= 390000000u);
    assert_int_equal(complete(f, &job), DB_OK);
    job_release(&job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_job_is_delivered_with_all_its_data),
        TEST(jobs_come_in_order_and_in_batches),
        TEST(publishing_rolls_back_with_its_transaction),
        TEST(a_waiting_worker_is_woken),
        TEST(queue_wake_ends_the_wait),
        TEST(a_job_of_another_process_is_found),
        TEST(a_job_whose_lease_expires_is_delivered_again),
        TEST(a_lease_can_be_renewed),
        TEST(a_lost_lease_leaves_the_others_renewed),
        TEST(a_job_that_always_fails_ends_in_the_dead_letters),
        TEST(each_retry_waits_longer),
        TEST(a_permanent_failure_is_dead_at_once),
        TEST(a_delayed_job_is_not_leased_early),
        TEST(a_key_is_enqueued_once),
        TEST(old_keys_are_forgotten),
        TEST(every_job_has_its_effect_exactly_once),
        TEST(statistics_follow_the_jobs),
        TEST(a_delayed_job_does_not_age),
        TEST(a_refused_job_refuses_all),
        TEST(two_jobs_do_not_wait_for_thousands),
        TEST(jobs_that_become_due_get_their_turn),
        TEST(a_retry_does_not_wait_behind_a_backlog),
        TEST(jobs_of_a_clock_that_was_set_back_are_due),
        TEST(a_long_delay_survives_a_restart),
        TEST(a_set_clock_moves_leases_along),
        TEST(a_set_clock_moves_a_relays_leases_along),
        TEST(a_clock_set_forward_ends_no_lease_of_others),
        TEST(a_delay_is_moved_once),
        TEST(a_delay_of_the_right_clock_stays),
        TEST(a_retry_does_not_wait_for_the_clock),
        TEST(a_set_clock_waits_for_the_store),
        cmocka_unit_test(a_clock_that_is_set_is_followed),
        TEST(a_retry_wakes_waiting_workers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
