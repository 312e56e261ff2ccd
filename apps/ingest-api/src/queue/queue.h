/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/queue.h
 * Job queues. A job is a row of tracking.jobs in the store, so that a row of the business and its job are one commit.
 * QUEUE=embedded: workers lease those rows. QUEUE=amqp://…: the rows are the outbox and the ledger of a RabbitMQ broker; a
 * relay publishes what is due, a worker leases what is delivered, and an acknowledgement follows the commit (amqp.c).
 * At least once: a job is leased, done or failed explicitly; a lease that runs out makes it available again. Failed jobs
 * retry with exponential backoff and end in the dead-letter state, where they are counted.
 * An idempotency key is unique per queue: enqueueing the same key again is a no-op, as long as its job is unfinished or
 * dead and for a day after it was done. To allow a deliberate second run, put what makes it one (a request id) in the key.
 *
 * Counted: an attempt that failed as queue_message_failures_total{reason} error, rejected (permanent) or timeout (its lease
 * ran out), and as a retry when it will be tried again; a job that will not be once more as dead_lettered.
 *
 * A job that is delivered again after its lease ran out has a higher `attempt`; the earlier worker's queue_complete then
 * gives DB_E_CONFLICT and its transaction, with all effects, rolls back: effects in the store happen exactly once.
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
    int attempt;         /**< 1 on the first delivery */
    int64_t created_ms;
    int64_t due_ms;            /**< since when it could be delivered */
    bool keyed;                /**< it has an idempotency key */
    struct delivery *delivery; /**< the broker's message; NULL with the embedded queue */
};

/**
 * Enqueue inside the caller's write transaction. @param idempotency_key NULL or unique within the queue.
 * @return DB_OK, also when the key was there already (*fresh = false), or an error. fresh may be NULL.
 */
int queue_publish(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                  const char *idempotency_key, const char *payload, bool *fresh);
/** The same, not to be leased for another `delay_ms` milliseconds, and without a key. */
int queue_publish_later(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                        const char *payload, int64_t delay_ms);
/** One of many jobs that differ in key and payload only. */
struct queue_item {
    const char *idempotency_key; /**< NULL or unique within the queue */
    const char *payload;
};
/** The same for many at once, a third of the cost a job. @param fresh how many were not there yet; may be NULL. */
int queue_publish_many(struct db *db, enum queue_name queue, const char *organisation_id, const char *request_id,
                       const struct queue_item *items, size_t n, uint64_t *fresh);
/**
 * How many jobs of an organisation wait in a queue: the length of the turns that it has, which is one look at the ends of an index.
 * Not those that are delayed. @return it, or a negative db_error.
 */
int64_t queue_waiting(struct db *db, enum queue_name queue, const char *organisation_id);
/** After the commit of `n` jobs: send them on their way. Counted as published now, or when the broker confirms them. */
void queue_published(struct queue *queue, enum queue_name name, unsigned n);

/** @return 0, or -1 after one clear line in the log. Leases of processes that died are released. */
int queue_open(struct queue **out, const struct settings *settings, struct store *store);
/** Every thread that leased must have ended, or never use the queue again. Before store_close. */
void queue_close(struct queue *queue);

/**
 * A small thread that publishes metrics_queue_depth of every queue each stats_ms, releases the leases of dead processes
 * and forgets old idempotency keys. Ended by queue_close. @return 0 or -1.
 */
int queue_start_stats(struct queue *queue);

/** Lease up to `max` jobs of a queue; waits up to timeout_ms for the first. @return how many, or a db_error. */
int queue_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms);
/** Renew the lease of jobs that take long. @return DB_OK, or DB_E_CONFLICT when one of them was lost meanwhile. */
int queue_extend(struct queue *queue, const struct job *jobs, int n);
/** Inside the transaction that holds the job's effects: the job is done. DB_E_CONFLICT: the lease was lost; roll back. */
int queue_complete(struct db *db, const struct job *job);
/** After the commit of its queue_complete: counted as consumed, acknowledged to the broker. */
void queue_done(struct queue *queue, const struct job *job);
/** Failed: retry after backoff, or dead-letter when attempts are used up or `permanent`. Own transaction. */
int queue_fail(struct queue *queue, const struct job *job, const char *error, bool permanent);
/** Free what it holds. A job that is neither done nor failed is left to its lease. */
void job_release(struct job *job);
/** Wake every waiting queue_lease (shutdown). */
void queue_wake(struct queue *queue);
/** 0 when the queue answers. For /health. */
int queue_check(struct queue *queue, int timeout_ms);

struct queue_stats {
    int64_t depth;         /**< ready + delayed + leased, not dead */
    int64_t oldest_age_ms; /**< of the oldest job that is due; 0 if none */
    int consumers;         /**< embedded: threads of this process that lease from it; broker: all of its consumers,
                                or -1 when it is away */
    int64_t dead;
};
int queue_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out);

#endif
