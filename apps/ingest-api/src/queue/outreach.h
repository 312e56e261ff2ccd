/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/outreach.h
 * A campaign's work for the workers: one job per prospect, created in slices of OUTREACH_SLICE prospects. The request
 * creates the first slice; if there are more, it also creates a job that creates the next slice and another job like
 * itself, so that no transaction is longer than a slice. Each function runs inside the caller's transaction and
 * returns DB_OK or a db_error.
 */
#ifndef INGEST_QUEUE_OUTREACH_H
#define INGEST_QUEUE_OUTREACH_H

#include "queue/queue.h"

#define OUTREACH_SLICE 500

enum outreach_kind {
    OUTREACH_DRAFTS, /**< a draft for each prospect that has none, or a failed one that may succeed now */
    OUTREACH_EMAILS, /**< an e-mail for each prospect without one of this campaign; its row is created with the job */
    OUTREACH_RESUME, /**< all e-mails that a pause has stopped, and those that wait for their next attempt, now */
    OUTREACH_KINDS
};
/** The queue for the jobs, and for the job that creates the next slice. */
enum queue_name outreach_queue(enum outreach_kind kind);

struct outreach_request {
    enum outreach_kind kind;
    const char *organisation_id, *campaign_id, *request_id;
};

struct outreach_slice {
    uint64_t enqueued; /**< jobs of this slice */
    bool more;         /**< there may be more prospects: a job of the same queue creates their jobs */
};
/** Count the jobs that there will be, and the valid prospects (OUTREACH_RESUME: the e-mails). O(prospects): a read. */
int outreach_count(struct db *db, const struct outreach_request *request, uint64_t *jobs, uint64_t *usable);
/**
 * Create a slice, in a write transaction. After the commit, report the jobs to queue_published(), and
 * one more if there is more.
 * @param after prospect id of the last one of the previous slice; NULL or "" to begin
 */
int outreach_enqueue(struct db *db, const struct outreach_request *request, const char *after,
                     struct outreach_slice *out);

/**
 * Forget the finished job that rendered a prospect's first draft, so that OUTREACH_DRAFTS can create it again. Call it
 * in the transaction that deletes the draft.
 */
int outreach_draft_deleted(struct db *db, const char *organisation_id, const char *campaign_id,
                           const char *prospect_id);

/** Room for outreach_payload(). */
#define OUTREACH_PAYLOAD_MAX 160
/** The payload of a draft.generate or email.send job. */
void outreach_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id);

#define OUTREACH_ATTEMPTS "attempts"
/**
 * The payload for the next attempt of an e-mail after `attempts` attempts. Before the job is due, the e-mail may be
 * tried for another reason (a start, a manual retry) and get a job for the attempt after that. Then the count
 * differs, and this job is skipped.
 */
void outreach_again_payload(char out[OUTREACH_PAYLOAD_MAX], const char *campaign_id, const char *prospect_id,
                            int64_t attempts);

/* Payload of the job that creates the next slice: {"campaign": id, OUTREACH_MAKES: kind, OUTREACH_AFTER: prospect}. */
#define OUTREACH_MAKES "enqueue"
#define OUTREACH_AFTER "after"
/** OUTREACH_KINDS for an unknown name, or NULL. */
enum outreach_kind outreach_kind_of(const char *name);

#endif
