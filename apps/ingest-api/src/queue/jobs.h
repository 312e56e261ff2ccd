/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/jobs.h
 * The SQL of tracking.jobs; private to src/queue. Every function but jobs_look and jobs_stats runs in a write
 * transaction. Times are jobs_now_ms(). Codes are those of db.h.
 *
 *            publish            lease              complete
 *   delayed ────────▶ ready ────────────▶ leased ───────────▶ done
 *      ▲      due      ▲ │                │ │  └─────────────▶ dead      fail, for good
 *      └───────────────┼─┼────────────────┘ │
 *        fail: retried │ │ take     expire, │
 *                      │ ▼          return  │
 *                  relaying ──▶ handed ─────┘                           outbox.h: with a broker
 *
 * Each state has its times, and no others: lease_until of leased and relaying, handed_at, ended_at of done and dead. due_at is
 * since when the job could be delivered.
 *
 * Organisations are served in turn. A queue's clock is the lowest turn that is ready. A job that becomes ready gets the turn
 * after its organisation's last one, or the clock's, whichever is later; the lowest turn is served first. So an organisation
 * with a million jobs has the next million turns, one that comes with two has the next two, and what they cost is one look at
 * the ends of two indexes. A job that goes back keeps its turn, which has come. Two transactions that do not see each other may
 * give the same turn: then an organisation has two jobs in one round.
 */
#ifndef INGEST_QUEUE_JOBS_H
#define INGEST_QUEUE_JOBS_H

#include "queue/queue.h"

/** Unix ms that runs with the monotonic clock: a clock that is set does not delay a job or end a lease. */
int64_t jobs_now_ms(void);
/** Follow the wall clock again. @return by how many ms it had been set; 0 when it runs within a second. */
int64_t jobs_clock_follow(void);

/** What there is to do, and when; INT64_MAX: nothing. */
struct jobs_look {
    int64_t ready_ms;   /**< the first turn: in the past if there is one */
    int64_t delayed_ms; /**< when the first delayed one is due */
    int64_t lease_ms;   /**< when the first lease runs out */
    int64_t handed_ms;  /**< when the first that the broker has was handed to it */
};
int jobs_look(struct db *db, enum queue_name queue, struct jobs_look *out);

/** What happened to leases that had run out, to be counted after the commit. */
struct jobs_expired {
    unsigned retried, dead;
};
/**
 * Put expired leases back (or to the dead, when attempts are used up), make ready what is due, then lease up to max in turn.
 * What a broker has is put back as well: this is called when QUEUE is embedded.
 * @param look as of just now; what it does not show is not looked for. @return how many.
 */
int jobs_lease(struct db *db, enum queue_name queue, const struct jobs_look *look, int64_t lease_ms, int max_attempts,
               const char *owner, struct job *jobs, int max, struct jobs_expired *expired);
int jobs_extend(struct db *db, const struct job *job, int64_t lease_ms);
/** @param dead true: to the dead letters; false: ready again after delay_ms. */
int jobs_fail(struct db *db, const struct job *job, const char *error, bool dead, int64_t delay_ms);
int jobs_stats(struct db *db, enum queue_name queue, struct queue_stats *out);

/** The turn of the organisation's next job, or a negative db_error. Those after it have the turns after it. */
int64_t jobs_next_turn(struct db *db, enum queue_name queue, const char *organisation_id);

/* What outbox.c needs as well. */
#define JOB_COLUMNS "id, organisation_id, request_id, payload, attempt, created_at, due_at, idempotency_key"
/** What a job is set to that goes back to be served by another. */
#define JOB_GOES_BACK "state = 'ready', owner = NULL, lease_until = NULL, handed_at = NULL"
/** The row of a statement that begins with these columns; job_release() it. @return DB_OK or DB_E_OTHER (no memory). */
int jobs_read(struct db_stmt *stmt, enum queue_name queue, struct job *job);
/** Delayed jobs that are due become ready. */
int jobs_make_ready(struct db *db, enum queue_name queue);
/**
 * Ready jobs in turn, for this transaction alone. attempt: deliveries so far.
 * @param stride from one to the next: the size of what `jobs` is the first member of
 * @return how many, or an error; then nothing is held.
 */
int jobs_read_ready(struct db *db, enum queue_name queue, struct job *jobs, size_t stride, int max);
/** Up to `max` jobs that the broker has had since `handed_before_ms` or longer go back. @return how many. */
int jobs_take_back(struct db *db, enum queue_name queue, int64_t handed_before_ms, int max);
/** Since when the job waits that could be delivered and waits longest; `now` if there is none. A negative db_error. */
int64_t jobs_oldest_due(struct db *db, enum queue_name queue, int64_t now);

/** The wall clock was set by `jump_ms`: move own leases along, and what would be due too late. */
int jobs_shift(struct db *db, const char *self, int64_t jump_ms);
/** Nothing is due later than that: such times come from a clock that has been set back since. */
int jobs_clamp(struct db *db, int64_t latest_ms);
/** Forget up to `max` idempotency keys of jobs done before that. @return how many. */
int jobs_forget(struct db *db, int64_t done_before_ms, int max);

#endif
