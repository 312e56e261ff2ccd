/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/outreach.h
 * A campaign's work for the workers: one job a prospect, made in slices of OUTREACH_SLICE prospects. The request makes the first;
 * where there are more, it leaves a job behind that makes the next and leaves one like itself, so that no transaction is
 * longer than a slice. Each function runs inside the caller's transaction and returns DB_OK or a db_error.
 */
#ifndef INGEST_QUEUE_OUTREACH_H
#define INGEST_QUEUE_OUTREACH_H

#include "queue/queue.h"

#define OUTREACH_SLICE 500

enum outreach_kind {
    OUTREACH_DRAFTS, /**< a draft for each prospect that has none, or whose failed one may fare better now */
    OUTREACH_EMAILS, /**< an e-mail for each prospect that has none of this campaign; its row is made with the job */
    OUTREACH_RESUME, /**< the e-mails that a pause has left pending */
    OUTREACH_KINDS
};
/** The queue that the jobs are for, and the job that makes the next slice. */
enum queue_name outreach_queue(enum outreach_kind kind);

struct outreach_request {
    enum outreach_kind kind;
    const char *organisation_id, *campaign_id, *request_id;
};

struct outreach_slice {
    uint64_t enqueued; /**< jobs of this slice */
    bool more;         /**< there may be further prospects: a job of the same queue makes theirs */
};
/** How many jobs there will be, and of how many prospects that are not invalid. O(prospects): in a read transaction. */
int outreach_count(struct db *db, const struct outreach_request *request, uint64_t *jobs, uint64_t *usable);
/**
 * Make a slice, in a write transaction. After the commit, tell queue_published() of the jobs, and of one more if there is more.
 * @param after prospect id of the last one of the slice before; NULL or "" to begin
 */
int outreach_enqueue(struct db *db, const struct outreach_request *request, const char *after,
                     struct outreach_slice *out);

/** Room for outreach_payload(). */
#define OUTREACH_PAYLOAD_MAX 160
/** The payload of a draft.generate or email.send job. */
void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id);

/* The payload of the job that makes the next slice: {"campaign": id, OUTREACH_MAKES: kind, OUTREACH_AFTER: prospect}. */
#define OUTREACH_MAKES "enqueue"
#define OUTREACH_AFTER "after"
/** OUTREACH_KINDS for a name that is none, or NULL. */
enum outreach_kind outreach_kind_of(const char *name);

#endif
