/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/outbox.h
 * tracking.jobs as the outbox and the ledger of a broker; private to src/queue. A row and its message are one commit,
 * because the caller's transaction writes the row and a relay publishes it afterwards.
 *
 *   delayed, ready   in the outbox; published in turn (jobs.h)
 *   relaying         a relay (owner "…:relay") publishes it; until lease_until nobody else does
 *   handed           the broker has confirmed it
 *   leased           delivered to a worker; attempt identifies it, as with the embedded queue
 *   done, dead
 *
 * A broker's queue is first in, first out, so every organisation waits for the jobs in it. So the relay keeps few jobs
 * there, and the turns are in the outbox (amqp/relay.c).
 *
 * A message is only a hint that a row may be leased: one that arrives twice, late, or for a finished job finds
 * no row to lease and is dropped. So a message may be published again whenever there is doubt.
 *
 * Every function except outbox_handed runs in a write transaction. Times are jobs_now_ms(), codes db.h's.
 */
#ifndef INGEST_QUEUE_OUTBOX_H
#define INGEST_QUEUE_OUTBOX_H

#include "base/owner.h"
#include "queue/queue.h"

struct jobs_expired;

/** A job on its way to the broker. job.attempt counts the deliveries so far. */
struct outbox_row {
    struct job job; /**< first: jobs_read_ready() */
    bool confirmed; /**< set by the relay */
};

/** The name under which a relay of this process holds rows. */
void outbox_relay_owner(const char *self, char out[OWNER_SIZE]);

/** Take up to `max` rows for relaying; job_release() each. @return how many, or an error: then nothing is held. */
int outbox_take(struct db *db, enum queue_name queue, const char *relay, int64_t lease_ms, struct outbox_row *rows,
                int max);
/** Record the outcome: confirmed rows belong to the broker, the others are in the outbox again. */
int outbox_relayed(struct db *db, const char *relay, const struct outbox_row *rows, int n);
/** How many jobs the broker has, counted up to `max`. In any transaction. @return the number, or an error. */
int outbox_handed(struct db *db, enum queue_name queue, int max);

enum outbox_claim {
    OUTBOX_LEASED,  /**< ours: *job is filled in, except its delivery */
    OUTBOX_NOTHING, /**< done, leased by another, or to be published again later: drop the message */
    OUTBOX_DEAD     /**< the job is a dead letter, or has become one */
};
/**
 * Lease the job of a delivered message.
 * @param claim what to do. @param[in,out] expired dead is incremented if this call dead-lettered it (attempts used up).
 */
int outbox_lease(struct db *db, enum queue_name queue, const char *id, int64_t lease_ms, int max_attempts,
                 const char *owner, struct job *job, enum outbox_claim *claim, struct jobs_expired *expired);
/** End a lease of `self`; the job is published again at once. The delivery counts as an attempt. */
int outbox_return(struct db *db, const struct job *job, const char *self);

/** Requeue jobs whose leases have ended. @param retried how many of them were workers'. */
int outbox_expire(struct db *db, enum queue_name queue, unsigned *retried);
/** Requeue some of the jobs that the broker should have had for more than `age_ms`. @return how many. */
int outbox_recall(struct db *db, enum queue_name queue, int64_t age_ms);

#endif
