/* SPDX-License-Identifier: Apache-2.0 */
/* The job of an e-mail becomes a dead letter while the e-mail is `sending`: nobody would decide its fate any more. */
#include "data/campaigns.h"
#include "data/emails.h"
#include "log_fixture.h"
#include "queue/jobs.h"
#include "queue/outbox.h"
#include "queue/outreach.h"
#include "queue/queue_internal.h"
#include "store_fixture.h"

/* An e-mail whose worker holds its job, at the last attempt, and has claimed it. */
struct email_case {
    struct fixture *f;
    char campaign[37], prospect[37];
    struct job job;
    struct jobs_expired expired;
    enum outbox_claim claim;
};

static int run_email(void *arg, struct db *db)
{
    struct email_case *c = arg;
    struct prospect_input row = {.field = {{"ada@example.com", strlen("ada@example.com")}}};
    struct prospect_upsert prospect;
    char payload[OUTREACH_PAYLOAD_MAX];
    int rc = campaigns_create(db, c->f->organisation, "n", "Hi", "Body", c->campaign);
    if (rc == DB_OK)
        rc = prospects_upsert(db, c->f->organisation, &row, 1, &prospect);
    strcpy(c->prospect, prospect.id);
    outreach_payload(payload, c->campaign, c->prospect);
    if (rc == DB_OK)
        rc = emails_create(db, c->f->organisation, c->campaign, c->prospect, NULL);
    return rc == DB_OK ? queue_publish(db, QUEUE_EMAIL_SEND, c->f->organisation, "", NULL, payload, NULL) : rc;
}

static int run_claim(void *arg, struct db *db)
{
    struct email_case *c = arg;
    struct email_claim claim;
    return emails_claim(db, c->f->organisation, c->campaign, c->prospect, c->job.id, c->job.attempt, &claim);
}

static void open_case(struct email_case *c, void **state)
{
    *c = (struct email_case){.f = *state};
    c->f->queue->max_attempts = 1;
    assert_int_equal(store_run(c->f->store, STORE_MODE_WRITE, run_email, c), DB_OK);
    assert_int_equal(queue_lease(c->f->queue, QUEUE_EMAIL_SEND, &c->job, 1, 0), 1);
    assert_int_equal(store_run(c->f->store, STORE_MODE_WRITE, run_claim, c), DB_OK);
}

static void exec(struct email_case *c, const char *sql)
{
    assert_int_equal(fixture_exec(c->f, sql), DB_OK);
}

static void nobody_leases_it(struct email_case *c)
{
    struct job job;
    assert_int_equal(queue_lease(c->f->queue, QUEUE_EMAIL_SEND, &job, 1, 0), 0);
}

static int64_t emails(struct email_case *c, const char *state)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM outreach.emails WHERE state = '%s'", state);
    return fixture_count(c->f, sql);
}

static void close_case(struct email_case *c, const char *job_state, const char *email_state)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM tracking.jobs WHERE state = '%s'", job_state);
    assert_int_equal(fixture_count(c->f, sql), 1);
    assert_int_equal(emails(c, email_state), 1);
    job_release(&c->job);
}

static double in_doubt(void)
{
    double fates = fixture_metric("email_fates_total{fate=\"in_doubt\"}");
    assert_true(fates == fixture_metric("email_attempts_total{outcome=\"in_doubt\"}"));
    return fates < 0 ? 0 : fates;
}

static void close_in_doubt(struct email_case *c, double before)
{
    assert_true(in_doubt() == before + 1);
    assert_int_equal(fixture_count(c->f, "SELECT count(*) FROM outreach.emails WHERE reason = 'no_answer'"
                                         " AND error LIKE 'in doubt: %' AND attempts = 1"),
                     1);
    close_case(c, "dead", "in_doubt");
}

/* The log says which job it was, as for a job that fails by itself. */
static void open_log(void)
{
    assert_int_equal(open_pipe(NULL), 0);
    (void)fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
}

static void close_log(const struct email_case *c)
{
    json_t *line = read_line();
    assert_string_equal(json_string_value(json_object_get(line, "msg")), "job failed for good");
    assert_string_equal(json_string_value(json_object_get(line, "jobId")), c->job.id);
    assert_string_equal(json_string_value(json_object_get(line, "error")), "lease expired");
    json_decref(line);
    (void)close_pipe(NULL);
    log_set_level(LOG_FATAL + 1);
}

static void its_lease_ends(void **state)
{
    struct email_case c;
    double before = in_doubt();
    open_case(&c, state);
    exec(&c, "UPDATE tracking.jobs SET lease_until = 1");
    open_log();
    nobody_leases_it(&c);
    close_log(&c);
    close_in_doubt(&c, before);
}

static void its_worker_dies(void **state)
{
    struct email_case c;
    double before = in_doubt();
    open_case(&c, state);
    fixture_owner_dies(c.f, "");
    queue_release_orphans(c.f->queue, NULL);
    nobody_leases_it(&c);
    close_in_doubt(&c, before);
}

static void its_last_attempt_fails(void **state)
{
    struct email_case c;
    double before = in_doubt();
    open_case(&c, state);
    assert_int_equal(queue_fail(c.f->queue, &c.job, "out of memory", false), DB_OK);
    close_in_doubt(&c, before);
}

static int run_deliver(void *arg, struct db *db)
{
    struct email_case *c = arg;
    struct job job;
    c->expired = (struct jobs_expired){0};
    return outbox_lease(db, QUEUE_EMAIL_SEND, c->job.id, 60000, 1, "another", &job, &c->claim, &c->expired);
}

static void its_message_is_delivered_again(void **state)
{
    struct email_case c;
    double before = in_doubt();
    open_case(&c, state);
    fixture_owner_dies(c.f, "");
    open_log();
    assert_int_equal(store_run(c.f->store, STORE_MODE_WRITE, run_deliver, &c), DB_OK);
    close_log(&c);
    assert_int_equal(c.claim, OUTBOX_DEAD);
    assert_int_equal(c.expired.dead, 1);
    queue_count_expired(QUEUE_EMAIL_SEND, &c.expired);
    close_in_doubt(&c, before);
}

/* ---- the e-mail stays as it is ---- */

static void an_attempt_is_left(void **state)
{
    struct email_case c;
    open_case(&c, state);
    c.f->queue->max_attempts = 2;
    fixture_owner_dies(c.f, "");
    queue_release_orphans(c.f->queue, NULL);
    close_case(&c, "ready", "sending");
}

static void another_job_is_sending_it(void **state)
{
    struct email_case c;
    open_case(&c, state);
    exec(&c, fixture_postgres() ? "UPDATE outreach.emails SET job_id = gen_random_uuid()"
                                : "UPDATE outreach.emails SET job_id = randomblob(16)");
    exec(&c, "UPDATE tracking.jobs SET lease_until = 1");
    nobody_leases_it(&c);
    close_case(&c, "dead", "sending");
}

static void its_fate_is_known(void **state)
{
    struct email_case c;
    open_case(&c, state);
    exec(&c, "UPDATE outreach.emails SET state = 'accepted'");
    exec(&c, "UPDATE tracking.jobs SET lease_until = 1");
    nobody_leases_it(&c);
    close_case(&c, "dead", "accepted");
}

static void its_campaign_was_deleted(void **state)
{
    struct email_case c;
    open_case(&c, state);
    exec(&c, "DELETE FROM outreach.emails");
    exec(&c, "UPDATE tracking.jobs SET lease_until = 1");
    nobody_leases_it(&c);
    assert_int_equal(fixture_count(c.f, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 1);
    job_release(&c.job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_with_metrics, fixture_teardown_with_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(its_lease_ends),         TEST(its_worker_dies),
        TEST(its_last_attempt_fails), TEST(its_message_is_delivered_again),
        TEST(an_attempt_is_left),     TEST(another_job_is_sending_it),
        TEST(its_fate_is_known),      TEST(its_campaign_was_deleted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
