/* SPDX-License-Identifier: Apache-2.0 */
/*
 * email.send: one e-mail of one campaign, never twice. What becomes of it is the table of email_fate.c.
 *
 *   claim   (commit)  pending → sending; a draft that is not there yet is made
 *   act               outside of any transaction: it is handed over
 *   finish  (commit)  what became of it, together with the job
 *
 * An e-mail whose job comes again and that is in `sending` follows a crash between the first commit and the last. The
 * transport is asked: `file` knows whether the message is there; SMTP does not, so the e-mail is in doubt. Hence e-mails for
 * SMTP are claimed one at a time: a worker that dies leaves one in doubt, not a batch.
 *
 * A server that is not there is nobody's fault: e-mails wait for it, claimed, and lose no attempt by that, for up to
 * PATIENCE_NS; then they fail as if refused for now, so that a claim does not outlast every lease and every pause.
 *
 * An organisation that is past MAIL_RATE_LIMIT has its e-mails put off before they are claimed.
 */
#include "base/clock.h"
#include "base/email_address.h"
#include "base/log.h"
#include "base/settings.h"
#include "data/mail_rate.h"
#include "metrics/metrics.h"
#include "workers/batch.h"
#include "workers/email_fate.h"
#include "workers/enqueue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (300 * UINT64_C(1000000000))
#define PAUSE_MS 100 /* before the server is tried again; doubles up to PAUSE_MAX_MS */
#define PAUSE_MAX_MS 1600
#define COMPLETED "the campaign is completed" /* why an e-mail is not sent */

/* ---- claim ---- */

static int copy_draft(void *arg, const struct draft *row)
{
    struct draft_text *text = arg;

    if (row->state == DRAFT_GENERATED) {
        text->subject = strdup(row->subject);
        text->body = strdup(row->body);
    }
    return 0;
}

/* The draft that stands, or a new one. Without a text afterwards: text.error says why. */
static int find_or_make_draft(struct worker *worker, struct db *db, struct task *task, const struct person *person)
{
    const char *organisation = task->job->organisation_id;
    struct email_task *email = &task->u.email;
    uint64_t start = promc_now_ns();
    int rc = drafts_get(db, organisation, email->campaign, email->prospect, copy_draft, &email->text);

    if (rc == DB_OK && email->text.subject && email->text.body)
        return DB_OK;
    if (rc != DB_OK && rc != DB_E_NOT_FOUND)
        return rc;
    draft_text_release(&email->text);
    int rendered =
        person_render(person, worker->campaign.subject_template, worker->campaign.body_template, &email->text);
    if (rendered < 0)
        return task_failed(task, TASK_RETRY, "out of memory");
    email->draft_good = rendered == 0;
    email->draft_ns = promc_now_ns() - start;
    return rendered == 0 ? drafts_put_generated(db, organisation, email->campaign, email->prospect, email->text.subject,
                                                email->text.body, &email->draft_fresh)
                         : drafts_put_failed(db, organisation, email->campaign, email->prospect, email->text.error,
                                             &email->draft_fresh);
}

/* @param was what it was in; it is in `sending` now if that was `pending` */
static int claim_email(struct db *db, struct task *task, enum email_state *was)
{
    struct email_task *email = &task->u.email;

    return emails_claim(db, task->job->organisation_id, email->campaign, email->prospect, was, email->id);
}

/* The e-mail will never be sent, and nothing was tried. */
static int skip(struct db *db, struct task *task, const char *why, const char *detail)
{
    const struct email_task *email = &task->u.email;
    enum email_state was;
    char error[400];

    (void)snprintf(error, sizeof(error), "not sent: %s%s", why, detail);
    int rc = claim_email(db, task, &was);
    const struct email_rule *rule = rc == DB_OK ? email_fate(was, EMAIL_SKIPPED) : NULL;
    if (!rule || rule->to == was)
        return rc;
    log_info("e-mail skipped", "s:component", "worker", "s:reqId", task->job->request_id, "s:campaign", email->campaign,
             "s:prospect", email->prospect, "s:reason", error);
    return emails_finish(db, task->job->organisation_id, email->campaign, email->prospect, rule->to, error);
}

static void copy_state(void *arg, const struct email *email)
{
    *(enum email_state *)arg = email->state;
}

static void copy_email(void *arg, const struct email *row)
{
    struct email_task *email = &((struct task *)arg)->u.email;

    email->state = row->state;
    (void)snprintf(email->id, sizeof(email->id), "%s", row->id);
}

/*
 * An organisation that is past its rate: the job is done, and another of the same e-mail waits for its turn, so that the
 * organisation holds up nobody else. Only on the first delivery: another job begins to count its attempts anew. What
 * is tried again goes, and those after it wait for longer.
 * @return 1: put off; 0: not; or an error.
 */
static int put_off(struct worker *worker, struct db *db, struct task *task)
{
    const struct job *job = task->job;
    struct email_task *email = &task->u.email;
    unsigned rate = worker->app->settings->mail_rate;
    enum email_state state = EMAIL_PENDING;
    int64_t wait_ms;

    if (rate == 0)
        return 0;
    int rc = emails_get(db, job->organisation_id, email->campaign, email->prospect, copy_state, &state);
    if (rc == DB_OK && email_fate(state, EMAIL_PUT_OFF)->event != EMAIL_PUT_OFF)
        return 0; /* nothing is to be sent, or it is in doubt */
    if (rc == DB_OK || rc == DB_E_NOT_FOUND)
        rc = mail_rate_take(db, job->organisation_id, rate, job->attempt > 1, clock_wall_ms(), &wait_ms);
    if (rc != DB_OK || wait_ms == 0)
        return rc;
    rc = queue_publish_later(db, QUEUE_EMAIL_SEND, job->organisation_id, job->request_id, job->payload, wait_ms);
    email->put_off = rc == DB_OK;
    return rc == DB_OK ? 1 : rc;
}

static int claim_for(struct worker *worker, struct db *db, struct task *task, const struct person *person, bool again)
{
    const char *address = person->field[PROSPECT_EMAIL];
    struct email_task *email = &task->u.email;
    enum email_state was;

    if (person->status == PROSPECT_STATUS_INVALID || email_address_unusable(address))
        return skip(db, task, "the prospect is invalid", "");
    int rc = find_or_make_draft(worker, db, task, person);
    if (rc != DB_OK || task->result != TASK_DONE)
        return rc;
    if (!email->text.subject)
        return skip(db, task, "no draft: ", email->text.error);
    rc = put_off(worker, db, task);
    if (rc != 0)
        return rc < 0 ? rc : DB_OK;
    email->to = strdup(address);
    if (!email->to)
        return task_failed(task, TASK_RETRY, "out of memory");
    rc = claim_email(db, task, &was);
    if (rc == DB_OK)
        email->rule = email_fate(was, again ? EMAIL_REDELIVERED : EMAIL_CLAIMED);
    return rc;
}

/*
 * Its campaign is not active. Pending ones of a paused one stay: the start that resumes it enqueues them again. One that was
 * interrupted before must not stay in `sending` for ever: what became of it is found out.
 */
static int not_active(struct db *db, struct task *task, bool completed, bool again)
{
    struct email_task *email = &task->u.email;
    enum email_state state = EMAIL_PENDING;
    int rc = emails_get(db, task->job->organisation_id, email->campaign, email->prospect, copy_email, task);

    if (rc == DB_OK)
        state = email->state;
    else if (rc != DB_E_NOT_FOUND)
        return rc;
    if (state == EMAIL_SENDING && again) {
        email->unless_sent = completed ? EMAIL_SKIPPED : EMAIL_HELD;
        email->rule = email_fate(state, EMAIL_REDELIVERED);
        return DB_OK;
    }
    return completed ? skip(db, task, COMPLETED, "") : DB_OK;
}

static int send_claim(struct worker *worker, struct db *db, struct task *task, bool unsure)
{
    if (enqueue_is(task))
        return DB_OK;
    const char *campaign = task_uuid(task, "campaign"), *prospect = task_uuid(task, "prospect");
    const char *organisation = task->job->organisation_id;
    struct person person;

    if (!campaign || !prospect)
        return DB_OK;
    (void)snprintf(task->u.email.campaign, sizeof(task->u.email.campaign), "%s", campaign);
    (void)snprintf(task->u.email.prospect, sizeof(task->u.email.prospect), "%s", prospect);
    int rc = worker_campaign(worker, db, organisation, campaign);
    if (rc == DB_E_NOT_FOUND)
        return task_failed(task, TASK_DEAD, "there is no such campaign");
    if (rc != DB_OK)
        return rc;
    task->u.email.unless_sent = EMAIL_EVENTS;
    if (worker->campaign.status != CAMPAIGN_STATUS_ACTIVE)
        return not_active(db, task, worker->campaign.status == CAMPAIGN_STATUS_COMPLETED,
                          task->job->attempt > 1 || unsure);
    rc = worker_person(db, organisation, prospect, &person);
    if (rc == DB_E_NOT_FOUND)
        return task_failed(task, TASK_DEAD, "there is no such prospect");
    if (rc == DB_OK)
        rc = claim_for(worker, db, task, &person, task->job->attempt > 1 || unsure);
    person_release(&person);
    return rc;
}

static void send_claimed(struct worker *worker, struct task *task)
{
    const struct email_task *email = &task->u.email;

    if (email->put_off)
        queue_published(worker->app->queue, QUEUE_EMAIL_SEND, 1);
    if (email->draft_fresh && !email->draft_good)
        log_info("draft failed", "s:component", "worker", "s:reqId", task->job->request_id, "s:organisation",
                 task->job->organisation_id, "s:campaign", email->campaign, "s:prospect", email->prospect, "s:reason",
                 email->text.error);
    if (email->draft_fresh)
        metrics_draft_generated(task->job->organisation_id, email->draft_good, email->draft_ns);
}

/* ---- act ---- */

static bool to_be_sent(const struct task *task)
{
    const struct email_rule *rule = task->u.email.rule;

    return task->result == TASK_DONE && rule && (rule->action == EMAIL_ACT_SEND || rule->action == EMAIL_ACT_ASK);
}

/* What has become of an e-mail that was in `sending`. */
static void happened(struct task *task, enum email_event event, const char *error)
{
    const struct email_rule *rule = email_fate(EMAIL_SENDING, event);

    task->u.email.rule = rule;
    if (rule->action == EMAIL_ACT_RETRY || rule->action == EMAIL_ACT_BURY)
        (void)task_failed(task, rule->action == EMAIL_ACT_BURY ? TASK_DEAD : TASK_RETRY, "%s%s",
                          event == EMAIL_DOUBTED ? "in doubt: " : "", error);
    else
        task->result = rule->action == EMAIL_ACT_LEAVE ? TASK_LEFT : TASK_DONE;
    if (task->result == TASK_DONE && rule->to == EMAIL_FAILED)
        (void)snprintf(task->error, sizeof(task->error), "%s", error);
}

static enum email_event deferred(const struct worker *worker, const struct task *task)
{
    return task->job->attempt >= (int)worker->app->settings->job_attempts ? EMAIL_EXHAUSTED : EMAIL_DEFERRED;
}

/* Hand it over, and wait for a server that is not there. @return false: stopping, and it is still not there. */
static bool deliver(struct batch *batch, struct task *task, const struct mail *mail, enum mail_outcome *outcome,
                    char error[MAIL_ERROR_MAX])
{
    struct worker *worker = batch->worker;

    for (int pause = PAUSE_MS;; pause = pause < PAUSE_MAX_MS ? pause * 2 : pause) {
        *outcome = mailer_send(worker->session, mail, error);
        if (*outcome != MAIL_UNAVAILABLE)
            return true;
        if (promc_now_ns() >= batch->began_ns + PATIENCE_NS) {
            *outcome = MAIL_RETRY;
            return true;
        }
        if (pause == PAUSE_MS)
            log_warn("the mail server is not available; waiting for it", "s:component", "worker", "s:reqId",
                     task->job->request_id, "s:server", mailer_target(worker->session), "s:error", error);
        metrics_queue_failure(QUEUE_EMAIL_SEND, QUEUE_ERROR);
        metrics_queue_retry(QUEUE_EMAIL_SEND);
        batch_keep_leases(batch);
        stop_pause(worker->stop, pause);
        if (stop_wanted(worker->stop))
            return false;
    }
}

static enum email_event event_of(const struct worker *worker, const struct task *task, enum mail_outcome outcome)
{
    switch (outcome) {
    case MAIL_SENT:
        return EMAIL_ACCEPTED;
    case MAIL_REFUSED:
        return EMAIL_REFUSED;
    case MAIL_IN_DOUBT:
        return EMAIL_DOUBTED;
    case MAIL_RETRY:
    case MAIL_UNAVAILABLE:
        break;
    }
    return deferred(worker, task);
}

static void send_one(struct batch *batch, struct task *task)
{
    struct worker *worker = batch->worker;
    struct email_task *email = &task->u.email;
    struct mail mail = {
        .key = email->id,
        .to = email->to,
        .subject = email->text.subject,
        .body = email->text.body,
        .organisation_id = task->job->organisation_id,
        .campaign_id = email->campaign,
        .date_ms = clock_wall_ms(),
    };
    char error[MAIL_ERROR_MAX] = "interrupted while it was being sent";
    enum mail_outcome outcome;
    enum mail_found found =
        email->rule->action == EMAIL_ACT_ASK ? mailer_find(worker->session, email->id) : MAIL_FOUND_NO;

    if (found == MAIL_FOUND_NO && email->unless_sent != EMAIL_EVENTS)
        happened(task, email->unless_sent, "not sent: " COMPLETED);
    else if (found != MAIL_FOUND_NO)
        happened(task, found == MAIL_FOUND_YES ? EMAIL_ACCEPTED : EMAIL_DOUBTED, error);
    else if (deliver(batch, task, &mail, &outcome, error))
        happened(task, event_of(worker, task, outcome), error);
    else
        happened(task, EMAIL_STOPPED, error);
}

static void send_act(struct worker *worker, struct batch *batch)
{
    for (int i = 0; i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        if (!to_be_sent(task))
            continue;
        batch_keep_leases(batch);
        if (!stop_wanted(worker->stop)) {
            send_one(batch, task);
        } else if (task->u.email.rule->action == EMAIL_ACT_SEND) {
            happened(task, EMAIL_STOPPED, "");
        } else { /* it may have been sent: who comes next asks */
            task->u.email.rule = NULL;
            task->result = TASK_LEFT;
        }
    }
    if (mailer_flush(worker->session) == 0)
        return;
    for (int i = 0; i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        if (task->u.email.rule && task->u.email.rule->event == EMAIL_ACCEPTED)
            happened(task, deferred(worker, task), "the outbox cannot be made durable");
    }
}

/* ---- finish ---- */

static int send_finish(struct worker *worker, struct db *db, struct task *task)
{
    const struct email_task *email = &task->u.email;

    if (enqueue_is(task))
        return task->result == TASK_DONE ? enqueue_finish(worker, db, task) : DB_OK;
    if (!email->rule || email->rule->from != EMAIL_SENDING || email->rule->to == EMAIL_SENDING)
        return DB_OK;
    return emails_finish(db, task->job->organisation_id, email->campaign, email->prospect, email->rule->to,
                         email->rule->to == EMAIL_SENT || !*task->error ? NULL : task->error);
}

static void send_committed(struct worker *worker, struct task *task)
{
    const struct email_task *email = &task->u.email;

    (void)worker;
    if (email->rule && email->rule->count == EMAIL_COUNT_FAILED)
        log_info("e-mail failed for good", "s:component", "worker", "s:reqId", task->job->request_id, "s:organisation",
                 task->job->organisation_id, "s:campaign", email->campaign, "s:prospect", email->prospect, "s:reason",
                 task->error);
    if (email->rule && email->rule->count != EMAIL_COUNT_NONE)
        metrics_email_sent(task->job->organisation_id, email->campaign, email->rule->count == EMAIL_COUNT_SENT);
}

static void send_release(struct task *task)
{
    free(task->u.email.to);
    draft_text_release(&task->u.email.text);
    memset(&task->u, 0, sizeof(task->u));
}

static int send_together(const struct worker *worker, int n)
{
    return mailer_finds(worker->session) ? n : 1;
}

const struct handler send_handler = {
    .queue = QUEUE_EMAIL_SEND,
    .batch = 64,
    .together = send_together,
    .claim = send_claim,
    .claimed = send_claimed,
    .act = send_act,
    .finish = send_finish,
    .committed = send_committed,
    .release = send_release,
};
