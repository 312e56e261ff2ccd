/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The claim of email.send (send.c): decides whether the e-mail may be sent now, and prepares what is sent.
 *
 * If an organisation is over MAIL_RATE_LIMIT, its e-mails are delayed before they are claimed.
 */
#include "workers/send_claim.h"

#include "base/clock.h"
#include "base/settings.h"
#include "data/campaign_hold.h"
#include "data/emails.h"
#include "data/mail_rate.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"
#include "workers/draft_outcome.h"
#include "workers/email_skip.h"
#include "workers/enqueue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int copy_draft(void *arg, const struct draft *row)
{
    struct email_task *email = arg;

    if (row->state == DRAFT_GENERATED && !draft_is_outdated(row->created_ms, email->source.changed_ms)) {
        email->text.subject = strdup(row->subject);
        email->text.body = strdup(row->body);
    }
    return 0;
}

/* Read the current draft, or render a new one. If there is no text afterwards, text.error says why. */
static int find_or_make_draft(struct worker *worker, struct db *db, struct task *task, const struct person *person)
{
    const char *organisation = task->job->organisation_id;
    struct email_task *email = &task->u.email;
    uint64_t start = promc_now_ns();
    int rc = drafts_get(db, organisation, email->campaign, email->prospect, copy_draft, email);

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
                                                email->text.body, &email->source, &email->draft_fresh)
                         : drafts_put_failed(db, organisation, email->campaign, email->prospect, email->text.error,
                                             &email->source, &email->draft_fresh);
}

static void copy_email(void *arg, const struct email *row)
{
    struct email_task *email = &((struct task *)arg)->u.email;

    email->state = row->state;
    email->attempts = row->attempts;
    (void)snprintf(email->claimer, sizeof(email->claimer), "%s", row->job_id ? row->job_id : "");
    (void)snprintf(email->id, sizeof(email->id), "%s", row->id);
}

/* Is there another job that has claimed this e-mail, or has its turn? */
static bool has_other(const struct task *task)
{
    const char *claimer = task->u.email.claimer;
    return *claimer && strcmp(claimer, task->job->id) != 0;
}

/*
 * Was the sending of the e-mail interrupted? If this job has claimed it, yes, whatever its attempt: attempts are given
 * back at a stop, and an operator may requeue a dead letter. Not if another job claimed it and has no outcome yet: start
 * and /retry may create a second job. That one is a duplicate also when it is delivered again.
 */
static int find_interruption(struct db *db, struct task *task, bool unsure)
{
    struct email_task *email = &task->u.email;

    email->again = task->job->attempt > 1 || unsure || strcmp(email->claimer, task->job->id) == 0;
    if (!email->again || email->state != EMAIL_SENDING || !has_other(task))
        return DB_OK;
    int rc = queue_unfinished(db, task->job->organisation_id, email->claimer);
    email->again = rc == 0;
    return rc < 0 ? rc : DB_OK;
}

/*
 * Load the e-mail's state. @return 0: continue; 1: nothing to do, because it is final or the next attempt belongs
 * to another job; or an error.
 */
static int look(struct db *db, struct task *task, bool unsure)
{
    struct email_task *email = &task->u.email;
    const json_t *attempts = json_object_get(task->payload, OUTREACH_ATTEMPTS);

    email->state = EMAIL_WAITING; /* if there is no row */
    email->attempts = 0;
    email->claimer[0] = '\0';
    int rc = emails_get(db, task->job->organisation_id, email->campaign, email->prospect, copy_email, task);
    if (rc != DB_OK && rc != DB_E_NOT_FOUND)
        return rc;
    if (!email_claimable(email->state) && email->state != EMAIL_SENDING)
        return 1;
    rc = find_interruption(db, task, unsure);
    if (rc != DB_OK)
        return rc;
    return attempts && email->attempts != json_integer_value(attempts) + (email->state == EMAIL_SENDING);
}

/*
 * If the organisation is over its rate, or the campaign is held, end this job and let another one try the e-mail later,
 * so that other e-mails are not delayed. The rate delays only a job's first delivery, because a new job counts its
 * deliveries from the start. A redelivered job takes a token even if there is none, and later e-mails wait longer. If
 * another job waits for a turn of this e-mail (start and /retry create a second job), this one takes no second turn.
 * @return 1: delayed; 0: not delayed; or an error.
 */
static int put_off(struct worker *worker, struct db *db, struct task *task)
{
    const struct job *job = task->job;
    struct email_task *email = &task->u.email;
    unsigned rate = worker->app->settings->mail_rate;
    int64_t now = clock_wall_ms(), wait_ms = 0;
    char id[37];
    int rc = DB_OK, turn = 0;

    if (email_fate(email->state, EMAIL_ON_PUT_OFF)->event != EMAIL_ON_PUT_OFF)
        return 0; /* it is `sending`, and must be settled first */
    if (worker->campaign.refusals > 0)
        wait_ms = campaign_hold_left(worker->campaign.held_until_ms, now);
    /* a job that was begun may have found the campaign paused, and end */
    if (wait_ms == 0 && rate > 0 && has_other(task))
        rc = turn = queue_unbegun(db, job->organisation_id, email->claimer);
    if (rc >= 0 && wait_ms == 0 && rate > 0)
        rc = mail_rate_take(db, job->organisation_id, rate, job->attempt > 1, turn == 1, now, &wait_ms);
    if (rc != DB_OK || wait_ms == 0)
        return rc;
    if (turn == 1)
        return 1;
    rc = queue_publish_later(db, QUEUE_EMAIL_SEND, job->organisation_id, job->request_id, job->payload, wait_ms, id);
    if (rc == DB_OK)
        rc = emails_set_job(db, job->organisation_id, email->campaign, email->prospect, id);
    email->put_off = rc == DB_OK;
    return rc == DB_OK ? 1 : rc;
}

static int claim_for(struct worker *worker, struct db *db, struct task *task, const struct person *person)
{
    const char *address = person->field[PROSPECT_EMAIL];
    struct email_task *email = &task->u.email;
    enum email_state was;

    email->source = worker_draft_source(worker, person);
    int rc = email_refuses(db, task, person);
    if (rc != DB_OK)
        return rc < 0 ? rc : email_skip(db, task, (enum not_sent)(rc - 1), "");
    rc = find_or_make_draft(worker, db, task, person);
    if (rc != DB_OK || task->result != TASK_DONE)
        return rc;
    if (!email->text.subject)
        return email_skip(db, task, NOT_SENT_NO_DRAFT, email->text.error);
    rc = put_off(worker, db, task);
    if (rc != 0)
        return rc < 0 ? rc : DB_OK;
    email->to = strdup(address);
    if (email->to && *worker->campaign.sender.address) {
        email->from = malloc(sizeof(*email->from));
        if (email->from)
            *email->from = worker->campaign.sender;
    }
    if (!email->to || (*worker->campaign.sender.address && !email->from))
        return task_failed(task, TASK_RETRY, "out of memory");
    rc = email_take(db, task, &was);
    if (rc == DB_OK)
        /* if the state differs, another worker has claimed it since look() */
        email->rule = email_fate(was, email->again && was == email->state ? EMAIL_ON_REDELIVERY : EMAIL_ON_CLAIM);
    return rc;
}

/*
 * The campaign is not active. E-mails of a paused campaign wait, because its start enqueues them again. But one that
 * was interrupted must not stay `sending` for ever, so its outcome is found out.
 */
static int not_active(struct db *db, struct task *task, bool completed)
{
    struct email_task *email = &task->u.email;

    if (email->state == EMAIL_SENDING && email->again && !completed) {
        email->unless_sent = EMAIL_ON_HOLD;
        email->rule = email_fate(EMAIL_SENDING, EMAIL_ON_REDELIVERY);
        return DB_OK;
    }
    return completed ? email_skip(db, task, NOT_SENT_CAMPAIGN_COMPLETED, "") : DB_OK;
}

int send_claim(struct worker *worker, struct db *db, struct task *task, bool unsure)
{
    if (enqueue_is(task))
        return DB_OK;
    const char *campaign = task_uuid(task, "campaign"), *prospect = task_uuid(task, "prospect");
    const char *organisation = task->job->organisation_id;
    struct email_task *email = &task->u.email;
    struct person person;

    if (!campaign || !prospect)
        return DB_OK;
    (void)snprintf(email->campaign, sizeof(email->campaign), "%s", campaign);
    (void)snprintf(email->prospect, sizeof(email->prospect), "%s", prospect);
    int rc = worker_campaign(worker, db, organisation, campaign);
    if (rc != DB_OK)
        return rc == DB_E_NOT_FOUND ? DB_OK : rc; /* the campaign was deleted, with its e-mails */
    email->unless_sent = EMAIL_EVENTS;
    email->skip = EMAIL_NOT_SKIPPED;
    email->held = worker->campaign.refusals > 0;
    rc = look(db, task, unsure);
    if (rc != 0)
        return rc < 0 ? rc : DB_OK;
    if (worker->campaign.status != CAMPAIGN_STATUS_ACTIVE)
        return not_active(db, task, worker->campaign.status == CAMPAIGN_STATUS_COMPLETED);
    rc = worker_person(db, organisation, prospect, &person);
    if (rc == DB_E_NOT_FOUND)
        return DB_OK; /* the prospect was erased, with its e-mail */
    if (rc == DB_OK)
        rc = claim_for(worker, db, task, &person);
    person_release(&person);
    return rc;
}

void send_claimed(struct worker *worker, struct task *task)
{
    struct email_task *email = &task->u.email;

    if (enqueue_is(task))
        return;
    if (email->suppressed)
        metrics_suppression(SUPPRESSED_BY_IMPORT, 1);
    email->suppressed = false; /* counted */
    if (email->put_off)
        queue_published(worker->app->queue, QUEUE_EMAIL_SEND, 1);
    if (email->skip != EMAIL_NOT_SKIPPED && email->unless_sent == EMAIL_EVENTS)
        metrics_email_not_sent(email->skip);
    if (email->draft_fresh)
        draft_outcome(task->job, email->campaign, email->prospect, email->draft_good ? NULL : email->text.error,
                      email->draft_ns);
}
