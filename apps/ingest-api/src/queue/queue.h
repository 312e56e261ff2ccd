/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/queue.h
 * Job queues. Embedded: rows of tracking.jobs in the store, so that a row of the business and its job are one commit.
 * At least once: a job is leased, done or failed explicitly; a lease that runs out makes it available again. Failed jobs
 * retry with exponential backoff and end in the dead-letter state, where they are counted.
 * An idempotency key is unique per queue: enqueueing the same key again is a no-op.
 */
#ifndef INGEST_QUEUE_QUEUE_H
#define INGEST_QUEUE_QUEUE_H

#include "store/db.h"

/** The queues; the label value `queue` is the name. */
enum queue_name { QUEUE_PROSPECT_VALIDATE, QUEUE_PROSPECT_RESEARCH, QUEUE_DRAFT_GENERATE, QUEUE_EMAIL_SEND, QUEUES };
extern const char *const queue_names[QUEUES]; /* prospect.validate prospect.research draft.generate email.send */

struct queue;
struct settings;
struct store;

struct job {
    char id[37];
    enum queue_name queue;
    char organisation_id[37];
    char request_id[64];  /**< of the request that caused it; "" if none */
    char *payload;        /**< JSON text, NUL-terminated */
    int attempt;          /**< 1 on the first delivery */
    int64_t created_ms;
};

/**
 * Enqueue inside the caller's write transaction. @param idempotency_key NULL or unique within the queue.
 * @return DB_OK, also when the key was there already (*fresh = false), or an error. fresh may be NULL.
 */
int queue_publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const char *idempotency_key, const char *payload, bool *fresh);
/** After commit: count `n` as published and wake a worker. */
void queue_published(struct queue *queue, enum queue_name name, unsigned n);

int queue_open(struct queue **out, const struct settings *settings, struct store *store);
void queue_close(struct queue *queue);

/** Lease up to `max` jobs of a queue; waits up to timeout_ms for the first. @return how many, or a db_error. */
int queue_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms);
/** Inside the transaction that holds the job's effects: the job is done. */
int queue_complete(struct db *db, const struct job *job);
/** Failed: retry after backoff, or dead-letter when attempts are used up or `permanent`. Own transaction. */
int queue_fail(struct queue *queue, const struct job *job, const char *error, bool permanent);
void job_release(struct job *job);
/** Wake every waiting queue_lease (shutdown). */
void queue_wake(struct queue *queue);
/** 0 when the queue answers. For /health. */
int queue_check(struct queue *queue, int timeout_ms);

struct queue_stats {
    int64_t depth;              /**< ready + delayed + leased, not dead */
    int64_t oldest_age_ms;      /**< of the oldest job that is due; 0 if none */
    int consumers;
    int64_t dead;
};
int queue_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out);

#endif
