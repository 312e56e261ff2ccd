/* SPDX-License-Identifier: Apache-2.0 */
#include "services/outreach.h"
#include "store/audience.h"
#include "store/emails.h"
#include "store/prospects.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define PAGE 500

void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id)
{
    (void)snprintf(out, OUTREACH_PAYLOAD_MAX, "{\"campaign\":\"%.36s\",\"prospect\":\"%.36s\"}", campaign_id, prospect_id);
}

/* `generation` makes a deliberate second run a new key; the same request delivered twice is the same key. */
static int publish(struct db *db, enum queue_name queue, const struct outreach_request *request,
                   const char *prospect_id, const char *generation, uint64_t *enqueued)
{
    char key[192], payload[OUTREACH_PAYLOAD_MAX];
    bool fresh;

    (void)snprintf(key, sizeof(key), "%.36s:%.36s:%.64s", request->campaign_id, prospect_id, generation);
    outreach_payload(payload, request->campaign_id, prospect_id);
    int rc = queue_publish(db, queue, request->organisation_id, request->request_id, key, payload, &fresh);
    if (rc == DB_OK)
        *enqueued += fresh;
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
    char after[37] = "", generation[24];
    int n, rc = DB_OK;

    memset(out, 0, sizeof(*out));
    while ((n = audience_undrafted(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        for (int i = 0; i < n; i++) {
            (void)snprintf(generation, sizeof(generation), "%" PRId64, page[i].failed_ms);
            rc = publish(db, QUEUE_DRAFT_GENERATE, request, page[i].prospect_id, generation, &out->enqueued);
            if (rc != DB_OK)
                return rc;
        }
        memcpy(after, page[n - 1].prospect_id, sizeof(after));
    }
    return n < 0 ? n : count_rest(db, request, out);
}

int outreach_enqueue_emails(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out)
{
    char page[PAGE][37], after[37] = "";
    int n, rc = DB_OK;

    memset(out, 0, sizeof(*out));
    while ((n = audience_unsent(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        for (int i = 0; i < n; i++) {
            rc = emails_create(db, request->organisation_id, request->campaign_id, page[i], NULL);
            if (rc == DB_OK)
                rc = publish(db, QUEUE_EMAIL_SEND, request, page[i], "0", &out->enqueued);
            if (rc != DB_OK)
                return rc;
        }
        memcpy(after, page[n - 1], sizeof(after));
    }
    return n < 0 ? n : count_rest(db, request, out);
}

int outreach_resume(struct db *db, const struct outreach_request *request, uint64_t *enqueued)
{
    char page[PAGE][37], after[37] = "";
    int n, rc = DB_OK;

    *enqueued = 0;
    while ((n = audience_pending(db, request->organisation_id, request->campaign_id, after, page, PAGE)) > 0) {
        for (int i = 0; i < n; i++) {
            /* A job of before the pause may still be waiting: then there are two, and the e-mail's claim lets one send. */
            rc = publish(db, QUEUE_EMAIL_SEND, request, page[i], request->request_id, enqueued);
            if (rc != DB_OK)
                return rc;
        }
        memcpy(after, page[n - 1], sizeof(after));
    }
    return n;
}
