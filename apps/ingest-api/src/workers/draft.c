/* SPDX-License-Identifier: Apache-2.0 */
/*
 * draft.generate: renders the draft of one campaign for one prospect. If it cannot be rendered, a failed draft is
 * stored and the job is done.
 */
#include "workers/draft_outcome.h"
#include "workers/enqueue.h"

#include <stdio.h>
#include <string.h>

static void draft_release(struct task *task)
{
    draft_text_release(&task->u.draft.text);
    memset(&task->u, 0, sizeof(task->u));
}

static int render(struct worker *worker, struct db *db, struct task *task)
{
    struct person person;
    int rc = worker_person(db, task->job->organisation_id, task->u.draft.prospect, &person);

    if (rc == DB_E_NOT_FOUND) { /* erased in the meantime */
        task->u.draft.skip = true;
        return DB_OK;
    }
    if (rc != DB_OK)
        return rc;
    task->u.draft.source = worker_draft_source(worker, &person);
    task->u.draft.skip |= person.status == PROSPECT_STATUS_INVALID;
    if (!task->u.draft.skip && person_render(&person, worker->campaign.subject_template, worker->campaign.body_template,
                                             &task->u.draft.text) < 0)
        (void)task_failed(task, TASK_RETRY, "out of memory");
    person_release(&person);
    return DB_OK;
}

static int draft_load(struct worker *worker, struct db *db, struct task *task)
{
    uint64_t start = promc_now_ns();
    if (enqueue_is(task))
        return DB_OK;
    const char *campaign = task_uuid(task, "campaign"), *prospect = task_uuid(task, "prospect");
    if (!campaign || !prospect)
        return DB_OK;
    (void)snprintf(task->u.draft.campaign, sizeof(task->u.draft.campaign), "%s", campaign);
    (void)snprintf(task->u.draft.prospect, sizeof(task->u.draft.prospect), "%s", prospect);
    int rc = worker_campaign(worker, db, task->job->organisation_id, campaign);
    task->u.draft.skip = rc == DB_E_NOT_FOUND; /* deleted in the meantime */
    if (rc != DB_OK)
        return task->u.draft.skip ? DB_OK : rc;
    task->u.draft.skip = worker->campaign.status == CAMPAIGN_STATUS_COMPLETED;
    rc = render(worker, db, task);
    task->u.draft.ns = promc_now_ns() - start;
    return rc;
}

static int draft_finish(struct worker *worker, struct db *db, struct task *task)
{
    const struct draft_text *text = &task->u.draft.text;
    const char *organisation = task->job->organisation_id;

    if (enqueue_is(task))
        return enqueue_finish(worker, db, task);
    task->u.draft.fresh = false;
    if (task->u.draft.skip)
        return DB_OK;
    if (text->subject)
        return drafts_put_generated(db, organisation, task->u.draft.campaign, task->u.draft.prospect, text->subject,
                                    text->body, &task->u.draft.source, &task->u.draft.fresh);
    return drafts_put_failed(db, organisation, task->u.draft.campaign, task->u.draft.prospect, text->error,
                             &task->u.draft.source, &task->u.draft.fresh);
}

static void draft_committed(struct worker *worker, struct task *task)
{
    const struct draft_text *text = &task->u.draft.text;
    (void)worker;
    if (task->u.draft.fresh)
        draft_outcome(task->job, task->u.draft.campaign, task->u.draft.prospect, text->subject ? NULL : text->error,
                      task->u.draft.ns);
}

const struct handler draft_handler = {
    .queue = QUEUE_DRAFT_GENERATE,
    .batch = 200,
    .load = draft_load,
    .finish = draft_finish,
    .committed = draft_committed,
    .release = draft_release,
};
