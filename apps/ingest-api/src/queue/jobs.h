/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/jobs.h
 * The SQL of tracking.jobs; private to src/queue. Every function but jobs_peek and jobs_stats runs in a write
 * transaction. Times are jobs_now_ms(). Codes are those of db.h.
 */
#ifndef INGEST_QUEUE_JOBS_H
#define INGEST_QUEUE_JOBS_H

#include "queue/queue.h"

enum job_state { JOB_READY, JOB_LEASED, JOB_DONE, JOB_DEAD };

/** Unix ms that runs with the monotonic clock: a clock that is set does not delay a job or end a lease. */
int64_t jobs_now_ms(void);
/** Follow the wall clock again. @return by how many ms it had been set; 0 when it runs within a second. */
int64_t jobs_clock_follow(void);

/** What happened to leases that had run out, to be counted after the commit. */
struct jobs_expired {
    unsigned retried, dead;
};
/** Put expired leases back (or to the dead, when attempts are used up), then lease up to max. @return how many. */
int jobs_lease(struct db *db, enum queue_name queue, int64_t lease_ms, int max_attempts, const char *owner,
               struct job *jobs, int max, struct jobs_expired *expired);
/** When something is to be done next: a job due or a lease that runs out; INT64_MAX when there is nothing. */
int jobs_peek(struct db *db, enum queue_name queue, int64_t *due_ms);
int jobs_extend(struct db *db, const struct job *job, int64_t lease_ms);
/** @param dead true: to the dead letters; false: ready again after delay_ms. */
int jobs_fail(struct db *db, const struct job *job, const char *error, bool dead, int64_t delay_ms);
int jobs_stats(struct db *db, enum queue_name queue, struct queue_stats *out);

/* What outbox.c reads as well. */
#define JOB_COLUMNS "id, organisation_id, request_id, payload, attempt, created_at, due_at, idempotency_key"
/** The row of a statement that begins with these columns; job_release() it. @return DB_OK or DB_E_OTHER (no memory). */
int jobs_read(struct db_stmt *stmt, enum queue_name queue, struct job *job);
/**
 * Ready and due, the oldest first, for this transaction alone. attempt: deliveries so far.
 * @param stride from one to the next: the size of what `jobs` is the first member of
 * @return how many, or an error; then nothing is held.
 */
int jobs_read_ready(struct db *db, enum queue_name queue, struct job *jobs, size_t stride, int max);
/** The first column of a one-row statement with $1 = queue; `otherwise` without a row. *rc is left alone but for errors. */
int64_t jobs_number(struct db_stmt *stmt, enum queue_name queue, int64_t otherwise, int *rc);
/** When the first ready job is due. */
int64_t jobs_first_ready(struct db *db, enum queue_name queue, int64_t otherwise, int *rc);
/** Depth and dead of jobs_stats(). */
int jobs_count(struct db *db, enum queue_name queue, struct queue_stats *out);

/** The wall clock was set by `jump_ms`: move own leases along, and what would be due too late. */
int jobs_shift(struct db *db, const char *self, int64_t jump_ms);
/** Nothing is due later than that: such times come from a clock that has been set back since. */
int jobs_clamp(struct db *db, int64_t latest_ms);
/** Forget up to `max` idempotency keys of jobs done before that. @return how many. */
int jobs_forget(struct db *db, int64_t done_before_ms, int max);

#endif
