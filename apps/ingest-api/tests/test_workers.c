/* SPDX-License-Identifier: Apache-2.0 */
#include "base/app.h"
#include "data/campaigns.h"
#include "data/erase.h"
#include "import/import.h"
#include "mail/mailer.h"
#include "queue/outreach.h"
#include "queue/queue_internal.h"
#include "smtp_server.h"
#include "store_fixture.h"
#include "workers/batch.h"
#include "workers/workers.h"

#include <sys/stat.h>
#include <time.h>

struct bench {
    struct fixture *f;
    struct app app;
    struct workers *workers;
    char campaign[37];
};

static void start(struct bench *b)
{
    const struct queue_timing quick = {.lease_ms = 60000, .backoff_ms = 10, .backoff_max_ms = 40, .stats_ms = 5000};

    b->app = (struct app){.settings = &b->f->settings, .store = b->f->store, .queue = b->f->queue};
    b->f->queue->timing = quick;
    assert_int_equal(mailer_open(&b->app.mailer, &b->f->settings), 0);
    assert_int_equal(workers_start(&b->workers, &b->app), 0);
}

static void stop(struct bench *b)
{
    workers_stop(b->workers);
    mailer_close(b->app.mailer);
    b->workers = NULL;
    b->app.mailer = NULL;
}

static void open_bench(struct bench *b, void **state)
{
    memset(b, 0, sizeof(*b));
    b->f = *state;
    b->f->settings.worker_threads = 1;
    (void)strcpy(b->f->settings.mail_from, "A <a@b.co>");
    (void)strcpy(b->f->settings.mail_url, "file");
}

/* Wait until a count has the expected value. */
static void await(struct bench *b, const char *sql, int64_t expected)
{
    for (int i = 0; i < 12000 && fixture_count(b->f, sql) != expected; i++)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    assert_int_equal(fixture_count(b->f, sql), expected);
}
#define NO_JOBS "SELECT count(*) FROM tracking.jobs WHERE ended_at IS NULL"

/* ---- what a request does ---- */

static int run_import(void *arg, struct db *db)
{
    struct bench *b = ((void **)arg)[0];
    const char *text = ((void **)arg)[1];
    struct import_request request = {
        .organisation_id = b->f->organisation,
        .request_id = "req-import",
        .source = {.format = IMPORT_CSV, .charset = "", .body = text, .length = strlen(text)}};
    struct import_result result;
    struct import_fault fault;
    int rc = import_run(db, &request, &result, &fault);
    import_result_clear(&result);
    return rc;
}

static void import(struct bench *b, const char *text)
{
    void *arg[] = {b, (void *)(uintptr_t)text};
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_import, arg), IMPORT_OK);
    queue_wake(b->f->queue);
}

static int run_campaign(void *arg, struct db *db)
{
    struct bench *b = arg;
    int rc = campaigns_create(db, b->f->organisation, "n", "Hi {{first_name}}", "You, {{first_name}}", b->campaign);
    return rc ? rc : campaigns_transition(db, b->f->organisation, b->campaign, CAMPAIGN_STATUS_ACTIVE, NULL);
}

static void campaign(struct bench *b)
{
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_campaign, b), DB_OK);
}

enum act_kind { DRAFTS, SEND, PAUSE, RESUME, COMPLETE };
struct act {
    struct bench *b;
    enum act_kind what;
    struct outreach_slice slice;
};

static int run_enqueue(struct db *db, struct act *act, enum outreach_kind kind)
{
    struct outreach_request request = {kind, act->b->f->organisation, act->b->campaign, "req-act"};
    return outreach_enqueue(db, &request, NULL, &act->slice);
}

static int run_act(void *arg, struct db *db)
{
    struct act *act = arg;
    struct bench *b = act->b;
    int rc;

    switch (act->what) {
    case DRAFTS:
        return run_enqueue(db, act, OUTREACH_DRAFTS);
    case SEND:
        return run_enqueue(db, act, OUTREACH_EMAILS);
    case PAUSE:
        return campaigns_transition(db, b->f->organisation, b->campaign, CAMPAIGN_STATUS_PAUSED, NULL);
    case COMPLETE:
        return campaigns_transition(db, b->f->organisation, b->campaign, CAMPAIGN_STATUS_COMPLETED, NULL);
    default:
        rc = campaigns_transition(db, b->f->organisation, b->campaign, CAMPAIGN_STATUS_ACTIVE, NULL);
        return rc ? rc : run_enqueue(db, act, OUTREACH_RESUME);
    }
}

static struct outreach_slice act(struct bench *b, enum act_kind what)
{
    struct act act = {.b = b, .what = what};
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_act, &act), DB_OK);
    queue_wake(b->f->queue);
    return act.slice;
}

static int outbox(struct bench *b, bool clear)
{
    char path[600], file[900];
    struct dirent *entry;
    int n = 0;

    (void)snprintf(path, sizeof(path), "%s/outbox", b->f->settings.data_dir);
    DIR *dir = opendir(path);
    while (dir && (entry = readdir(dir))) {
        if (entry->d_name[0] == '.')
            continue;
        n++;
        (void)snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        if (clear)
            (void)unlink(file);
    }
    if (dir)
        closedir(dir);
    if (clear)
        (void)rmdir(path);
    return n;
}

#define PEOPLE "email,first_name\nada@example.com,Ada\nbob@example.com,\nnoreply@example.com,N\ncy@example.com,Cy\n"

/* ---- tests ---- */

/* A campaign for these prospects; no worker runs yet. */
static void open_campaign(struct bench *b, void **state, const char *csv)
{
    open_bench(b, state);
    import(b, csv);
    campaign(b);
}

/* A campaign whose e-mails are enqueued, and go to this server; no worker runs yet. */
static void send_by_smtp(struct bench *b, void **state, const struct smtp_server *server, const char *csv)
{
    open_campaign(b, state, csv);
    (void)snprintf(b->f->settings.mail_url, sizeof(b->f->settings.mail_url), "smtp://127.0.0.1:%d", server->port);
    (void)act(b, SEND);
}

static void test_validation_and_research(void **state)
{
    struct bench b;

    open_bench(&b, state);
    start(&b);
    import(&b, PEOPLE);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM crm.prospects WHERE status = 'researched'"), 3);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM crm.prospects WHERE status = 'invalid'"
                                        " AND status_reason = 'no_reply_address'"),
                     1);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM crm.prospects"
                                        " WHERE json_extract(research, '$.company_domain') = 'example.com'"),
                     3);
    /* The jobs carry the id of the request. */
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE request_id <> 'req-import'"), 0);
    stop(&b);
    (void)outbox(&b, true);
}

static void test_drafts_and_emails_go_once(void **state)
{
    struct bench b;

    open_bench(&b, state);
    start(&b);
    import(&b, PEOPLE);
    await(&b, NO_JOBS, 0);
    campaign(&b);

    struct outreach_slice drafts = act(&b, DRAFTS);
    assert_int_equal(drafts.enqueued, 3); /* not for the invalid prospect */
    assert_false(drafts.more);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts WHERE state = 'generated'"), 2);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts WHERE state = 'failed'"
                                        " AND error = 'subject: the field is missing: first_name'"),
                     1);
    assert_int_equal(act(&b, DRAFTS).enqueued, 0);

    assert_int_equal(act(&b, SEND).enqueued, 2); /* a failed draft is not sent */
    assert_int_equal(act(&b, SEND).enqueued, 0);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 2);
    assert_int_equal(outbox(&b, false), 2);

    /* After the missing field was imported, a second call enqueues only this prospect. */
    import(&b, "email,first_name\nbob@example.com,Bob\n");
    assert_int_equal(act(&b, DRAFTS).enqueued, 1);
    await(&b, NO_JOBS, 0);
    assert_int_equal(act(&b, SEND).enqueued, 1);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 3);
    assert_int_equal(outbox(&b, false), 3);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 0);
    stop(&b);
    (void)outbox(&b, true);
}

static void test_send_without_drafts_makes_them(void **state)
{
    struct bench b;

    open_bench(&b, state);
    start(&b);
    import(&b, PEOPLE);
    await(&b, NO_JOBS, 0);
    campaign(&b);
    assert_int_equal(act(&b, SEND).enqueued, 3);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'"), 2);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'skipped' AND error ="
                                        " 'not sent: no draft: subject: the field is missing: first_name'"),
                     1);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts"), 3);
    stop(&b);
    assert_int_equal(outbox(&b, true), 2);
}

/* A draft failed before its prospect was validated. The validation alone is no reason to render it again. */
static void test_validation_does_not_retry_drafts(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nbob@example.com,\n");
    assert_int_equal(act(&b, DRAFTS).enqueued, 1);
    assert_int_equal(
        fixture_exec(b.f, "UPDATE tracking.jobs SET due_at = due_at + 400 WHERE queue = 'prospect.validate'"), DB_OK);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts WHERE state = 'failed'"), 1);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM crm.prospects WHERE status = 'researched'"), 1);
    assert_int_equal(act(&b, DRAFTS).enqueued, 0);
    stop(&b);
    (void)outbox(&b, true);
}

/* More than two slices, not a multiple of a statement's rows: each prospect gets one job, one draft, one email. */
static void test_many(void **state)
{
    const int n = 1033;
    char *text = malloc(64 * (size_t)n), *to = text;
    struct bench b;

    open_bench(&b, state);
    to += sprintf(to, "email,first_name\n");
    for (int i = 0; i < n; i++)
        to += sprintf(to, "p%d@example.com,P%d\n", i, i);
    import(&b, text);
    campaign(&b);
    assert_int_equal(act(&b, DRAFTS).enqueued, OUTREACH_SLICE);
    assert_int_equal(act(&b, DRAFTS).enqueued, 0); /* the jobs exist, the drafts do not yet */
    assert_int_equal(act(&b, SEND).enqueued, OUTREACH_SLICE);
    struct outreach_slice again = act(&b, SEND);
    assert_int_equal(again.enqueued, OUTREACH_SLICE); /* the next slice: these prospects have no email yet */
    assert_true(again.more);
    start(&b);
    await(&b, NO_JOBS, 0);
    stop(&b);
    for (int queue = QUEUE_DRAFT_GENERATE; queue <= QUEUE_EMAIL_SEND; queue++) {
        char sql[160];
        (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM tracking.jobs WHERE queue = '%s' AND state = 'done'",
                       queue_names[queue]);
        assert_int_equal(fixture_count(b.f, sql), n);
    }
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts WHERE state = 'generated'"), n);
    assert_int_equal(
        fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted' AND attempts = 1"), n);
    assert_int_equal(outbox(&b, true), n);
    free(text);
}

/* A campaign whose two e-mails are enqueued; no worker runs yet. */
static void send_to_two(struct bench *b, void **state)
{
    open_campaign(b, state, "email,first_name\nada@example.com,Ada\ncy@example.com,Cy\n");
    assert_int_equal(act(b, SEND).enqueued, 2);
}

static void test_pause_and_complete(void **state)
{
    struct bench b;

    send_to_two(&b, state);
    (void)act(&b, PAUSE);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(outbox(&b, false), 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'waiting'"), 2);

    assert_int_equal(act(&b, RESUME).enqueued, 2);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 2);

    stop(&b);
    import(&b, "email,first_name\ndan@example.com,Dan\n");
    assert_int_equal(act(&b, SEND).enqueued, 1);
    (void)act(&b, COMPLETE);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'skipped'"
                                        " AND reason = 'campaign_completed'"),
                     1);
    stop(&b);
    assert_int_equal(outbox(&b, true), 2);
}

/* A client may give all its requests the same id: each start after a pause enqueues the e-mails that wait. */
static void test_each_start_enqueues_what_waits(void **state)
{
    struct bench b;

    send_to_two(&b, state);
    (void)act(&b, PAUSE);
    assert_int_equal(act(&b, RESUME).enqueued, 2);
    (void)act(&b, PAUSE);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'waiting'"), 2);
    assert_int_equal(act(&b, RESUME).enqueued, 2);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 2);
    stop(&b);
    assert_int_equal(outbox(&b, true), 2);
}

/* As after a crash between the claim and the result: the email is in `sending`, and the job is delivered a second time. */
static void crash_while_sending(struct bench *b)
{
    assert_int_equal(fixture_exec(b->f, "UPDATE outreach.emails SET state = 'sending'"), DB_OK);
    assert_int_equal(fixture_exec(b->f, "UPDATE tracking.jobs SET attempt = 1"), DB_OK);
}

static void test_crash_with_file(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    crash_while_sending(&b);
    start(&b);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'",
          1); /* the file did not exist, so it is sent now */
    stop(&b);
    assert_int_equal(outbox(&b, false), 1);
    assert_int_equal(outbox(&b, true), 1);
}

/* A requeued dead letter (docs/runbooks/queue.md) is delivered for the first time again, and finds what it has claimed itself. */
static void test_a_requeued_job_finds_its_own_claim(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    assert_int_equal(fixture_exec(b.f, "UPDATE outreach.emails SET state = 'sending', job_id ="
                                       " (SELECT id FROM tracking.jobs WHERE queue = 'email.send')"),
                     DB_OK);
    start(&b);
    await(&b, NO_JOBS, 0);
    stop(&b);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'"), 1);
    assert_int_equal(outbox(&b, true), 1);
}

/* First the crash, then `what`: the fate of the email is found out, and it does not stay in `sending`. */
static void crash_and(void **state, enum act_kind what, const char *email_state, const char *error)
{
    struct bench b;
    char sql[200];

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    crash_while_sending(&b);
    (void)act(&b, what);
    start(&b);
    await(&b, NO_JOBS, 0);
    (void)snprintf(sql, sizeof(sql),
                   "SELECT count(*) FROM outreach.emails WHERE state = '%s' AND coalesce(error, '') = '%s'",
                   email_state, error);
    assert_int_equal(fixture_count(b.f, sql), 1);
    assert_int_equal(outbox(&b, false), 0);
    if (what == PAUSE) {
        assert_int_equal(act(&b, RESUME).enqueued, 1);
        await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 1);
        assert_int_equal(outbox(&b, true), 1);
    }
    stop(&b);
}

static void test_crash_and_pause(void **state)
{
    crash_and(state, PAUSE, "waiting", "");
}

static void test_crash_and_complete(void **state)
{
    crash_and(state, COMPLETE, "skipped", "not sent: the campaign is completed");
}

/* ---- a job step by step, with something else in between ---- */

struct by_hand {
    struct bench b;
    struct stop stop;
    struct worker worker;
    struct job job;
    struct task task;
};

static void take(struct task *task, struct job *job)
{
    *task = (struct task){.job = job, .payload = json_loads(job->payload, 0, NULL)};
}

static void drop(struct task *task)
{
    send_handler.release(task);
    json_decref(task->payload);
    job_release(task->job);
}

static int run_claim(void *arg, struct db *db)
{
    struct by_hand *hand = arg;
    return send_handler.claim(&hand->worker, db, &hand->task, false);
}

static void begin_by_hand(struct by_hand *hand)
{
    struct bench *b = &hand->b;
    b->app = (struct app){.settings = &b->f->settings, .store = b->f->store, .queue = b->f->queue};
    assert_int_equal(mailer_open(&b->app.mailer, &b->f->settings), 0);
    stop_init(&hand->stop);
    hand->worker = (struct worker){.stop = &hand->stop, .app = &b->app, .handler = &send_handler};
    hand->worker.session = mailer_session_open(b->app.mailer);
}

static void end_by_hand(struct by_hand *hand)
{
    worker_forget_campaign(&hand->worker);
    mailer_session_close(hand->worker.session);
    stop_destroy(&hand->stop);
    mailer_close(hand->b.app.mailer);
}

/* The bench has one e-mail, and its job is due. */
static void claim_by_hand(struct by_hand *hand)
{
    struct bench *b = &hand->b;
    begin_by_hand(hand);
    assert_int_equal(queue_lease(b->f->queue, QUEUE_EMAIL_SEND, &hand->job, 1, 0), 1);
    take(&hand->task, &hand->job);
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_claim, hand), DB_OK);
    send_handler.claimed(&hand->worker, &hand->task);
}

static int run_finish(void *arg, struct db *db)
{
    struct by_hand *hand = arg;
    int rc = send_handler.finish(&hand->worker, db, &hand->task);
    return rc == DB_OK ? queue_complete(db, &hand->job) : rc;
}

static void finish_by_hand(struct by_hand *hand)
{
    struct bench *b = &hand->b;
    struct batch batch = {.worker = &hand->worker, .tasks = &hand->task, .n = 1, .leased = 1};
    batch.began_ns = batch.extended_ns = clock_monotonic_ns();
    send_handler.act(&hand->worker, &batch);
    assert_int_equal(hand->task.result, TASK_DONE);
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_finish, hand), DB_OK);
    send_handler.committed(&hand->worker, &hand->task);
    drop(&hand->task);
    end_by_hand(hand);
}

/* Lease `n` jobs of e-mails, at most 3, and run them in a worker. @param stopping the worker is being stopped */
static void run_by_hand(struct by_hand *hand, const struct handler *handler, int n, bool stopping)
{
    struct job jobs[3];
    struct task tasks[3];

    begin_by_hand(hand);
    hand->worker.handler = handler;
    assert_int_equal(queue_lease(hand->b.f->queue, QUEUE_EMAIL_SEND, jobs, n, 0), n);
    for (int i = 0; i < n; i++)
        take(&tasks[i], &jobs[i]);
    if (stopping)
        stop_now(&hand->stop);
    batch_run(&hand->worker, tasks, n);
    for (int i = 0; i < n; i++)
        drop(&tasks[i]);
    end_by_hand(hand);
}

/* The e-mail was interrupted, then its campaign was paused, and is started or completed while its fate is found out. */
static void put_back_while(void **state, enum act_kind what, const char *sql, int files)
{
    struct by_hand hand;
    struct bench *b = &hand.b;

    open_campaign(b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(b, SEND);
    crash_while_sending(b);
    (void)act(b, PAUSE);
    claim_by_hand(&hand);
    (void)act(b, what);
    finish_by_hand(&hand);
    start(b);
    await(b, sql, 1);
    stop(b);
    assert_int_equal(outbox(b, true), files);
}

static void test_put_back_during_a_start(void **state)
{
    put_back_while(state, RESUME, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 1);
}

static void test_put_back_during_a_completion(void **state)
{
    put_back_while(state, COMPLETE, "SELECT count(*) FROM outreach.emails WHERE reason = 'campaign_completed'", 0);
}

/* The worker read the address before the correction, and writes the skip after it: the next /send has to see that. */
static void test_a_correction_during_a_skip(void **state)
{
    struct by_hand hand;
    struct bench *b = &hand.b;
    char sql[100];

    open_campaign(b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(b, SEND);
    crash_while_sending(b); /* so that the transport is asked in between */
    assert_int_equal(fixture_exec(b->f, "UPDATE crm.prospects SET status = 'invalid'"), DB_OK);
    claim_by_hand(&hand);
    (void)snprintf(sql, sizeof(sql), "UPDATE crm.prospects SET status = 'validated', updated_at = %lld",
                   (long long)clock_wall_ms());
    assert_int_equal(fixture_exec(b->f, sql), DB_OK);
    (void)nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    finish_by_hand(&hand);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM outreach.emails WHERE state = 'skipped'"), 1);
    assert_int_equal(act(b, SEND).enqueued, 1);
    start(b);
    await(b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 1);
    stop(b);
    assert_int_equal(outbox(b, true), 1);
}

static int run_erase_prospect(void *arg, struct db *db)
{
    struct bench *b = arg;
    char id[37] = "";
    db_scope_all(db);
    struct db_stmt *stmt = db_prepare(db, "SELECT id FROM crm.prospects");
    must(db_step(stmt) == DB_ROW);
    (void)snprintf(id, sizeof(id), "%s", db_column_uuid(stmt, 0));
    db_done(stmt);
    return erase_prospect(db, b->f->organisation, id, NULL, NULL);
}

/* The erasure could not delete the file, because it was not written yet. */
static void test_erased_while_it_is_sent(void **state)
{
    struct by_hand hand;
    struct bench *b = &hand.b;

    open_campaign(b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(b, SEND);
    claim_by_hand(&hand);
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_erase_prospect, b), DB_OK);
    finish_by_hand(&hand);
    assert_int_equal(outbox(b, true), 0);
}

static struct bench *erased_bench;

static int run_erase_organisation(void *arg, struct db *db)
{
    const struct bench *b = arg;
    int rc = DB_OK;
    for (int slices = 0; rc == DB_OK && slices < 50; slices++)
        rc = erase_organisation(db, b->f->organisation, NULL, NULL);
    return rc == ERASED ? DB_OK : rc;
}

/* As send_handler, but the organisation is deleted after the claim. */
static void act_for_a_deleted_organisation(struct worker *worker, struct batch *batch)
{
    struct bench *b = erased_bench;
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_erase_organisation, b), DB_OK);
    send_handler.act(worker, batch);
}

/* Its jobs are deleted too, so that they cannot be completed; the files are written after the deletion. */
static void test_its_organisation_is_deleted_while_it_is_sent(void **state)
{
    struct by_hand hand;
    struct bench *b = &hand.b;
    struct handler handler = send_handler;

    send_to_two(b, state);
    erased_bench = b;
    handler.act = act_for_a_deleted_organisation;
    run_by_hand(&hand, &handler, 2, false);
    assert_int_equal(outbox(b, true), 0);
}

/* One job was begun, and its e-mail certainly not sent; the others were only leased. */
static void test_a_stop_uses_up_no_attempt(void **state)
{
    struct smtp_server server;
    struct by_hand hand;
    struct bench *b = &hand.b;

    smtp_server_start(&server, "");
    send_by_smtp(b, state, &server, "email,first_name\nada@example.com,Ada\nbob@example.com,Bob\ncy@example.com,Cy\n");
    run_by_hand(&hand, &send_handler, 3, true);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send'"
                                         " AND state = 'ready' AND attempt = 0"),
                     3);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM outreach.emails WHERE state = 'waiting'"
                                         " AND attempts = 0"),
                     3);
    start(b);
    await(b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted' AND attempts = 1", 3);
    stop(b);
    smtp_server_stop(&server);
    assert_int_equal(server.accepted, 3);
}

static int claim_when_busy(struct worker *worker, struct db *db, struct task *task, bool unsure)
{
    (void)worker;
    (void)db;
    (void)task;
    (void)unsure;
    return DB_E_BUSY;
}

/* A worker waits for a busy store, but not while it is being stopped. */
static void test_a_stop_while_the_store_is_busy_uses_up_no_attempt(void **state)
{
    struct handler handler = send_handler;
    struct by_hand hand;
    struct bench *b = &hand.b;

    handler.claim = claim_when_busy;
    send_to_two(b, state);
    run_by_hand(&hand, &handler, 2, true);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send'"
                                         " AND state = 'ready' AND attempt = 0"),
                     2);
}

/* The sending was interrupted before; the stop comes before the transport is asked about it. */
static void test_a_stop_before_the_question_uses_up_no_attempt(void **state)
{
    struct by_hand hand;
    struct bench *b = &hand.b;

    open_campaign(b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(b, SEND);
    crash_while_sending(b);
    run_by_hand(&hand, &send_handler, 1, true);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send'"
                                         " AND state = 'ready' AND attempt = 1"),
                     1);
    start(b);
    await(b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted'", 1);
    stop(b);
    assert_int_equal(outbox(b, true), 1);
}

/*
 * The email is in `sending` and this job comes for the first time: it is a duplicate, and another worker is sending the email. The
 * duplicate is ignored in every state of the campaign.
 */
static void a_duplicate(void **state, enum act_kind then)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    assert_int_equal(fixture_exec(b.f, "UPDATE outreach.emails SET state = 'sending'"), DB_OK);
    if (then != SEND)
        (void)act(&b, then);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'sending'"), 1);
    stop(&b);
    assert_int_equal(outbox(&b, true), 0);
}

static void test_a_duplicate_is_ignored(void **state)
{
    a_duplicate(state, SEND);
}

static void test_a_duplicate_of_a_paused_campaign_is_ignored(void **state)
{
    a_duplicate(state, PAUSE);
}

/*
 * A pause and a start have made a second job. One job has claimed the e-mail and its worker is sending it; the other one
 * was delivered before, to a worker that died. It is a duplicate all the same. When the first job is delivered again, its
 * worker is dead, and the e-mail is in doubt.
 */
static void a_redelivered_duplicate(void **state, enum act_kind then)
{
    struct smtp_server server;
    struct bench b;

    smtp_server_start(&server, "");
    send_by_smtp(&b, state, &server, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, PAUSE);
    assert_int_equal(act(&b, RESUME).enqueued, 1);
    if (then != SEND)
        (void)act(&b, then);
    crash_while_sending(&b);
    assert_int_equal(fixture_exec(b.f, "UPDATE outreach.emails SET job_id = (SELECT id FROM tracking.jobs"
                                       " WHERE queue = 'email.send' ORDER BY id LIMIT 1)"),
                     DB_OK);
    assert_int_equal(fixture_exec(b.f, "UPDATE tracking.jobs SET state = 'leased', owner = 'elsewhere',"
                                       " lease_until = created_at + 3600000"
                                       " WHERE id = (SELECT job_id FROM outreach.emails)"),
                     DB_OK);
    start(&b);
    await(&b, NO_JOBS, 1);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'sending'"), 1);
    assert_int_equal(fixture_exec(b.f, "UPDATE tracking.jobs SET lease_until = 1 WHERE state = 'leased'"), DB_OK);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'in_doubt'", 1);
    await(&b, NO_JOBS, 0);
    stop(&b);
    smtp_server_stop(&server);
    assert_int_equal(server.accepted, 0);
}

static void test_a_redelivered_duplicate_is_ignored(void **state)
{
    a_redelivered_duplicate(state, SEND);
}

static void test_a_redelivered_duplicate_of_a_paused_campaign_is_ignored(void **state)
{
    a_redelivered_duplicate(state, PAUSE);
}

/* The organisation has used its rate for nearly five minutes ahead. */
static void use_up_the_rate(struct bench *b)
{
    char sql[200];

    b->f->settings.mail_rate = 1;
    (void)snprintf(sql, sizeof(sql),
                   "INSERT INTO outreach.mail_rates (organisation_id, full_at, turn_at) VALUES "
                   "(x'%.8s%.4s%.4s%.4s%.12s', %lld, 0)",
                   b->f->organisation, b->f->organisation + 9, b->f->organisation + 14, b->f->organisation + 19,
                   b->f->organisation + 24, (long long)(clock_wall_ms() + 290000) * 1000);
    assert_int_equal(fixture_exec(b->f, sql), DB_OK);
}

/* A start makes a second job for an e-mail that waits for its turn. It must not take a second turn from others. */
static void test_an_email_has_one_turn(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    use_up_the_rate(&b);
    start(&b);
    await(&b, "SELECT count(*) FROM tracking.jobs WHERE state IN ('ready', 'leased')", 0);
    int64_t turn = fixture_count(b.f, "SELECT turn_at FROM outreach.mail_rates");
    for (int i = 0; i < 2; i++) {
        (void)act(&b, PAUSE);
        assert_int_equal(act(&b, RESUME).enqueued, 1);
        await(&b, "SELECT count(*) FROM tracking.jobs WHERE state IN ('ready', 'leased')", 0);
    }
    assert_int_equal(
        fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send' AND state = 'delayed'"), 1);
    assert_int_equal(fixture_count(b.f, "SELECT turn_at FROM outreach.mail_rates"), turn);
    /* its own job sends it when there is a token again, and so would another one */
    assert_int_equal(fixture_exec(b.f, "UPDATE outreach.mail_rates SET full_at = 0"), DB_OK);
    (void)act(&b, PAUSE);
    assert_int_equal(act(&b, RESUME).enqueued, 1);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted' AND attempts = 1", 1);
    assert_int_equal(fixture_exec(b.f, "UPDATE tracking.jobs SET due_at = 1 WHERE state = 'delayed'"), DB_OK);
    await(&b, NO_JOBS, 0);
    stop(&b);
    assert_int_equal(outbox(&b, true), 1);
}

/* A new email is delayed and not claimed. */
static void test_the_rate_limit_delays(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    use_up_the_rate(&b);
    start(&b);
    await(&b, "SELECT count(*) FROM tracking.jobs WHERE state IN ('ready', 'leased')", 0);
    stop(&b);
    assert_int_equal(
        fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send' AND state = 'delayed'"), 1);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state <> 'waiting'"), 0);
    assert_int_equal(outbox(&b, true), 0);
}

static void test_crash_with_smtp(void **state)
{
    struct smtp_server server;
    struct bench b;

    smtp_server_start(&server, "");
    send_by_smtp(&b, state, &server, "email,first_name\nada@example.com,Ada\n");
    crash_while_sending(&b);
    start(&b);
    await(&b, "SELECT count(*) FROM outreach.emails WHERE state = 'in_doubt' AND error LIKE 'in doubt: %'", 1);
    await(&b, "SELECT count(*) FROM tracking.jobs WHERE queue = 'email.send' AND state = 'dead'", 1);
    stop(&b);
    smtp_server_stop(&server);
    assert_int_equal(server.accepted, 0); /* never sent twice */
}

/* A worker was taken for dead, or was suspended, before it began: if it claimed the e-mail now, the next one would be in doubt. */
static void test_a_lost_lease_claims_nothing(void **state)
{
    struct smtp_server server;
    struct by_hand hand;
    struct bench *b = &hand.b;

    smtp_server_start(&server, "");
    send_by_smtp(b, state, &server, "email,first_name\nada@example.com,Ada\n");
    begin_by_hand(&hand);
    assert_int_equal(queue_lease(b->f->queue, QUEUE_EMAIL_SEND, &hand.job, 1, 0), 1);
    assert_int_equal(fixture_exec(b->f, "UPDATE tracking.jobs SET state = 'ready', lease_until = NULL, owner = NULL"
                                        " WHERE state = 'leased'"),
                     DB_OK);
    take(&hand.task, &hand.job);
    assert_int_equal(store_run(b->f->store, STORE_MODE_WRITE, run_claim, &hand), DB_OK);
    assert_int_equal(fixture_count(b->f, "SELECT count(*) FROM outreach.emails WHERE state = 'waiting'"), 1);
    assert_int_not_equal(hand.task.u.email.rule->action, EMAIL_ACT_SEND);
    drop(&hand.task);
    end_by_hand(&hand);
    start(b);
    await(b, "SELECT count(*) FROM outreach.emails WHERE state = 'accepted' AND attempts = 1", 1);
    stop(b);
    smtp_server_stop(&server);
    assert_int_equal(server.accepted, 1);
}

static void smtp_outcome(void **state, const char *script, const char *email_state, int attempts)
{
    struct smtp_server server;
    struct bench b;
    char sql[200];

    smtp_server_start(&server, script);
    send_by_smtp(&b, state, &server, "email,first_name\nada@example.com,Ada\n");
    start(&b);
    (void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM outreach.emails WHERE state = '%s' AND attempts = %d",
                   email_state, attempts);
    await(&b, sql, 1);
    await(&b, NO_JOBS, 0);
    stop(&b);
    smtp_server_stop(&server);
}

static void test_smtp_refused_for_good(void **state)
{
    smtp_outcome(state, "RCPT 550 5.1.1 no such user", "refused_recipient", 1);
    assert_int_equal(fixture_count(*state, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 1);
}

/* MAIL_RETRY_FOR is over after one wait. Each attempt is a job of its own, and the last becomes a dead letter. */
static void test_smtp_refused_for_now(void **state)
{
    smtp_outcome(state, "RCPT 450 4.2.1 busy", "refused_recipient", 2);
    assert_int_equal(fixture_count(*state, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 1);
    assert_int_equal(fixture_count(*state, "SELECT count(*) FROM outreach.emails WHERE reason = 'expired'"
                                           " AND error = 'the server answered 450 4.2.1 (RCPT)'"
                                           " AND words = '450 4.2.1 busy'"),
                     1);
}

/* Three equal refusals of the sender (MAIL_REFUSALS): the campaign is paused, and no email has lost an attempt. */
static void test_smtp_refuses_the_sender(void **state)
{
    smtp_outcome(state, "MAIL 550 5.7.1 no thanks", "refused_sender", 0);
    assert_int_equal(fixture_count(*state, "SELECT count(*) FROM outreach.campaigns WHERE status = 'paused'"
                                           " AND refused = 1 AND refusals = 3"
                                           " AND refusal_words = '550 5.7.1 no thanks'"),
                     1);
    assert_int_equal(fixture_count(*state, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 0);
}

/* An invalid job is dead-lettered with a reason, and the other job of its batch is done. */
static int run_publish_nonsense(void *arg, struct db *db)
{
    const struct bench *b = arg;
    int rc = DB_OK;
    for (int queue = 0; rc == DB_OK && queue < QUEUES; queue++)
        rc = queue_publish(db, (enum queue_name)queue, b->f->organisation, "", NULL, "{\"x\": 1}", NULL);
    return rc ? rc : queue_publish(db, QUEUE_DRAFT_GENERATE, b->f->organisation, "", NULL, "nonsense", NULL);
}

static void test_invalid_jobs_are_dead_lettered(void **state)
{
    struct bench b;

    open_bench(&b, state);
    assert_int_equal(store_run(b.f->store, STORE_MODE_WRITE, run_publish_nonsense, &b), DB_OK);
    import(&b, PEOPLE);
    start(&b);
    await(&b, NO_JOBS, 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead' AND error <> ''"), 5);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM crm.prospects WHERE status = 'researched'"), 3);
    stop(&b);
    (void)outbox(&b, true);
}

/* ---- metrics ---- */

static double metric_of(const struct bench *b, const char *format)
{
    char sample[200];
    (void)snprintf(sample, sizeof(sample), format, b->f->organisation);
    double value = fixture_metric(sample);
    return value < 0 ? 0 : value; /* no such series: nothing was counted */
}

/* The store refuses the job's commit at each attempt, until the job is dead. */
static void test_what_is_rolled_back_is_not_counted(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    assert_int_equal(act(&b, DRAFTS).enqueued, 1);
    assert_int_equal(fixture_exec(b.f, "CREATE TRIGGER tracking.refuse BEFORE UPDATE ON tracking.jobs"
                                       " WHEN new.state = 'done' BEGIN SELECT RAISE(ABORT, 'no'); END"),
                     DB_OK);
    start(&b);
    await(&b, "SELECT count(*) FROM tracking.jobs WHERE queue = 'draft.generate' AND state = 'dead'", 1);
    stop(&b);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.drafts"), 0);
    assert_true(metric_of(&b, "drafts_generated_total{organisation_id=\"%s\",success=\"true\"}") == 0);
    (void)outbox(&b, true);
}

/* The worker died while it sent the e-mail; then an import said that the person wants none. */
static void test_a_suppression_is_counted_once(void **state)
{
    struct bench b;

    open_campaign(&b, state, "email,first_name\nada@example.com,Ada\n");
    (void)act(&b, SEND);
    crash_while_sending(&b);
    assert_int_equal(fixture_exec(b.f, "DELETE FROM tracking.jobs WHERE queue <> 'email.send'"), DB_OK);
    assert_int_equal(fixture_exec(b.f, "UPDATE crm.prospects SET custom = '{\"opt_out\": \"yes\"}'"), DB_OK);
    start(&b);
    await(&b, NO_JOBS, 0);
    stop(&b);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails WHERE state = 'skipped'"
                                        " AND reason = 'suppressed'"),
                     1);
    assert_true(fixture_metric("suppressions_total{reason=\"import\"}") == 1);
    assert_true(fixture_metric("suppressions_total{reason=\"no_mailbox\"}") == 0);
    assert_int_equal(outbox(&b, true), 0);
}

struct erasing {
    struct bench *b;
    int rc;
};

static int run_erase_campaign(void *arg, struct db *db)
{
    struct erasing *erasing = arg;
    erasing->rc = erase_campaign(db, erasing->b->f->organisation, erasing->b->campaign, NULL, NULL);
    return erasing->rc < 0 ? erasing->rc : DB_OK;
}

/* The jobs of a campaign that was deleted have nothing to do, and are no dead letters. */
static void test_jobs_of_a_deleted_campaign_end(void **state)
{
    const int n = OUTREACH_SLICE + 1; /* so that there are jobs for the next slice too */
    char *text = malloc(64 * (size_t)n), *to = text;
    struct bench b;

    open_bench(&b, state);
    to += sprintf(to, "email,first_name\n");
    for (int i = 0; i < n; i++)
        to += sprintf(to, "p%d@example.com,P%d\n", i, i);
    import(&b, text);
    free(text);
    campaign(&b);
    assert_true(act(&b, DRAFTS).more);
    assert_true(act(&b, SEND).more);
    (void)act(&b, PAUSE);
    struct erasing erasing = {.b = &b};
    while (erasing.rc != ERASED)
        assert_int_equal(store_run(b.f->store, STORE_MODE_WRITE, run_erase_campaign, &erasing), DB_OK);
    start(&b);
    await(&b, NO_JOBS, 0);
    stop(&b);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM tracking.jobs WHERE state = 'dead'"), 0);
    assert_int_equal(fixture_count(b.f, "SELECT count(*) FROM outreach.emails"), 0);
    assert_int_equal(outbox(&b, true), 0);
}

/* A payload with another organisation's campaign or prospect does nothing. */
static int run_publish_foreign(void *arg, struct db *db)
{
    const struct bench *b = arg;
    char payload[OUTREACH_PAYLOAD_MAX];
    outreach_payload(payload, b->campaign, "01890a5d-ac96-774b-bcce-b302099a8057");
    int rc = queue_publish(db, QUEUE_EMAIL_SEND, b->f->other, "", NULL, payload, NULL);
    return rc ? rc : queue_publish(db, QUEUE_DRAFT_GENERATE, b->f->other, "", NULL, payload, NULL);
}

static void test_tenants_are_separated(void **state)
{
    struct bench b;

    open_bench(&b, state);
    campaign(&b);
    assert_int_equal(store_run(b.f->store, STORE_MODE_WRITE, run_publish_foreign, &b), DB_OK);
    start(&b);
    await(&b, NO_JOBS, 0);
    stop(&b);
    assert_int_equal(fixture_count(b.f, "SELECT (SELECT count(*) FROM outreach.drafts)"
                                        " + (SELECT count(*) FROM outreach.emails)"),
                     0);
    assert_int_equal(outbox(&b, true), 0);
}

#define WITH_STORE(test) cmocka_unit_test_setup_teardown(test, fixture_setup, fixture_teardown)
#define WITH_METRICS(test) \
    cmocka_unit_test_setup_teardown(test, fixture_setup_with_metrics, fixture_teardown_with_metrics)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_STORE(test_validation_and_research),
        WITH_STORE(test_drafts_and_emails_go_once),
        WITH_STORE(test_send_without_drafts_makes_them),
        WITH_STORE(test_validation_does_not_retry_drafts),
        WITH_STORE(test_many),
        WITH_STORE(test_pause_and_complete),
        WITH_STORE(test_each_start_enqueues_what_waits),
        WITH_STORE(test_crash_with_file),
        WITH_STORE(test_a_requeued_job_finds_its_own_claim),
        WITH_STORE(test_crash_and_pause),
        WITH_STORE(test_crash_and_complete),
        WITH_STORE(test_a_stop_uses_up_no_attempt),
        WITH_STORE(test_a_stop_before_the_question_uses_up_no_attempt),
        WITH_STORE(test_a_stop_while_the_store_is_busy_uses_up_no_attempt),
        WITH_STORE(test_put_back_during_a_start),
        WITH_STORE(test_put_back_during_a_completion),
        WITH_STORE(test_a_correction_during_a_skip),
        WITH_STORE(test_erased_while_it_is_sent),
        WITH_STORE(test_its_organisation_is_deleted_while_it_is_sent),
        WITH_STORE(test_a_duplicate_is_ignored),
        WITH_STORE(test_a_duplicate_of_a_paused_campaign_is_ignored),
        WITH_STORE(test_a_redelivered_duplicate_is_ignored),
        WITH_STORE(test_a_redelivered_duplicate_of_a_paused_campaign_is_ignored),
        WITH_STORE(test_the_rate_limit_delays),
        WITH_STORE(test_an_email_has_one_turn),
        WITH_STORE(test_crash_with_smtp),
        WITH_STORE(test_a_lost_lease_claims_nothing),
        WITH_STORE(test_smtp_refused_for_good),
        WITH_STORE(test_smtp_refused_for_now),
        WITH_STORE(test_smtp_refuses_the_sender),
        WITH_STORE(test_invalid_jobs_are_dead_lettered),
        WITH_STORE(test_jobs_of_a_deleted_campaign_end),
        WITH_STORE(test_tenants_are_separated),
        WITH_METRICS(test_what_is_rolled_back_is_not_counted),
        WITH_METRICS(test_a_suppression_is_counted_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
