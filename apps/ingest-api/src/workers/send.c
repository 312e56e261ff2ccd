/* SPDX-License-Identifier: Apache-2.0 */
/*
 * email.send: sends one e-mail of one campaign, never twice. The table in email_fate.c decides its fate.
 *
 *   claim   (commit)  waiting → sending; a missing draft is rendered
 *   act               outside any transaction: the transport sends it
 *   finish  (commit)  the outcome of the e-mail and of the job
 *
 * If the job is delivered again and the e-mail is `sending`, there was a crash between the two commits, unless another
 * job has claimed it (a start or a retry creates a second job for an e-mail that has one). After a crash we ask the
 * transport. `file` knows whether the e-mail was sent. SMTP does not, so the e-mail is in doubt. That is why e-mails
 * for SMTP are claimed one at a time: a worker that dies leaves one in doubt and not a batch.
 *
 * If the server does not answer, claimed e-mails wait for it, for up to PATIENCE_NS, without using up an attempt. Then
 * they are requeued, because a claim must not outlast every lease and every pause. If the server refuses our sender,
 * the campaign is held (data/campaign_hold.h). A deferred e-mail is tried again later (email_retry.h) by another job,
 * whose payload has the number of attempts before it.
 *
 * This file has act and finish, send_claim.c the claim.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "base/trouble.h"
#include "data/campaign_hold.h"
#include "data/emails.h"
#include "data/suppressions.h"
#include "mail/file.h"
#include "mail/unsubscribe.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"
#include "workers/batch.h"
#include "workers/email_retry.h"
#include "workers/email_skip.h"
#include "workers/enqueue.h"
#include "workers/send_claim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (300 * UINT64_C(1000000000))
#define PAUSE_MS 100 /* pause before the server is tried again; doubles up to PAUSE_MAX_MS */
#define PAUSE_MAX_MS 1600
#define AWAY_MS 30000 /* delay of the next attempt after PATIENCE_NS */

/* ---- act ---- */

static bool to_be_sent(const struct task *task)
{
    const struct email_rule *rule = task->u.email.rule;

    return task->result == TASK_DONE && rule && (rule->action == EMAIL_ACT_SEND || rule->action == EMAIL_ACT_ASK);
}

/* Apply an event to an e-mail that is `sending`. */
static void happened(struct task *task, enum email_event event)
{
    const struct email_rule *rule = email_fate(EMAIL_SENDING, event);
    const char *error = task->u.email.answer.error;

    task->u.email.rule = rule;
    if (rule->action == EMAIL_ACT_BURY)
        (void)task_failed(task, TASK_DEAD, "%s%s", event == EMAIL_ON_DOUBT ? "in doubt: " : "", error);
    else
        task->result = rule->action == EMAIL_ACT_LEAVE ? TASK_LEFT : TASK_DONE;
    task->unspent = task->result == TASK_LEFT;
    if (task->result == TASK_DONE && event != EMAIL_ON_ACCEPT)
        (void)snprintf(task->error, sizeof(task->error), "%s", error);
}

static void say(struct task *task, const char *error)
{
    (void)snprintf(task->u.email.answer.error, sizeof(task->u.email.answer.error), "%s", error);
}

/* Record the state of the mail server for `ingest-api why`. */
static void note_outcome(const char *server, enum mail_outcome outcome, const struct mail_answer *answer)
{
    if (outcome == MAIL_UNAVAILABLE)
        trouble_met(TROUBLE_MAIL_AWAY, server, answer->error);
    else
        trouble_over(TROUBLE_MAIL_AWAY);
    /* a trouble and not a tally: refused campaigns are held, so there are too few attempts for a share */
    if (outcome == MAIL_REFUSED_SENDER)
        trouble_met(TROUBLE_MAIL_REFUSED, server, *answer->words ? answer->words : answer->error);
    else if (outcome == MAIL_SENT)
        trouble_over(TROUBLE_MAIL_REFUSED);
    if (outcome == MAIL_SENT)
        tally_good(TALLY_EMAILS);
    else if (outcome != MAIL_UNAVAILABLE)
        tally_bad(TALLY_EMAILS, server, *answer->words ? answer->words : answer->error);
}

/*
 * Send it, and wait for a server that does not answer.
 * @return false: stopping, and the server still does not answer.
 */
static bool deliver(struct batch *batch, struct task *task, const struct mail *mail, enum mail_outcome *outcome)
{
    struct worker *worker = batch->worker;
    struct mail_answer *answer = &task->u.email.answer;

    for (int pause = PAUSE_MS;; pause = pause < PAUSE_MAX_MS ? pause * 2 : pause) {
        *outcome = mailer_send(worker->session, mail, answer);
        note_outcome(mailer_target(worker->session), *outcome, answer);
        if (*outcome != MAIL_UNAVAILABLE || promc_now_ns() >= batch->began_ns + PATIENCE_NS)
            return true;
        if (pause == PAUSE_MS)
            log_warn("the mail server is unavailable; waiting for it", "s:component", "worker", "s:reqId",
                     task->job->request_id, "s:server", mailer_target(worker->session), "s:error", answer->error);
        metrics_email_attempt(ATTEMPT_UNAVAILABLE);
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
        return EMAIL_ON_ACCEPT;
    case MAIL_REFUSED:
        return EMAIL_ON_REFUSAL;
    case MAIL_REFUSED_SENDER:
        return EMAIL_ON_SENDER_REFUSAL;
    case MAIL_IN_DOUBT:
        return EMAIL_ON_DOUBT;
    case MAIL_UNAVAILABLE:
        return EMAIL_ON_AWAY;
    case MAIL_RETRY:
        break;
    }
    return email_retry_over(worker->app->settings, task->u.email.attempts) ? EMAIL_ON_EXPIRY : EMAIL_ON_DEFERRAL;
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
        .from = email->from,
    };
    char link[UNSUBSCRIBE_LINK] = "";
    mail.unsubscribe = link;
    enum mail_outcome outcome;
    enum mail_found found =
        email->rule->action == EMAIL_ACT_ASK ? mailer_find(worker->session, email->id) : MAIL_FOUND_NO;

    if (found == MAIL_FOUND_NO && email->unless_sent != EMAIL_EVENTS) {
        if (email->unless_sent == EMAIL_ON_SKIP)
            (void)snprintf(email->answer.error, sizeof(email->answer.error), "not sent: %s",
                           email_skip_words(email->skip));
        happened(task, email->unless_sent);
    } else if (found != MAIL_FOUND_NO) {
        say(task, EMAIL_INTERRUPTED);
        happened(task, found == MAIL_FOUND_YES ? EMAIL_ON_ACCEPT : EMAIL_ON_DOUBT);
    } else if (!unsubscribe_link(worker->app->settings->public_url, worker->app->unsubscribe_key, mail.organisation_id,
                                 email->prospect, email->to, link)) {
        say(task, "the unsubscribe link cannot be created");
        happened(task, EMAIL_ON_AWAY);
    } else if (deliver(batch, task, &mail, &outcome)) {
        happened(task, event_of(worker, task, outcome));
    } else {
        happened(task, EMAIL_ON_STOP);
    }
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
            happened(task, EMAIL_ON_STOP);
        } else { /* it may have been sent, so the next worker asks the transport */
            task->u.email.rule = NULL;
            task->result = TASK_LEFT;
            task->unspent = true;
        }
    }
    if (mailer_flush(worker->session) == 0)
        return;
    trouble_met(TROUBLE_MAIL_AWAY, mailer_target(worker->session), "the outbox cannot be synced");
    for (int i = 0; i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        if (!task->u.email.rule || task->u.email.rule->event != EMAIL_ON_ACCEPT)
            continue;
        say(task, "the outbox cannot be synced");
        happened(task, EMAIL_ON_AWAY);
    }
}

/* ---- finish ---- */

/* An e-mail that was `sending` has another state now. */
static bool is_decided(const struct email_task *email)
{
    return email->rule && email->rule->from == EMAIL_SENDING && email->rule->to != EMAIL_SENDING;
}

/* The reason that is stored with the next state. */
static const char *reason_of(const struct email_task *email)
{
    static const char *const words[EMAIL_EVENTS] = {
        [EMAIL_ON_REFUSAL] = "refused", [EMAIL_ON_DEFERRAL] = "deferred",   [EMAIL_ON_EXPIRY] = "expired",
        [EMAIL_ON_AWAY] = "no_server",  [EMAIL_ON_DOUBT] = EMAIL_NO_ANSWER, [EMAIL_ON_SENDER_REFUSAL] = "refused",
    };
    return email->rule->event == EMAIL_ON_SKIP ? PROMC_VALUE(not_sent, email->skip) : words[email->rule->event];
}

/*
 * Hold or release the campaign.
 * @param[out] again_ms wait before this e-mail's next attempt; 0: until the campaign is started again
 */
static int tell_campaign(struct worker *worker, struct db *db, struct task *task, int64_t *again_ms)
{
    struct email_task *email = &task->u.email;
    const struct settings *settings = worker->app->settings;
    const char *organisation = task->job->organisation_id;
    struct campaign_held held;

    switch (email->rule->event) {
    case EMAIL_ON_DEFERRAL:
        *again_ms = email_retry_wait(settings, email->attempts);
        break;
    case EMAIL_ON_AWAY:
        *again_ms = AWAY_MS;
        return DB_OK;
    case EMAIL_ON_HOLD: {
        enum campaign_status status;
        int rc = campaigns_status_locked(db, organisation, email->campaign, &status);
        if (rc == DB_OK && status != CAMPAIGN_STATUS_PAUSED)
            *again_ms = 1; /* while this e-mail was `sending`, so that it got no job */
        return rc;
    }
    case EMAIL_ON_SENDER_REFUSAL: {
        struct campaign_refusal refusal = {email->answer.error, email->answer.words, settings->mail_refusals};
        int rc = campaign_hold(db, organisation, email->campaign, &refusal, clock_wall_ms(), &held);
        int64_t own_ms = email->answer.this_email ? (int64_t)settings->mail_retry_min_s * 1000 : 0;
        email->paused = held.paused;
        if (!held.paused) /* also if the campaign is no longer active */
            *again_ms = held.hold_ms > own_ms ? held.hold_ms : own_ms + 1;
        return rc;
    }
    case EMAIL_ON_ACCEPT:
    case EMAIL_ON_REFUSAL:
    case EMAIL_ON_EXPIRY:
        break;
    default:
        return DB_OK;
    }
    return email->held ? campaign_release(db, organisation, email->campaign) : DB_OK;
}

/* Create the job for the next attempt. */
static int try_again(struct db *db, struct task *task, int64_t again_ms)
{
    const struct email_task *email = &task->u.email;
    char payload[OUTREACH_PAYLOAD_MAX];

    outreach_again_payload(payload, email->campaign, email->prospect, email->attempts - email->rule->unspent);
    task->enqueued = 1;
    return queue_publish_later(db, QUEUE_EMAIL_SEND, task->job->organisation_id, task->job->request_id, payload,
                               again_ms, NULL);
}

static int send_finish(struct worker *worker, struct db *db, struct task *task)
{
    const struct email_task *email = &task->u.email;
    int64_t again_ms = 0;

    if (enqueue_is(task))
        return task->result == TASK_DONE ? enqueue_finish(worker, db, task) : DB_OK;
    if (!is_decided(email))
        return DB_OK;
    task->enqueued = 0;
    int rc = tell_campaign(worker, db, task, &again_ms);
    if (rc == DB_OK)
        rc = emails_finish(db, task->job->organisation_id, email->campaign, email->prospect,
                           &(struct email_outcome){
                               .state = email->rule->to,
                               .reason = reason_of(email),
                               .error = *task->error ? task->error : NULL,
                               .words = *email->answer.words ? email->answer.words : NULL,
                               .due_ms = again_ms > 0 ? clock_wall_ms() + again_ms : 0,
                               .as_of_ms = email->rule->event == EMAIL_ON_SKIP ? email_skip_ms(email) : 0,
                               .unspent = email->rule->unspent,
                           });
    task->erased = rc == DB_E_NOT_FOUND;
    if (task->erased)
        return DB_OK;
    if (rc == DB_OK && email->rule->event == EMAIL_ON_REFUSAL && email->answer.no_mailbox)
        rc = suppressions_add(db, task->job->organisation_id, email->to, SUPPRESSED_BY_SERVER,
                              &task->u.email.suppressed);
    return rc == DB_OK && again_ms > 0 ? try_again(db, task, again_ms) : rc;
}

static void count(const struct task *task)
{
    const struct email_task *email = &task->u.email;
    const struct email_rule *rule = email->rule;

    metrics_email_attempt(rule->attempt);
    if (rule->to == EMAIL_SKIPPED)
        metrics_email_not_sent(email->skip);
    else if (rule->to > EMAIL_SENDING)
        metrics_email_fate((enum email_fate)(rule->to - EMAIL_ACCEPTED));
    if (rule->to == EMAIL_ACCEPTED || rule->to == EMAIL_REFUSED_RECIPIENT)
        metrics_email_sent(task->job->organisation_id, email->campaign, rule->to == EMAIL_ACCEPTED);
    if (rule->action == EMAIL_ACT_LATER) {
        metrics_queue_failure(QUEUE_EMAIL_SEND, QUEUE_ERROR);
        metrics_queue_retry(QUEUE_EMAIL_SEND);
    }
}

static void send_committed(struct worker *worker, struct task *task)
{
    const struct email_task *email = &task->u.email;

    if (enqueue_is(task) || !is_decided(email))
        return;
    count(task);
    if (task->erased) /* the erasure may have come before the file */
        mail_file_forget(worker->app->settings, email->id);
    if (email->suppressed)
        metrics_suppression(SUPPRESSED_BY_SERVER, 1);
    if (email->rule->to == EMAIL_REFUSED_RECIPIENT)
        log_info("e-mail failed for good", "s:component", "worker", "s:reqId", task->job->request_id, "s:organisation",
                 task->job->organisation_id, "s:campaign", email->campaign, "s:prospect", email->prospect, "s:reason",
                 task->error);
    if (email->rule->to == EMAIL_REFUSED_SENDER)
        log_warn(email->paused ? "campaign paused: the mail server refuses its sender"
                               : "campaign held: the mail server refuses its sender",
                 "s:component", "worker", "s:reqId", task->job->request_id, "s:organisation",
                 task->job->organisation_id, "s:campaign", email->campaign, "s:error", task->error, "s:words",
                 email->answer.words);
}

static void send_release(struct task *task)
{
    free(task->u.email.to);
    free(task->u.email.from);
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
