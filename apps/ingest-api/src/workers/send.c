/* SPDX-License-Identifier: Apache-2.0 */
/*
 * email.send: one e-mail of one campaign, never twice.
 *
 *   claim   (commit)  pending → sending; a draft that is not there yet is made
 *   send              outside of any transaction
 *   finish  (commit)  sending → sent | failed | pending again, together with the job
 *
 * A job that is delivered again and finds its e-mail in `sending` follows a crash between the first commit and the
 * last. The transport is asked: `file` knows whether the message is there, so it is sent or recorded; SMTP does not know,
 * so the e-mail is failed as "in doubt" and the job dead-lettered: rather one too few than one twice. Hence e-mails for
 * SMTP are claimed one at a time: a worker that dies leaves one in doubt, not a batch. On its first delivery
 * a job that finds `sending` is a double (a campaign resumed while its older job was still waiting) and leaves.
 *
 * A server that is not there is nobody's fault: e-mails wait for it, claimed, and lose no attempt by that, for up to
 * PATIENCE_NS; then they fail as if refused for now, so that a claim does not outlast every lease and every pause.
 *
 * An organisation that is past MAIL_RATE_LIMIT has its e-mails put off before they are claimed.
 *
 * Not counted in emails_sent_total, because nothing was handed to the transport: e-mails failed as "not sent: …".
 */
#include "app.h"
#include "base/clock.h"
#include "base/email_address.h"
#include "base/log.h"
#include "base/settings.h"
#include "data/mail_rate.h"
#include "mail/mailer.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "workers/task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
#define EXTEND_AFTER_NS (15 * SECOND_NS)
#define PATIENCE_NS (300 * SECOND_NS)
#define PAUSE_MS 100 /* before the server is tried again; doubles up to PAUSE_MAX_MS */
#define PAUSE_MAX_MS 1600

enum plan {
    PLAN_NOTHING, /* the job is done: sent before, not active, not to be sent */
    PLAN_SEND,
    PLAN_DOUBT, /* it may have been sent: ask the transport */
    PLAN_LATER, /* claimed by us, but we are shutting down: the claim goes back, the job is left to its lease */
    PLAN_LEAVE  /* in doubt, and we are shutting down: nothing is touched */
};

struct letter {
    struct task *task;
    enum plan plan;
    char campaign[37], prospect[37], id[37];
    char *to;
    struct draft_text text;
    bool draft_fresh, draft_good;
    bool put_off; /* there is another job for it, to be done later */
    uint64_t draft_ns;
    enum mail_outcome outcome;
    bool final;  /* failed for ever: the last attempt, refused, in doubt */
    bool unsure; /* the claim may have been committed before, by ourselves */
    uint64_t ns;
};

struct letters {
    struct worker *worker;
    struct letter *list;
    int n;
    int leased; /* jobs from list[0]'s on that we hold: these n and what comes after them */
    uint64_t extended_ns, patient_until_ns;
    bool unsure; /* how a COMMIT ended is not known: what this transaction writes may be there already */
};

static void letter_reset(struct letter *letter)
{
    struct task *task = letter->task;

    free(letter->to);
    draft_text_release(&letter->text);
    *letter = (struct letter){.task = task};
    task->result = TASK_DONE;
    task->error[0] = '\0';
}

/* ---- claim ---- */

static int copy_draft(void *arg, const struct draft *row)
{
    struct letter *letter = arg;

    if (row->state == DRAFT_GENERATED) {
        letter->text.subject = strdup(row->subject);
        letter->text.body = strdup(row->body);
    }
    return 0;
}

/* The draft that stands, or a new one. Without a text afterwards: text.error says why. */
static int find_or_make_draft(struct worker *worker, struct db *db, struct letter *letter, const struct person *person)
{
    const char *organisation = letter->task->job->organisation_id;
    uint64_t start = promc_now_ns();
    int rc = drafts_get(db, organisation, letter->campaign, letter->prospect, copy_draft, letter);

    if (rc == DB_OK && letter->text.subject && letter->text.body)
        return DB_OK;
    if (rc != DB_OK && rc != DB_E_NOT_FOUND)
        return rc;
    draft_text_release(&letter->text);
    int rendered =
        person_render(person, worker->campaign.subject_template, worker->campaign.body_template, &letter->text);
    if (rendered < 0)
        return task_failed(letter->task, TASK_RETRY, "out of memory");
    letter->draft_good = rendered == 0;
    letter->draft_ns = promc_now_ns() - start;
    return rendered == 0 ? drafts_put_generated(db, organisation, letter->campaign, letter->prospect,
                                                letter->text.subject, letter->text.body, &letter->draft_fresh)
                         : drafts_put_failed(db, organisation, letter->campaign, letter->prospect, letter->text.error,
                                             &letter->draft_fresh);
}

/* The e-mail will never be sent, and nothing was tried. */
static int give_up(struct db *db, struct letter *letter, const char *why, const char *detail)
{
    const char *organisation = letter->task->job->organisation_id;
    enum email_state was;
    char error[400];

    (void)snprintf(error, sizeof(error), "not sent: %s%s", why, detail);
    int rc = emails_claim(db, organisation, letter->campaign, letter->prospect, &was, NULL);
    if (rc == DB_OK && was == EMAIL_PENDING)
        rc = emails_finish(db, organisation, letter->campaign, letter->prospect, EMAIL_FAILED, error);
    return rc;
}

static int claim_email(struct db *db, struct letter *letter)
{
    enum email_state was;
    int rc = emails_claim(db, letter->task->job->organisation_id, letter->campaign, letter->prospect, &was, letter->id);

    if (rc != DB_OK)
        return rc;
    if (was == EMAIL_PENDING)
        letter->plan = PLAN_SEND;
    else if (was == EMAIL_SENDING && (letter->task->job->attempt > 1 || letter->unsure))
        letter->plan = PLAN_DOUBT;
    return DB_OK;
}

static void copy_state(void *arg, const struct email *email)
{
    *(enum email_state *)arg = email->state;
}

/*
 * An organisation that is past its rate: the job is done, and another of the same e-mail waits for its turn, so that the
 * organisation holds up nobody else. Only on the first delivery: another job begins to count its attempts anew. What
 * is tried again goes, and those after it wait for longer.
 * @return 1: put off; 0: not; or an error.
 */
static int put_off(struct worker *worker, struct db *db, struct letter *letter)
{
    const struct job *job = letter->task->job;
    unsigned rate = worker->app->settings->mail_rate;
    enum email_state state = EMAIL_PENDING;
    int64_t wait_ms;

    if (rate == 0)
        return 0;
    int rc = emails_get(db, job->organisation_id, letter->campaign, letter->prospect, copy_state, &state);
    if (rc == DB_OK && state != EMAIL_PENDING)
        return 0; /* nothing is to be sent, or it is in doubt */
    if (rc == DB_OK || rc == DB_E_NOT_FOUND)
        rc = mail_rate_take(db, job->organisation_id, rate, job->attempt > 1, clock_wall_ms(), &wait_ms);
    if (rc != DB_OK || wait_ms == 0)
        return rc;
    rc = queue_publish_later(db, QUEUE_EMAIL_SEND, job->organisation_id, job->request_id, job->payload, wait_ms);
    if (rc == DB_OK)
        letter->put_off = true;
    return rc == DB_OK ? 1 : rc;
}

static int claim_for(struct worker *worker, struct db *db, struct letter *letter, const struct person *person)
{
    const char *email = person->field[PROSPECT_EMAIL];

    if (person->status == PROSPECT_STATUS_INVALID || email_address_unusable(email))
        return give_up(db, letter, "the prospect is invalid", "");
    int rc = find_or_make_draft(worker, db, letter, person);
    if (rc != DB_OK || letter->task->result != TASK_DONE)
        return rc;
    if (!letter->text.subject)
        return give_up(db, letter, "no draft: ", letter->text.error);
    rc = put_off(worker, db, letter);
    if (rc != 0)
        return rc < 0 ? rc : DB_OK;
    letter->to = strdup(email);
    return letter->to ? claim_email(db, letter) : task_failed(letter->task, TASK_RETRY, "out of memory");
}

static int claim_one(struct worker *worker, struct db *db, struct letter *letter)
{
    struct task *task = letter->task;
    const char *campaign = task_uuid(task, "campaign"), *prospect = task_uuid(task, "prospect");
    struct person person;

    if (!campaign || !prospect)
        return DB_OK;
    (void)snprintf(letter->campaign, sizeof(letter->campaign), "%s", campaign);
    (void)snprintf(letter->prospect, sizeof(letter->prospect), "%s", prospect);
    int rc = worker_campaign(worker, db, task->job->organisation_id, campaign);
    if (rc == DB_E_NOT_FOUND)
        return task_failed(task, TASK_DEAD, "there is no such campaign");
    if (rc != DB_OK)
        return rc;
    if (worker->campaign.status == CAMPAIGN_STATUS_COMPLETED)
        return give_up(db, letter, "the campaign is completed", "");
    if (worker->campaign.status != CAMPAIGN_STATUS_ACTIVE)
        return DB_OK; /* stays pending: the start that resumes the campaign enqueues it again */
    rc = worker_person(db, task->job->organisation_id, prospect, &person);
    if (rc == DB_E_NOT_FOUND)
        return task_failed(task, TASK_DEAD, "there is no such prospect");
    if (rc == DB_OK)
        rc = claim_for(worker, db, letter, &person);
    person_release(&person);
    return rc;
}

static int claim_all(void *arg, struct db *db)
{
    struct letters *letters = arg;
    int rc = DB_OK;

    worker_forget_campaign(letters->worker); /* a pause that was acknowledged before this holds for all of them */
    for (int i = 0; rc == DB_OK && i < letters->n; i++) {
        letter_reset(&letters->list[i]);
        letters->list[i].unsure = letters->unsure;
        rc = claim_one(letters->worker, db, &letters->list[i]);
    }
    return rc;
}

/* ---- send ---- */

static bool tried(const struct letter *letter)
{
    return letter->plan == PLAN_SEND || letter->plan == PLAN_DOUBT;
}

static bool is_last_attempt(const struct worker *worker, const struct letter *letter)
{
    return letter->task->job->attempt >= (int)worker->app->settings->job_attempts;
}

/* One of them, by itself. */
static struct letters only(const struct letters *letters, int i)
{
    struct letters one = *letters;

    one.list += i;
    one.leased -= i;
    one.n = 1;
    return one;
}

/* Jobs that take long keep their lease. */
static void keep_leases(struct letters *letters)
{
    if (promc_now_ns() - letters->extended_ns < EXTEND_AFTER_NS)
        return;
    (void)queue_extend(letters->worker->app->queue, letters->list[0].task->job, letters->leased);
    letters->extended_ns = promc_now_ns();
}

/* @return false: stopping, and the server is still not there. */
static bool deliver(struct letters *letters, struct letter *letter, const struct mail *mail, char error[MAIL_ERROR_MAX])
{
    struct worker *worker = letters->worker;

    for (int pause = PAUSE_MS;; pause = pause < PAUSE_MAX_MS ? pause * 2 : pause) {
        letter->outcome = mailer_send(worker->session, mail, error);
        if (letter->outcome != MAIL_UNAVAILABLE)
            return true;
        if (promc_now_ns() >= letters->patient_until_ns) {
            letter->outcome = MAIL_RETRY;
            return true;
        }
        if (pause == PAUSE_MS)
            log_warn("the mail server is not available; waiting for it", "s:component", "worker", "s:reqId",
                     letter->task->job->request_id, "s:server", mailer_target(worker->session), "s:error", error);
        metrics_queue_failure(QUEUE_EMAIL_SEND, QUEUE_ERROR);
        metrics_queue_retry(QUEUE_EMAIL_SEND);
        keep_leases(letters);
        workers_pause(worker->workers, pause);
        if (workers_stopping(worker->workers))
            return false;
    }
}

static void send_one(struct letters *letters, struct letter *letter)
{
    struct worker *worker = letters->worker;
    const struct job *job = letter->task->job;
    struct mail mail = {
        .key = letter->id,
        .to = letter->to,
        .subject = letter->text.subject,
        .body = letter->text.body,
        .organisation_id = job->organisation_id,
        .campaign_id = letter->campaign,
        .date_ms = clock_wall_ms(),
    };
    char error[MAIL_ERROR_MAX] = "";
    uint64_t start = promc_now_ns();
    enum mail_found found = letter->plan == PLAN_DOUBT ? mailer_find(worker->session, letter->id) : MAIL_FOUND_NO;

    if (found == MAIL_FOUND_NO) {
        if (!deliver(letters, letter, &mail, error)) {
            letter->plan = PLAN_LATER; /* certainly not sent */
            return;
        }
    } else {
        letter->outcome = found == MAIL_FOUND_YES ? MAIL_SENT : MAIL_IN_DOUBT;
        (void)snprintf(error, sizeof(error), "interrupted while it was being sent");
    }
    letter->ns = promc_now_ns() - start;
    if (letter->outcome == MAIL_SENT)
        return;
    letter->final = letter->outcome != MAIL_RETRY || is_last_attempt(worker, letter);
    (void)task_failed(letter->task, letter->outcome == MAIL_RETRY ? TASK_RETRY : TASK_DEAD, "%s%s",
                      letter->outcome == MAIL_IN_DOUBT ? "in doubt: " : "", error);
}

static void send_all(struct letters *letters)
{
    struct worker *worker = letters->worker;

    for (int i = 0; i < letters->n; i++) {
        struct letter *letter = &letters->list[i];
        if (letter->plan == PLAN_NOTHING || letter->task->result != TASK_DONE)
            continue;
        if (workers_stopping(worker->workers)) {
            letter->plan = letter->plan == PLAN_SEND ? PLAN_LATER : PLAN_LEAVE;
            continue;
        }
        keep_leases(letters);
        send_one(letters, letter);
    }
    if (mailer_flush(worker->session) == 0)
        return;
    for (int i = 0; i < letters->n; i++) {
        struct letter *letter = &letters->list[i];
        if (!tried(letter) || letter->task->result != TASK_DONE)
            continue;
        letter->outcome = MAIL_RETRY;
        letter->final = is_last_attempt(worker, letter);
        (void)task_failed(letter->task, TASK_RETRY, "the outbox cannot be made durable");
    }
}

/* ---- finish ---- */

static int finish_one(struct db *db, struct letter *letter)
{
    const struct task *task = letter->task;
    enum email_state state = task->result == TASK_DONE ? EMAIL_SENT : letter->final ? EMAIL_FAILED : EMAIL_PENDING;
    int rc = DB_OK;

    if (letter->plan == PLAN_LATER)
        state = EMAIL_PENDING;
    if (tried(letter) || letter->plan == PLAN_LATER)
        rc = emails_finish(db, task->job->organisation_id, letter->campaign, letter->prospect, state,
                           state == EMAIL_SENT ? NULL : task->error);
    if (rc != DB_OK || letter->plan == PLAN_LATER || letter->plan == PLAN_LEAVE || task->result != TASK_DONE)
        return rc;
    return queue_complete(db, task->job);
}

static int finish_all(void *arg, struct db *db)
{
    struct letters *letters = arg;
    int rc = DB_OK;

    for (int i = 0; rc == DB_OK && i < letters->n; i++)
        rc = finish_one(db, &letters->list[i]);
    return rc;
}

static void count(struct worker *worker, struct letter *letter, uint64_t share)
{
    if (tried(letter) && (letter->task->result == TASK_DONE || letter->final))
        metrics_email_sent(letter->task->job->organisation_id, letter->campaign, letter->task->result == TASK_DONE);
    if (letter->plan != PLAN_LATER && letter->plan != PLAN_LEAVE)
        batch_finish(worker, letter->task, 1, letter->ns + share);
}

static int run_patiently(struct worker *worker, int (*run)(void *arg, struct db *db), struct letters *letters)
{
    int rc = store_run(worker->app->store, STORE_MODE_WRITE, run, letters);

    for (int tries = 0; batch_store_trouble(rc) && tries < 20 && !workers_stopping(worker->workers); tries++) {
        letters->unsure |= rc == DB_E_UNKNOWN;
        workers_pause(worker->workers, tries < 5 ? 200 : 2000);
        rc = store_run(worker->app->store, STORE_MODE_WRITE, run, letters);
    }
    return rc;
}

static void finish(struct letters *letters, uint64_t share)
{
    struct worker *worker = letters->worker;
    int rc = run_patiently(worker, finish_all, letters);

    if (rc == DB_E_CONFLICT && letters->unsure && letters->n == 1)
        rc = DB_OK; /* done already: by the commit whose answer was lost */
    if (rc != DB_OK && letters->n > 1 && !batch_store_trouble(rc)) {
        for (int i = 0; i < letters->n; i++) {
            struct letters one = only(letters, i);
            finish(&one, share);
        }
        return;
    }
    for (int i = 0; i < letters->n; i++) {
        struct letter *letter = &letters->list[i];
        if (rc == DB_OK)
            count(worker, letter, share);
        else
            log_warn("e-mail's outcome could not be recorded; its job comes back when its lease ends", "s:component",
                     "worker", "s:reqId", letter->task->job->request_id, "s:jobId", letter->task->job->id, "s:error",
                     db_error_name(rc));
    }
}

/* ---- all of it ---- */

static void count_claims(const struct letters *letters)
{
    for (int i = 0; i < letters->n; i++) {
        const struct letter *letter = &letters->list[i];
        if (letter->put_off)
            queue_published(letters->worker->app->queue, QUEUE_EMAIL_SEND, 1);
        if (letter->draft_fresh)
            metrics_draft_generated(letter->task->job->organisation_id, letter->draft_good, letter->draft_ns);
    }
}

static void run(struct letters *letters)
{
    struct worker *worker = letters->worker;
    uint64_t start = promc_now_ns();
    int rc = run_patiently(worker, claim_all, letters);

    if (rc == DB_OK) {
        letters->unsure = false;
        count_claims(letters);
        uint64_t share = (promc_now_ns() - start) / (uint64_t)letters->n;
        send_all(letters);
        finish(letters, share);
    } else if (letters->n > 1 && !batch_store_trouble(rc)) {
        for (int i = 0; i < letters->n; i++) {
            struct letters one = only(letters, i);
            run(&one);
        }
    } else if (!batch_store_trouble(rc)) {
        (void)task_failed(letters->list[0].task, TASK_RETRY, "%s", db_error_name(rc));
        batch_finish(worker, letters->list[0].task, 1, promc_now_ns() - start);
    } else {
        log_warn("jobs left to their lease: the store cannot be used", "s:component", "worker", "i:jobs",
                 (int64_t)letters->n, "s:error", db_error_name(rc));
    }
}

static void send_process(struct worker *worker, struct task *tasks, int n)
{
    struct letter *list = calloc((size_t)n, sizeof(*list));
    uint64_t now = promc_now_ns();
    struct letters letters = {.worker = worker, .extended_ns = now, .patient_until_ns = now + PATIENCE_NS};
    int together = mailer_finds(worker->session) ? n : 1;

    if (!list)
        return; /* the leases run out, and the jobs come back */
    for (int i = 0; i < n; i++)
        list[i].task = &tasks[i];
    for (int i = 0; i < n && !workers_stopping(worker->workers); i += together) {
        letters.list = &list[i];
        letters.leased = n - i;
        letters.n = together;
        keep_leases(&letters);
        run(&letters);
    }
    for (int i = 0; i < n; i++)
        letter_reset(&list[i]);
    free(list);
}

const struct handler send_handler = {
    .queue = QUEUE_EMAIL_SEND,
    .batch = 64,
    .process = send_process,
};
