/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/queue.h
 * Job queues. A job is a row of tracking.jobs in the store, so that a business row and its job are one commit.
 *
 * QUEUE=embedded: workers lease those rows. QUEUE=amqp://…: the rows are the outbox and the ledger of a RabbitMQ
 * broker; a relay publishes due jobs, a worker leases a delivered one, and an acknowledgement follows the commit
 * (amqp.c).
 *
 * At least once: a job is leased, and done or failed explicitly; when a lease ends, the job is available again. Failed
 * jobs are retried with exponential backoff and end in the dead-letter state, where they are counted.
 *
 * An idempotency key is unique per queue: enqueueing the same key again is a no-op as long as its job is unfinished or
 * dead, and for a day after it was done. To allow a deliberate second run, make the key different (a request id).
 *
 * Metrics: queue_message_failures_total{reason} counts a failed attempt as error, rejected (permanent) or timeout (its
 * lease ended). An attempt that is repeated also counts as a retry, the last one also as dead_lettered.
 *
 * A job that is delivered again after its lease ended has a higher `attempt`; the earlier worker's queue_complete then
 * returns DB_E_CONFLICT and its transaction, with all effects, rolls back: effects in the store happen exactly once.
 */
#ifndef INGEST_QUEUE_QUEUE_H
#define INGEST_QUEUE_QUEUE_H

#include "db/db.h"
#include "model/queues.h"

struct queue;
struct settings;
struct store;

struct job {
    char id[37];
    enum queue_name queue;
    char organisation_id[37];
    char request_id[64]; /**< of the request that caused it; "" if none */
    char *payload;       /**< JSON text, NUL-terminated */
    int attempt;         /**< 1 on the first delivery; one that was given back does not count */
    int64_t created_ms;
    int64_t due_ms;            /**< time from which it could be delivered */
    bool keyed;                /**< it has an idempotency key */
    bool again;                /**< before its lease: it was delivered before */
    struct delivery *delivery; /**< the broker's message; NULL with the embedded queue */
};

/**
 * Enqueue inside the caller's write transaction. @param idempotency_key NULL or unique within the queue.
 * @return DB_OK, also if the key existed (*fresh = false), or an error. fresh may be NULL.
 */
int queue_publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const char *idempotency_key, const char *payload, bool *fresh);
/**
 * The same, but not leased before `delay_ms` milliseconds have passed, and without a key.
 * @param[out] id of the new job, 37 bytes; may be NULL.
 */
int queue_publish_later(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                        const char *payload, int64_t delay_ms, char *id);
/** The time for a row that the caller writes itself (import/alone.h): Unix ms that ignore changes of the wall clock. */
int64_t queue_now_ms(void);
/** One of many jobs that differ in key and payload only. */
struct queue_item {
    const char *idempotency_key; /**< NULL or unique within the queue */
    const char *payload;
};
/** Enqueue many jobs, at a third of the cost per job. @param[out] fresh how many are new; may be NULL. */
int queue_publish_many(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                       const struct queue_item *items, size_t n, uint64_t *fresh);
/**
 * The number of an organisation's unfinished jobs in a queue: ready, delayed, at the broker and in progress
 * (data/usage.h). @return the number, or a negative db_error.
 */
int64_t queue_waiting(struct db *db, enum queue_name queue, const char *organisation_id);
/** After the commit of `n` jobs: start their delivery. Counted as published now, or when the broker confirms them. */
void queue_published(struct queue *queue, enum queue_name name, unsigned n);

/** @return 0, or -1 after one clear line in the log. Releases the leases of dead processes. */
int queue_open(struct queue **out, const struct settings *settings, struct store *store);
/** Every thread that leased must have ended, or never use the queue again. Before store_close. */
void queue_close(struct queue *queue);

/**
 * A small thread that publishes metrics_queue_depth of every queue every stats_ms, releases the leases of dead
 * processes and deletes old idempotency keys. Ended by queue_close. @return 0 or -1.
 */
int queue_start_stats(struct queue *queue);

/** Lease up to `max` jobs of a queue; waits up to timeout_ms for the first. @return how many, or a db_error. */
int queue_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms);
/** Renew the leases of jobs that take long. @return DB_E_CONFLICT if one was lost meanwhile; the others are renewed. */
int queue_extend(struct queue *queue, const struct job *jobs, int n);
/** The job is done; in the transaction of its effects. DB_E_CONFLICT: the lease was lost, so roll back. */
int queue_complete(struct db *db, const struct job *job);
/** After the commit of its queue_complete: counted as consumed, acknowledged to the broker. */
void queue_done(struct queue *queue, const struct job *job);
/** Is the organisation's job neither done nor dead? In any transaction. @return 1, 0, or a negative db_error. */
int queue_unfinished(struct db *db, const char *organisation_id, const char *job_id);
/** Is it unfinished, and no worker has it: whoever leases it sees what this transaction sees? @return as above */
int queue_unbegun(struct db *db, const char *organisation_id, const char *job_id);
/** Failed: retry after backoff, or dead-letter when attempts are used up or `permanent`. Own transaction. */
int queue_fail(struct queue *queue, const struct job *job, const char *error, bool permanent);
/**
 * Give back jobs that have not been begun, because the service stops: others may lease them at once, and the delivery is
 * no attempt. If the store fails, they wait for the end of their leases. Own transaction; job_release() each afterwards.
 */
void queue_give_back(struct queue *queue, const struct job *const *jobs, int n);
/** Free its memory. A job that is neither done nor failed waits for the end of its lease. */
void job_release(struct job *job);
/** Wake every waiting queue_lease (shutdown). */
void queue_wake(struct queue *queue);
/** 0 when the queue answers. For /health. */
int queue_check(struct queue *queue, int timeout_ms);

struct queue_stats {
    int64_t depth;         /**< ready + delayed + leased, not dead */
    int64_t oldest_age_ms; /**< of the oldest due job; 0 if none */
    int consumers;         /**< embedded: of this process; broker: all, or -1 if it does not answer */
    int64_t dead;
};
int queue_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out);

#endif
