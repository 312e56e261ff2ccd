/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/outreach.h
 * A campaign's work for the workers: one job a prospect. Each function runs inside the caller's write transaction and
 * returns DB_OK or a db_error; after the commit, tell queue_published().
 */
#ifndef INGEST_QUEUE_OUTREACH_H
#define INGEST_QUEUE_OUTREACH_H

#include "queue/queue.h"

struct outreach_request {
    const char *organisation_id, *campaign_id, *request_id;
};

struct outreach_enqueued {
    uint64_t enqueued; /**< jobs */
    uint64_t already;  /**< prospects that are not invalid and needed none */
};

/** A draft for each prospect that has none, or whose failed one may fare better now. */
int outreach_enqueue_drafts(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out);
/** An e-mail for each prospect that has none of this campaign. The e-mail's row is made here, so each gets one ever. */
int outreach_enqueue_emails(struct db *db, const struct outreach_request *request, struct outreach_enqueued *out);
/** Jobs for the e-mails that a pause has left pending. */
int outreach_resume(struct db *db, const struct outreach_request *request, uint64_t *enqueued);

/** Room for outreach_payload(). */
#define OUTREACH_PAYLOAD_MAX 128
/** The payload of a draft.generate or email.send job. */
void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id);

#endif
