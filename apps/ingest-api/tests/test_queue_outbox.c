/* SPDX-License-Identifier: Apache-2.0 */
/* The outbox and the job rows of a broker, without a broker: what a relay takes, what a message may lease, what is requeued. */
#include "queue/jobs.h"
#include "queue/outbox.h"
#include "store_fixture.h"

#define FOR_EVER 3600000
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define QUEUE QUEUE_EMAIL_SEND
#define MAX 16

/* One call of the outbox in its own transaction: arguments and results. */
struct call {
    struct fixture *f;
    const char *owner, *id, *key;
    struct outbox_row *rows;
    struct job *job;
    int n, max_attempts, rolls_back;
    int64_t ms;
    enum outbox_claim claim;
    bool fresh;
    struct jobs_expired expired;
    unsigned retried;
    struct jobs_look look;
    struct queue_stats stats;
};

static int run_publish(void *arg, struct db *db)
{
    struct call *call = arg;
    int rc = queue_publish(db, QUEUE, call->f->organisation, "req-1", call->key, "{\"a\":1}", &call->fresh);
    return rc != DB_OK ? rc : call->rolls_back;
}

static int run_take(void *arg, struct db *db)
{
    struct call *call = arg;
    int rc = outbox_take(db, QUEUE, call->owner, call->ms, call->rows, MAX);
    call->n = rc;
    return rc < 0 ? rc : DB_OK;
}

static int run_relayed(void *arg, struct db *db)
{
    struct call *call = arg;
    return outbox_relayed(db, call->owner, call->rows, call->n);
}

static int run_lease(void *arg, struct db *db)
{
    struct call *call = arg;
    return outbox_lease(db, QUEUE, call->id, call->ms, call->max_attempts, call->owner, call->job, &call->claim,
                        &call->expired);
}

static int run_complete(void *arg, struct db *db)
{
    return queue_complete(db, ((struct call *)arg)->job);
}

static int run_return(void *arg, struct db *db)
{
    const struct call *call = arg;
    return outbox_return(db, call->job, call->owner);
}

static int run_give_back(void *arg, struct db *db)
{
    const struct call *call = arg;
    return jobs_give_back(db, call->job, call->owner);
}

static int run_fail(void *arg, struct db *db)
{
    struct call *call = arg;
    return jobs_retry(db, call->job, "no", call->ms);
}

static int run_expire(void *arg, struct db *db)
{
    struct call *call = arg;
    return outbox_expire(db, QUEUE, &call->retried);
}

static int run_recall(void *arg, struct db *db)
{
    struct call *call = arg;
    call->n = outbox_recall(db, QUEUE, call->ms);
    return call->n < 0 ? call->n : DB_OK;
}

static int run_look(void *arg, struct db *db)
{
    struct call *call = arg;
    int rc = jobs_look(db, QUEUE, &call->look);
    return rc == DB_OK ? jobs_stats(db, QUEUE, &call->stats) : rc;
}

static int write_it(struct fixture *f, int (*run)(void *arg, struct db *db), struct call *call)
{
    call->f = f;
    return store_run(f->store, STORE_MODE_WRITE, run, call);
}

static void publish(struct fixture *f, int n)
{
    for (int i = 0; i < n; i++)
        assert_int_equal(write_it(f, run_publish, &(struct call){0}), DB_OK);
}

static struct call look(struct fixture *f)
{
    struct call call = {.f = f};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, run_look, &call), DB_OK);
    return call;
}

/* @return the number of rows that the relay has now. */
static int take(struct fixture *f, const char *relay, int64_t lease_ms, struct outbox_row *rows)
{
    struct call call = {.owner = relay, .ms = lease_ms, .rows = rows};
    assert_int_equal(write_it(f, run_take, &call), DB_OK);
    return call.n;
}

static void relayed(struct fixture *f, const char *relay, struct outbox_row *rows, int n)
{
    struct call call = {.owner = relay, .rows = rows, .n = n};
    assert_int_equal(write_it(f, run_relayed, &call), DB_OK);
}

static void release(struct outbox_row *rows, int n)
{
    for (int i = 0; i < n; i++)
        job_release(&rows[i].job);
}

/* Bring `n` jobs to the broker. @param id receives the id of the last one */
static void to_the_broker(struct fixture *f, int n, char id[37])
{
    struct outbox_row rows[MAX];
    publish(f, n);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), n);
    for (int i = 0; i < n; i++)
        rows[i].confirmed = true;
    relayed(f, "one:relay", rows, n);
    memcpy(id, rows[n - 1].job.id, 37);
    release(rows, n);
}

static enum outbox_claim lease(struct fixture *f, const char *id, const char *owner, int64_t lease_ms, struct job *job)
{
    struct call call = {.id = id, .owner = owner, .ms = lease_ms, .job = job, .max_attempts = 3};
    assert_int_equal(write_it(f, run_lease, &call), DB_OK);
    return call.claim;
}

/* ---- relaying ---- */

static void a_row_and_its_message_are_one_commit(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    assert_int_equal(write_it(f, run_publish, &(struct call){.rolls_back = DB_E_OTHER}), DB_E_OTHER);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 0);
    assert_true(look(f).look.ready_ms == INT64_MAX);
    publish(f, 1);
    assert_true(look(f).look.ready_ms <= jobs_now_ms());
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 1);
    assert_string_equal(rows[0].job.payload, "{\"a\":1}");
    assert_string_equal(rows[0].job.request_id, "req-1");
    assert_string_equal(rows[0].job.organisation_id, f->organisation);
    assert_int_equal(rows[0].job.attempt, 0);
    assert_false(rows[0].job.again);
    release(rows, 1);
}

static void two_relays_never_have_the_same_row(void **state)
{
    struct fixture *f = *state;
    struct outbox_row mine[MAX], theirs[MAX];
    publish(f, 3);
    assert_int_equal(take(f, "one:relay", FOR_EVER, mine), 3);
    publish(f, 2);
    assert_int_equal(take(f, "two:relay", FOR_EVER, theirs), 2);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 2; k++)
            assert_string_not_equal(mine[i].job.id, theirs[k].job.id);
    /* One of my rows was not confirmed: it is free again, with its old due time. */
    int64_t due = mine[1].job.due_ms;
    mine[0].confirmed = mine[2].confirmed = true;
    relayed(f, "one:relay", mine, 3);
    release(theirs, 2);
    assert_int_equal(take(f, "two:relay", FOR_EVER, theirs), 1);
    assert_string_equal(theirs[0].job.id, mine[1].job.id);
    assert_true(theirs[0].job.due_ms == due);
    assert_int_equal(look(f).stats.depth, 5);
    release(mine, 3);
    release(theirs, 1);
}

static void another_relay_takes_over_from_a_dead_one(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct call expire = {0};
    publish(f, 1);
    assert_int_equal(take(f, "one:relay", 0, rows), 1);
    release(rows, 1);
    assert_int_equal(take(f, "two:relay", FOR_EVER, rows), 0);
    assert_true(look(f).look.lease_ms <= jobs_now_ms());
    assert_int_equal(write_it(f, run_expire, &expire), DB_OK);
    assert_int_equal(expire.retried, 0); /* it was not an attempt of a worker */
    assert_int_equal(take(f, "two:relay", FOR_EVER, rows), 1);
    /* The first relay was slow, not dead: its late confirm is ignored. */
    rows[0].confirmed = true;
    relayed(f, "one:relay", rows, 1);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE owner = 'two:relay'"), 1);
    release(rows, 1);
}

static int run_publish_other(void *arg, struct db *db)
{
    return queue_publish(db, QUEUE, ((struct call *)arg)->f->other, "", NULL, "{}", NULL);
}

static void a_relay_takes_the_organisations_in_turn(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    publish(f, 3 * MAX);
    assert_int_equal(write_it(f, run_publish_other, &(struct call){0}), DB_OK);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), MAX);
    assert_string_equal(rows[1].job.organisation_id, f->other);
    release(rows, MAX);
}

/* ---- leasing ---- */

static void a_message_leases_its_row_once(void **state)
{
    struct fixture *f = *state;
    struct job job, other;
    char id[37];
    to_the_broker(f, 2, id);
    assert_int_equal(lease(f, id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
    assert_string_equal(job.id, id);
    assert_string_equal(job.organisation_id, f->organisation);
    assert_string_equal(job.request_id, "req-1");
    assert_string_equal(job.payload, "{\"a\":1}");
    assert_int_equal(job.attempt, 1);
    assert_false(job.keyed);
    /* The same message again, while the job is worked on and when it is done. */
    assert_int_equal(lease(f, id, "other", FOR_EVER, &other), OUTBOX_NOTHING);
    assert_int_equal(write_it(f, run_complete, &(struct call){.job = &job}), DB_OK);
    assert_int_equal(lease(f, id, "other", FOR_EVER, &other), OUTBOX_NOTHING);
    assert_int_equal(write_it(f, run_complete, &(struct call){.job = &job}), DB_E_CONFLICT);
    assert_int_equal(lease(f, "018f0000-0000-7000-8000-000000000000", "other", FOR_EVER, &other), OUTBOX_NOTHING);
    assert_int_equal(look(f).stats.depth, 1);
    job_release(&job);
}

static void a_message_may_arrive_before_its_confirm(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct job job;
    publish(f, 1);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 1);
    assert_int_equal(lease(f, rows[0].job.id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
    rows[0].confirmed = true;
    relayed(f, "one:relay", rows, 1);
    assert_int_equal(write_it(f, run_complete, &(struct call){.job = &job}), DB_OK);
    assert_int_equal(look(f).stats.depth, 0);
    job_release(&job);
    release(rows, 1);
}

static void an_expired_lease_can_be_taken(void **state)
{
    struct fixture *f = *state;
    struct call expire = {0};
    struct job first, second;
    char id[37];
    to_the_broker(f, 1, id);
    assert_int_equal(lease(f, id, "worker", 0, &first), OUTBOX_LEASED);
    assert_int_equal(lease(f, id, "other", 0, &second), OUTBOX_LEASED);
    assert_int_equal(second.attempt, 2);
    assert_int_equal(write_it(f, run_complete, &(struct call){.job = &first}), DB_E_CONFLICT);
    /* It needs no message: a relay finds it and publishes it again. */
    assert_int_equal(write_it(f, run_expire, &expire), DB_OK);
    assert_int_equal(expire.retried, 1);
    assert_true(look(f).look.ready_ms <= jobs_now_ms());
    job_release(&first);
    job_release(&second);
}

static void a_dead_process_s_lease_can_be_taken_at_once(void **state)
{
    struct fixture *f = *state;
    char id[37], self[OWNER_SIZE], dead[OWNER_SIZE];
    struct job job;
    to_the_broker(f, 1, id);
    owner_self(self);
    /* A process of this machine that cannot exist: our own pid with another start time. */
    (void)snprintf(dead, sizeof(dead), "%.*s:1", (int)(strrchr(self, ':') - self), self);
    assert_true(owner_is_dead(dead));
    assert_int_equal(lease(f, id, dead, FOR_EVER, &job), OUTBOX_LEASED);
    job_release(&job);
    assert_int_equal(lease(f, id, self, FOR_EVER, &job), OUTBOX_LEASED);
    assert_int_equal(job.attempt, 2);
    job_release(&job);
}

static void a_retry_waits_until_it_is_due(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct job job, other;
    char id[37];
    to_the_broker(f, 1, id);
    assert_int_equal(lease(f, id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
    assert_int_equal(write_it(f, run_fail, &(struct call){.job = &job, .ms = FOR_EVER}), DB_OK);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 0);
    assert_int_equal(lease(f, id, "other", FOR_EVER, &other),
                     OUTBOX_NOTHING); /* a duplicate message that comes too early */
    job_release(&job);
}

static void attempts_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct job job;
    char id[37];
    to_the_broker(f, 1, id);
    for (int attempt = 1; attempt <= 3; attempt++) { /* three workers die with it */
        assert_int_equal(lease(f, id, "worker", 0, &job), OUTBOX_LEASED);
        job_release(&job);
    }
    struct call call = {.id = id, .owner = "worker", .ms = FOR_EVER, .job = &job, .max_attempts = 3};
    assert_int_equal(write_it(f, run_lease, &call), DB_OK);
    assert_int_equal(call.claim, OUTBOX_DEAD);
    assert_int_equal(call.expired.dead, 1);
    assert_int_equal(write_it(f, run_lease, &call), DB_OK); /* the rejection was lost, so the message comes again */
    assert_int_equal(call.claim, OUTBOX_DEAD);
    assert_int_equal(call.expired.dead, 1); /* not counted again */
    assert_int_equal(look(f).stats.dead, 1);
    assert_int_equal(look(f).stats.depth, 0);
}

static void a_lease_is_returned(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct job job;
    char id[37];
    to_the_broker(f, 1, id);
    assert_int_equal(lease(f, id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
    assert_int_equal(write_it(f, run_return, &(struct call){.job = &job, .owner = "worker"}), DB_OK);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 1);
    assert_int_equal(rows[0].job.attempt, 1);
    assert_int_equal(write_it(f, run_return, &(struct call){.job = &job, .owner = "worker"}),
                     DB_OK); /* too late: the relay has it now */
    release(rows, 1);
    job_release(&job);
}

/* A worker that stops has not begun it: no attempt is lost, however often that happens. */
static void a_job_that_is_given_back_loses_no_attempt(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct job job, other;
    char id[37];
    to_the_broker(f, 1, id);
    for (int i = 0; i < 5; i++) { /* more than max_attempts in lease() */
        assert_int_equal(lease(f, id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
        assert_int_equal(job.attempt, 1);
        assert_int_equal(write_it(f, run_give_back, &(struct call){.job = &job, .owner = "worker"}), DB_OK);
        assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 1);
        assert_true(rows[0].job.again); /* not counted as another message */
        rows[0].confirmed = true;
        relayed(f, "one:relay", rows, 1);
        release(rows, 1);
        job_release(&job);
    }
    /* nobody takes the lease that another worker has got for the same attempt */
    assert_int_equal(lease(f, id, "other", FOR_EVER, &other), OUTBOX_LEASED);
    assert_int_equal(write_it(f, run_give_back, &(struct call){.job = &job, .owner = "worker"}), DB_OK);
    assert_int_equal(write_it(f, run_return, &(struct call){.job = &job, .owner = "worker"}), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs WHERE state = 'leased'"), 1);
    job_release(&other);
}

/* ---- lost messages, and statistics ---- */

static void messages_that_the_broker_lost_come_back(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct call call = {.ms = FOR_EVER};
    char id[37];
    to_the_broker(f, 3, id);
    assert_int_equal(write_it(f, run_recall, &call), DB_OK);
    assert_int_equal(call.n, 0); /* the broker has them only since now */
    call.ms = 0;
    assert_int_equal(write_it(f, run_recall, &call), DB_OK);
    assert_int_equal(call.n, 3);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 3);
    release(rows, 3);
}

static void statistics_cover_every_state(void **state)
{
    struct fixture *f = *state;
    struct outbox_row rows[MAX];
    struct job job;
    char id[37];
    to_the_broker(f, 2, id);
    assert_int_equal(lease(f, id, "worker", FOR_EVER, &job), OUTBOX_LEASED);
    publish(f, 2);
    assert_int_equal(take(f, "one:relay", FOR_EVER, rows), 2);
    publish(f, 1);
    assert_int_equal(look(f).stats.depth, 5); /* one at the broker, one leased, two on their way, one in the outbox */
    /* The oldest job is at the broker. */
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET due_at = due_at - 5000 WHERE state = 'handed'"), DB_OK);
    int64_t age = look(f).stats.oldest_age_ms;
    assert_true(age >= 5000);
    /* Now it is a job that no relay has taken, because the broker is down. */
    assert_int_equal(fixture_exec(f, "UPDATE tracking.jobs SET due_at = due_at - 9000 WHERE state = 'ready'"), DB_OK);
    assert_true(look(f).stats.oldest_age_ms >= 9000);
    job_release(&job);
    release(rows, 2);
}

/* QUEUE is changed from a broker back to embedded: workers can lease all its jobs at once. */
static void the_embedded_queue_takes_over(void **state)
{
    struct fixture *f = *state;
    struct job jobs[3];
    char id[37];
    to_the_broker(f, 3, id);
    assert_int_equal(queue_lease(f->queue, QUEUE, jobs, 3, FOR_EVER), 3);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(jobs[i].attempt, 1);
        job_release(&jobs[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_row_and_its_message_are_one_commit),
        TEST(two_relays_never_have_the_same_row),
        TEST(another_relay_takes_over_from_a_dead_one),
        TEST(a_relay_takes_the_organisations_in_turn),
        TEST(a_message_leases_its_row_once),
        TEST(a_message_may_arrive_before_its_confirm),
        TEST(an_expired_lease_can_be_taken),
        TEST(a_dead_process_s_lease_can_be_taken_at_once),
        TEST(a_retry_waits_until_it_is_due),
        TEST(attempts_are_bounded),
        TEST(a_lease_is_returned),
        TEST(a_job_that_is_given_back_loses_no_attempt),
        TEST(messages_that_the_broker_lost_come_back),
        TEST(statistics_cover_every_state),
        TEST(the_embedded_queue_takes_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
