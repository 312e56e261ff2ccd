/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/jobs.h
 * The SQL of tracking.jobs; private to src/queue. Every function except jobs_look and jobs_stats runs in a write
 * transaction. Times are jobs_now_ms(). Codes are those of db.h.
 *
 *            publish            lease              complete
 *   delayed ────────▶ ready ────────────▶ leased ───────────▶ done
 *      ▲      due      ▲ │                │ │  └─────────────▶ dead      bury
 *      └───────────────┼─┼────────────────┘ │
 *        fail: retried │ │ take     expire, │
 *                      │ ▼          return  │
 *                  relaying ──▶ handed ─────┘                           outbox.h: with a broker
 *
 * Each state has its own times: lease_until of leased and relaying, handed_at, ended_at of done and dead. due_at is
 * the time from which the job could be delivered.
 *
 * Organisations are served in turn. A queue's clock is the lowest ready turn. A job that becomes ready gets the turn
 * after its organisation's last one, or the clock's, whichever is later; the lowest turn is served first. So an
 * organisation with a million jobs has the next million turns, one with two new jobs has the next two, at the cost of
 * looking at the ends of two indexes. A job that is requeued keeps its turn, which has come. Two transactions that do
 * not see each other may assign the same turn: then an organisation has two jobs in one round.
 */
#ifndef INGEST_QUEUE_JOBS_H
#define INGEST_QUEUE_JOBS_H

#include "queue/queue.h"

/** Unix ms that runs with the monotonic clock: changing the wall clock does not delay a job or end a lease. */
int64_t jobs_now_ms(void);
/** By how many ms the wall clock, which shows `wall_ms`, was set; 0 when this clock runs within a second of it. */
int64_t jobs_clock_jump(int64_t wall_ms);
void jobs_clock_move(int64_t ms);
/**
 * Follow the wall clock, which shows `wall_ms`.
 * @return by how many ms it had been set; 0 when it runs within a second.
 */
int64_t jobs_clock_follow(int64_t wall_ms);

/** When there is work of each kind; INT64_MAX: none. */
struct jobs_look {
    int64_t ready_ms;   /**< the first turn: in the past if there is one */
    int64_t delayed_ms; /**< when the first delayed one is due */
    int64_t lease_ms;   /**< when the first lease ends */
    int64_t handed_ms;  /**< when the first of the broker's jobs was handed over */
};
int jobs_look(struct db *db, enum queue_name queue, struct jobs_look *out);

/** The outcome of ended leases, to be counted after the commit. */
struct jobs_expired {
    unsigned retried, dead;
    unsigned in_doubt; /**< e-mails of dead ones (bury.h) */
};
/**
 * Requeue jobs whose lease has ended (or dead-letter them, if their attempts are used up), make due jobs ready,
 * then lease up to max in turn.
 * Jobs of a broker are requeued as well: this is called if QUEUE is embedded.
 * @param look as of just now; work that it does not show is not searched for. @return how many.
 */
int jobs_lease(struct db *db, enum queue_name queue, const struct jobs_look *look, int64_t lease_ms, int max_attempts,
               const char *owner, struct job *jobs, int max, struct jobs_expired *expired);
int jobs_extend(struct db *db, const struct job *job, int64_t lease_ms);
/** Its attempt failed: it is ready again after delay_ms. */
int jobs_retry(struct db *db, const struct job *job, const char *error, int64_t delay_ms);
/** Dead-letter it. @param[in,out] in_doubt incremented if its e-mail is in doubt now (bury.h) */
int jobs_bury(struct db *db, const struct job *job, const char *error, unsigned *in_doubt);
int jobs_stats(struct db *db, enum queue_name queue, struct queue_stats *out);

/** The turn of the organisation's next job, or a negative db_error. Further jobs have the turns after it. */
int64_t jobs_next_turn(struct db *db, enum queue_name queue, const char *organisation_id);

/* Shared with outbox.c. */
/** The lease of its last attempt has ended: dead-letter it, with a line in the log, and count that in *expired. */
int jobs_bury_late(struct db *db, const struct job *job, struct jobs_expired *expired);
#define JOB_COLUMNS "id, organisation_id, request_id, payload, attempt, created_at, due_at, idempotency_key, error"
/** The columns of a job that is requeued. */
#define JOB_GOES_BACK "state = 'ready', owner = NULL, lease_until = NULL, handed_at = NULL"
/** Read a job from a row that begins with JOB_COLUMNS; job_release() it. @return DB_OK or DB_E_OTHER (no memory). */
int jobs_read(struct db_stmt *stmt, enum queue_name queue, struct job *job);
/** Give back a lease of `self` that came to nothing. DB_OK also if it is no longer his. */
int jobs_give_back(struct db *db, const struct job *job, const char *self);
/** Delayed jobs that are due become ready. */
int jobs_make_ready(struct db *db, enum queue_name queue);
/**
 * Ready jobs in turn, for this transaction only. attempt: deliveries so far.
 * @param stride distance between elements: the size of the struct whose first member is a job
 * @return how many, or an error; then nothing is held.
 */
int jobs_read_ready(struct db *db, enum queue_name queue, struct job *jobs, size_t stride, int max);
/** Requeue up to `max` jobs that the broker has had since `handed_before_ms` or longer. @return how many. */
int jobs_take_back(struct db *db, enum queue_name queue, int64_t handed_before_ms, int max);
/** Since when the longest-waiting deliverable job waits; `now` if there is none. A negative db_error. */
int64_t jobs_oldest_due(struct db *db, enum queue_name queue, int64_t now);

/**
 * The wall clock was set forward by `jump_ms`. Leases that had not ended begin again, also those of other processes,
 * which may notice later. Every process that notices calls it.
 */
int jobs_clock_forward(struct db *db, int64_t jump_ms, int64_t lease_ms);
/** The wall clock was set back, by a negative `jump_ms`: move the leases of this owner along. */
int jobs_shift_leases(struct db *db, const char *owner, int64_t jump_ms);
/**
 * The wall clock was set back. A job that was published by the clock before waits as long from now on. A retry that is
 * further away than its longest backoff (queue_internal.h) is due now. Every process that notices calls it: a
 * repetition changes nothing.
 */
int jobs_clock_back(struct db *db, int64_t backoff_ms, int64_t backoff_max_ms);
/** Shorten delays and leases that end later than these times: those come from a clock that was set back since. */
int jobs_clamp(struct db *db, int64_t latest_due_ms, int64_t latest_lease_ms);
/**
 * Delete up to `max` jobs, kept for their idempotency keys, that were done before `done_before_ms`.
 * @return how many.
 */
int jobs_forget(struct db *db, int64_t done_before_ms, int max);

#endif
