/* SPDX-License-Identifier: Apache-2.0 */
/* prospect.validate and prospect.research: a job has the prospects of one batch of an import. */
#include "base/email_address.h"
#include "base/uuid.h"
#include "data/suppressions.h"
#include "import/import.h"
#include "metrics/metrics.h"
#include "workers/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void release(struct task *task)
{
    for (size_t i = 0; task->u.prospects.research && i < task->u.prospects.count; i++)
        json_decref(task->u.prospects.research[i]);
    free(task->u.prospects.research);
    free(task->u.prospects.ids);
    memset(&task->u, 0, sizeof(task->u));
}

/* The ids in the payload. @return NULL after task_failed(). */
static json_t *payload_ids(struct task *task)
{
    json_t *ids = json_object_get(task->payload, "prospects"), *id;
    unsigned char uuid[16];
    size_t i;

    if (!json_is_array(ids) || json_array_size(ids) > IMPORT_BATCH) {
        (void)task_failed(task, TASK_DEAD, "the payload has no list \"prospects\" of at most %d ids", IMPORT_BATCH);
        return NULL;
    }
    json_array_foreach(ids, i, id)
    {
        if (uuid_parse(json_string_value(id), uuid))
            continue;
        (void)task_failed(task, TASK_DEAD, "prospects[%zu] is not an id", i);
        return NULL;
    }
    return ids;
}

/* Not an error: the row was deleted, or its status no longer needs to be changed. */
static bool harmless(int rc)
{
    return rc == DB_E_CONFLICT || rc == DB_E_NOT_FOUND;
}

/* ---- validate ---- */

struct judged {
    enum prospect_status status;
    const char *reason;
    bool says_no;
    char address[PROSPECT_EMAIL_MAX + 1];
};

static int judge(void *arg, const struct prospect *row)
{
    struct judged *judged = arg;
    const char *email = row->field[PROSPECT_EMAIL];

    judged->status = row->status;
    judged->says_no = person_says_no(row->custom);
    if (judged->says_no)
        (void)snprintf(judged->address, sizeof(judged->address), "%s", email);
    judged->reason = email_address_valid(email, strlen(email)) ? email_address_unusable(email) : "invalid_email";
    return 0;
}

/* Create the job that researches the valid prospects. */
static int publish_research(struct db *db, struct task *task, json_t *valid)
{
    if (json_array_size(valid) == 0)
        return DB_OK;
    json_t *payload = json_pack("{s:O}", "prospects", valid);
    char *text = payload ? json_dumps(payload, JSON_COMPACT) : NULL;
    json_decref(payload);
    if (!text)
        return task_failed(task, TASK_RETRY, "out of memory");
    int rc =
        queue_publish(db, QUEUE_PROSPECT_RESEARCH, task->job->organisation_id, task->job->request_id, NULL, text, NULL);
    free(text);
    return rc;
}

static int validate_one(struct db *db, struct task *task, json_t *id, json_t *valid)
{
    const char *organisation = task->job->organisation_id, *text = json_string_value(id);
    struct judged judged = {0};
    int rc = prospects_get(db, organisation, text, judge, &judged);
    bool fresh = false;

    if (rc == DB_OK && judged.says_no)
        rc = suppressions_add(db, organisation, judged.address, SUPPRESSED_BY_IMPORT, &fresh);
    task->u.prospects.suppressed += fresh;
    if (rc == DB_OK && judged.status == PROSPECT_STATUS_IMPORTED)
        rc = prospects_set_validated(db, organisation, text, judged.reason);
    else if (rc == DB_OK)
        return DB_OK;
    if (rc == DB_OK && !judged.reason) {
        task->u.prospects.changed++;
        (void)json_array_append(valid, id);
    }
    return harmless(rc) ? DB_OK : rc;
}

static int validate_finish(struct worker *worker, struct db *db, struct task *task)
{
    json_t *ids = payload_ids(task), *id, *valid = json_array();
    size_t i;
    int rc = DB_OK;

    (void)worker;
    task->u.prospects.changed = task->u.prospects.suppressed = 0;
    if (!ids || !valid) {
        json_decref(valid);
        return ids ? task_failed(task, TASK_RETRY, "out of memory") : DB_OK;
    }
    json_array_foreach(ids, i, id)
    {
        rc = validate_one(db, task, id, valid);
        if (rc != DB_OK)
            break;
    }
    if (rc == DB_OK)
        rc = publish_research(db, task, valid);
    json_decref(valid);
    return rc;
}

static void validate_committed(struct worker *worker, struct task *task)
{
    metrics_suppression(SUPPRESSED_BY_IMPORT, task->u.prospects.suppressed);
    if (task->u.prospects.changed == 0)
        return;
    metrics_prospects(task->job->organisation_id, PROSPECT_VALIDATED, task->u.prospects.changed);
    queue_published(worker->app->queue, QUEUE_PROSPECT_RESEARCH, 1);
}

const struct handler validate_handler = {
    .queue = QUEUE_PROSPECT_VALIDATE,
    .batch = 4,
    .finish = validate_finish,
    .committed = validate_committed,
    .release = release,
};

/* ---- research ---- */

static int research_load(struct worker *worker, struct db *db, struct task *task)
{
    json_t *ids = payload_ids(task), *id;
    size_t i, n = json_array_size(ids);

    (void)worker;
    if (!ids || n == 0)
        return DB_OK;
    task->u.prospects.ids = calloc(n, sizeof(*task->u.prospects.ids));
    task->u.prospects.research = calloc(n, sizeof(*task->u.prospects.research));
    if (!task->u.prospects.ids || !task->u.prospects.research)
        return task_failed(task, TASK_RETRY, "out of memory");
    json_array_foreach(ids, i, id)
    {
        struct person person;
        int rc = worker_person(db, task->job->organisation_id, json_string_value(id), &person);
        if (rc == DB_OK && person.status == PROSPECT_STATUS_VALIDATED) {
            size_t at = task->u.prospects.count++;
            memcpy(task->u.prospects.ids[at], person.id, sizeof(person.id));
            task->u.prospects.research[at] = person_research(&person);
        }
        person_release(&person);
        if (rc != DB_OK && !harmless(rc))
            return rc;
    }
    return DB_OK;
}

static int research_finish(struct worker *worker, struct db *db, struct task *task)
{
    (void)worker;
    task->u.prospects.changed = 0;
    for (size_t i = 0; i < task->u.prospects.count; i++) {
        json_t *research = task->u.prospects.research[i];
        char *text = research ? json_dumps(research, JSON_COMPACT) : NULL;
        if (!text)
            return task_failed(task, TASK_RETRY, "out of memory");
        int rc = prospects_set_researched(db, task->job->organisation_id, task->u.prospects.ids[i], text);
        free(text);
        if (rc == DB_OK)
            task->u.prospects.changed++;
        else if (!harmless(rc))
            return rc;
    }
    return DB_OK;
}

static void research_committed(struct worker *worker, struct task *task)
{
    (void)worker;
    if (task->u.prospects.changed > 0)
        metrics_prospects(task->job->organisation_id, PROSPECT_RESEARCHED, task->u.prospects.changed);
}

const struct handler research_handler = {
    .queue = QUEUE_PROSPECT_RESEARCH,
    .batch = 4,
    .load = research_load,
    .finish = research_finish,
    .committed = research_committed,
    .release = release,
};
