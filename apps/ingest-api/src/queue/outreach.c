/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/outreach.h"
#include "data/audience.h"
#include "data/emails_many.h"
#include "data/prospects.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500
#define KEY_MAX 160

void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id)
{
    (void)snprintf(out, OUTREACH_PAYLOAD_MAX, "{\"campaign\":\"%.36s\",\"prospect\":\"%.36s\"}", campaign_id,
                   prospect_id);
}

/* The jobs of a page, being gathered. */
struct jobs {
    enum queue_name queue;
    const struct outreach_request *request;
    size_t count;
    struct queue_item items[PAGE];
    char keys[PAGE][KEY_MAX], payloads[PAGE][OUTREACH_PAYLOAD_MAX];
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

/* `generation` makes a deliberate second run a new key; the same request delivered twice is the same key. */
static void add(struct jobs *jobs, const char *prospect_id, const char *generation)
{
    size_t i = jobs->count++;

    (void)snprintf(jobs->keys[i], sizeof(jobs->keys[i]), "%.36s:%.36s:%.64s", jobs->request->campaign_id, prospect_id,
                   generation);
    outreach_payload(jobs->payloads[i], jobs->request->campaign_id, prospect_id);
    jobs->items[i] = (struct queue_item){jobs->keys[i], jobs->payloads[i]};
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

static int count_rest(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out)
{
    int64_t counts[PROSPECT_STATUSES], usable = 0;
    int rc = prospects_count(db, request->organisation_id, counts);

    for (int i = 0; rc == DB_OK && i < PROSPECT_STATUSES; i++)
        usable += i == PROSPECT_STATUS_INVALID ? 0 : counts[i];
    out->already = (uint64_t)usable > out->enqueued ? (uint64_t)usable - out->enqueued : 0;
    return rc;
}

int outreach_enqueue_drafts(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out)
{
    struct audience_member page[PAGE];
    struct jobs *jobs = jobs_new(QUEUE_DRAFT_GENERATE, request);
    char after[37] = "", generation[24];
    int n = jobs ? 0 : DB_E_OTHER, rc = DB_OK;

    memset(out, 0, sizeof(*out));
    while (jobs && rc == DB_OK &&
           (n = audience_undrafted(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        for (int i = 0; i < n; i++) {
            (void)snprintf(generation, sizeof(generation), "%" PRId64, page[i].failed_ms);
            add(jobs, page[i].prospect_id, generation);
        }
        rc = publish(db, jobs, &out->enqueued);
        memcpy(after, page[n - 1].prospect_id, sizeof(after));
    }
    free(jobs);
    if (rc != DB_OK || n < 0)
        return rc != DB_OK ? rc : n;
    return count_rest(db, request, out);
}

int outreach_enqueue_emails(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out)
{
    char page[PAGE][37], after[37] = "";
    struct jobs *jobs = jobs_new(QUEUE_EMAIL_SEND, request);
    int n = jobs ? 0 : DB_E_OTHER, rc = DB_OK;

    memset(out, 0, sizeof(*out));
    while (jobs && rc == DB_OK &&
           (n = audience_unsent(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        for (int i = 0; i < n; i++)
            add(jobs, page[i], "0");
        rc = emails_create_many(db, request->organisation_id, request->campaign_id, (const char(*)[37])page, (size_t)n,
                                NULL);
        if (rc == DB_OK)
            rc = publish(db, jobs, &out->enqueued);
        memcpy(after, page[n - 1], sizeof(after));
    }
    free(jobs);
    if (rc != DB_OK || n < 0)
        return rc != DB_OK ? rc : n;
    return count_rest(db, request, out);
}

int outreach_resume(struct db *db, const struct outreach_request *request, uint64_t *enqueued)
{
    char page[PAGE][37], after[37] = "";
    struct jobs *jobs = jobs_new(QUEUE_EMAIL_SEND, request);
    int n = jobs ? 0 : DB_E_OTHER, rc = DB_OK;

    *enqueued = 0;
    while (jobs && rc == DB_OK &&
           (n = audience_pending(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        /* A job of before the pause may still be waiting: then there are two, and the e-mail's claim lets one send. */
        for (int i = 0; i < n; i++)
            add(jobs, page[i], request->request_id);
        rc = publish(db, jobs, enqueued);
        memcpy(after, page[n - 1], sizeof(after));
    }
    free(jobs);
    return rc != DB_OK ? rc : n;
}
