/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/outreach.h"
#include "data/audience.h"
#include "data/emails_many.h"
#include "data/prospects.h"
#include "model/names.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 160

void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id)
{
    (void)snprintf(out, OUTREACH_PAYLOAD_MAX, "{\"campaign\":\"%.36s\",\"prospect\":\"%.36s\"}", campaign_id,
                   prospect_id);
}

void outreach_again_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id,
                            int64_t attempts)
{
    (void)snprintf(out, OUTREACH_PAYLOAD_MAX,
                   "{\"campaign\":\"%.36s\",\"prospect\":\"%.36s\",\"" OUTREACH_ATTEMPTS "\":%" PRId64 "}", campaign_id,
                   prospect_id, attempts);
}

/* The jobs of a slice while they are collected. */
struct jobs {
    enum queue_name queue;
    const struct outreach_request *request;
    size_t count;
    struct queue_item items[OUTREACH_SLICE];
    char keys[OUTREACH_SLICE][KEY_MAX], payloads[OUTREACH_SLICE][OUTREACH_PAYLOAD_MAX];
};

static struct jobs *jobs_new(enum queue_name queue, const struct outreach_request *request)
{
    struct jobs *jobs = malloc(sizeof(*jobs));

    if (jobs) {
        jobs->queue = queue;
        jobs->request = request;
        jobs->count = 0;
    }
    return jobs;
}

/* The key of a job. A deliberate second run has another generation, the time of the last change, and so another key. */
static void job_key(char out[KEY_MAX], const char *campaign_id, const char *prospect_id, int64_t since_ms)
{
    (void)snprintf(out, KEY_MAX, "%.36s:%.36s:%" PRId64, campaign_id, prospect_id, since_ms);
}

/* @param key keys[i], or NULL: the job has none */
static void add(struct jobs *jobs, const char *prospect_id, const char *key)
{
    size_t i = jobs->count++;

    outreach_payload(jobs->payloads[i], jobs->request->campaign_id, prospect_id);
    jobs->items[i] = (struct queue_item){key, jobs->payloads[i]};
}

static int publish(struct db *db, struct jobs *jobs, uint64_t *enqueued)
{
    uint64_t fresh = 0;
    int rc = queue_publish_many(db, jobs->queue, jobs->request->organisation_id, jobs->request->request_id, jobs->items,
                                jobs->count, &fresh);

    *enqueued += fresh;
    jobs->count = 0;
    return rc;
}

static const char *const kind_names[OUTREACH_KINDS] = {"drafts", "emails", "resume"};

enum outreach_kind outreach_kind_of(const char *name)
{
    int kind = name_index(kind_names, OUTREACH_KINDS, name);
    return kind < 0 ? OUTREACH_KINDS : (enum outreach_kind)kind;
}

enum queue_name outreach_queue(enum outreach_kind kind)
{
    return kind == OUTREACH_DRAFTS ? QUEUE_DRAFT_GENERATE : QUEUE_EMAIL_SEND;
}

int outreach_count(struct db *db, const struct outreach_request *request, uint64_t *jobs, uint64_t *usable)
{
    static int64_t (*const count[OUTREACH_KINDS])(struct db *, const char *, const char *) = {
        audience_count_undrafted, audience_count_unsent, audience_count_waiting};
    int64_t counts[PROSPECT_STATUSES], n;
    int rc = prospects_count(db, request->organisation_id, counts);

    if (rc != DB_OK)
        return rc;
    *usable = 0;
    for (int i = 0; i < PROSPECT_STATUSES; i++)
        *usable += i == PROSPECT_STATUS_INVALID ? 0 : (uint64_t)counts[i];
    n = count[request->kind](db, request->organisation_id, request->campaign_id);
    *jobs = n < 0 ? 0 : (uint64_t)n;
    if (request->kind == OUTREACH_RESUME)
        *usable = *jobs;
    return n < 0 ? (int)n : DB_OK;
}

/* ---- a slice: its prospects, in order of id; @return how many, or an error ---- */

static void add_members(struct jobs *jobs, const struct audience_member *page, int n, char last[37])
{
    for (int i = 0; i < n; i++) {
        job_key(jobs->keys[i], jobs->request->campaign_id, page[i].prospect_id, page[i].since_ms);
        add(jobs, page[i].prospect_id, jobs->keys[i]);
    }
    if (n > 0)
        memcpy(last, page[n - 1].prospect_id, sizeof(page[0].prospect_id));
}

static int gather_drafts(struct db *db, struct jobs *jobs, const char *after, char last[37])
{
    struct audience_member page[OUTREACH_SLICE];
    int n =
        audience_undrafted(db, jobs->request->organisation_id, jobs->request->campaign_id, after, page, OUTREACH_SLICE);

    add_members(jobs, page, n, last);
    return n;
}

static int gather_emails(struct db *db, struct jobs *jobs, const char *after, char last[37])
{
    const struct outreach_request *request = jobs->request;
    struct audience_member page[OUTREACH_SLICE];
    char ids[OUTREACH_SLICE][37];
    int n = audience_unsent(db, request->organisation_id, request->campaign_id, after, page, OUTREACH_SLICE);

    add_members(jobs, page, n, last);
    if (n <= 0)
        return n;
    for (int i = 0; i < n; i++)
        memcpy(ids[i], page[i].prospect_id, sizeof(ids[i]));
    int rc = emails_open_many(db, request->organisation_id, request->campaign_id, (const char(*)[37])ids, (size_t)n);
    return rc != DB_OK ? rc : n;
}

/*
 * An older job may still be waiting: then there are two, and the e-mail's claim lets only one send. The jobs have no
 * key: the next start after a pause must create jobs for the same e-mails, although nothing has changed in them.
 */
static int gather_waiting(struct db *db, struct jobs *jobs, const char *after, char last[37])
{
    char page[OUTREACH_SLICE][37];
    int n =
        audience_waiting(db, jobs->request->organisation_id, jobs->request->campaign_id, after, page, OUTREACH_SLICE);

    for (int i = 0; i < n; i++)
        add(jobs, page[i], NULL);
    if (n > 0)
        memcpy(last, page[n - 1], sizeof(page[0]));
    return n;
}

/*
 * Create the job for the next slice. Delayed jobs get their turn from the queue's clock (jobs.h), so it does not wait
 * for the jobs of this slice.
 */
static int leave_the_rest(struct db *db, const struct outreach_request *request, const char *after)
{
    char payload[OUTREACH_PAYLOAD_MAX];

    (void)snprintf(payload, sizeof(payload),
                   "{\"campaign\":\"%.36s\",\"" OUTREACH_MAKES "\":\"%s\",\"" OUTREACH_AFTER "\":\"%.36s\"}",
                   request->campaign_id, kind_names[request->kind], after);
    return queue_publish_later(db, outreach_queue(request->kind), request->organisation_id, request->request_id,
                               payload, 1, NULL);
}

int outreach_enqueue(struct db *db, const struct outreach_request *request, const char *after,
                     struct outreach_slice *out)
{
    static int (*const gather[OUTREACH_KINDS])(struct db *, struct jobs *, const char *,
                                               char[37]) = {gather_drafts, gather_emails, gather_waiting};
    struct jobs *jobs = jobs_new(outreach_queue(request->kind), request);
    char last[37] = "";

    memset(out, 0, sizeof(*out));
    int n = jobs ? gather[request->kind](db, jobs, after, last) : DB_E_OTHER;
    int rc = n < 0 ? n : publish(db, jobs, &out->enqueued);
    free(jobs);
    out->more = n == OUTREACH_SLICE;
    return rc == DB_OK && out->more ? leave_the_rest(db, request, last) : rc;
}

int outreach_draft_deleted(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id)
{
    char key[KEY_MAX];
    int rc = db_scope(db, organisation_id);

    if (rc != DB_OK)
        return rc;
    job_key(key, campaign_id, prospect_id, 0);
    return db_exec(db, "DELETE FROM tracking.jobs WHERE queue = $1 AND idempotency_key = $2 AND state = 'done'", "ss",
                   queue_names[QUEUE_DRAFT_GENERATE], key);
}
