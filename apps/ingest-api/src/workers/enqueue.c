/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/enqueue.h"

#include "base/settings.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"

#define FULL_PAUSE_MS 2000

bool enqueue_is(const struct task *task)
{
    return json_object_get(task->payload, OUTREACH_MAKES) != NULL;
}

/*
 * Goes on even if the campaign was paused in the meantime: e-mails that were requested before the pause wait, and are
 * sent when the campaign is started again.
 */
int enqueue_finish(struct worker *worker, struct db *db, struct task *task)
{
    const char *campaign = task_uuid(task, "campaign"), *after = task_uuid(task, OUTREACH_AFTER);
    struct outreach_request request = {
        .kind = outreach_kind_of(json_string_value(json_object_get(task->payload, OUTREACH_MAKES))),
        .organisation_id = task->job->organisation_id,
        .campaign_id = campaign,
        .request_id = task->job->request_id,
    };
    struct outreach_slice slice;

    if (!campaign || !after)
        return DB_OK;
    if (request.kind == OUTREACH_KINDS || outreach_queue(request.kind) != task->job->queue)
        return task_failed(task, TASK_DEAD, "the payload names no kind of job for this queue");
    int rc = worker_campaign(worker, db, task->job->organisation_id, campaign);
    if (rc == DB_E_NOT_FOUND)
        return DB_OK; /* deleted in the meantime */
    if (rc != DB_OK ||
        (worker->campaign.status == CAMPAIGN_STATUS_COMPLETED && request.kind != OUTREACH_RESUME)) /* to be skipped */
        return rc;
    unsigned max = worker->app->settings->max_jobs;
    bool limited = max && request.kind != OUTREACH_RESUME; /* e-mails that a pause has stopped were counted before */
    int64_t waiting = limited ? queue_waiting(db, task->job->queue, task->job->organisation_id) : 0;
    if (waiting < 0)
        return (int)waiting;
    if (limited && waiting - 1 >= max) { /* without this job; enqueue it again for later, when some jobs are done */
        metrics_limit_refusal(LIMIT_JOBS);
        task->enqueued = 1;
        return queue_publish_later(db, task->job->queue, task->job->organisation_id, task->job->request_id,
                                   task->job->payload, FULL_PAUSE_MS, NULL);
    }
    rc = outreach_enqueue(db, &request, after, &slice);
    task->enqueued = slice.enqueued + slice.more;
    return rc;
}
