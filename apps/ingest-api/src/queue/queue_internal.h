/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/queue_internal.h
 * Internals of the queue; private to src/queue. The rows of tracking.jobs are the same for every driver; a driver
 * carries the jobs to the workers: through the store itself (embedded.c) or a broker (amqp.c).
 */
#ifndef INGEST_QUEUE_QUEUE_INTERNAL_H
#define INGEST_QUEUE_QUEUE_INTERNAL_H

#include "queue/orphans.h"
#include "queue/queue.h"

#include <pthread.h>

/** A waiting lease looks at the store this often: another process publishes without waking us. */
#define QUEUE_POLL_MS 1000

/** Times; queue_open() sets them. */
struct queue_timing {
    int64_t lease_ms;       /**< 60 000 */
    int64_t backoff_ms;     /**< before the second attempt, 1000; doubles each time, ± 50 % jitter */
    int64_t backoff_max_ms; /**< 300 000 */
    int64_t stats_ms;       /**< between two readings of the depth for metrics, 5000 */
};

struct jobs_expired;

struct consumer {
    struct queue *queue;
    bool of[QUEUES];
    struct consumer *next;
};

/** The message of a job that a broker delivered. It belongs to the driver. */
struct delivery {
    void (*release)(struct job *job); /**< the job is freed: free this too, and give up an unsettled message */
    struct queue *queue;
    bool settled;
};

/** The outcome of a job, reported after the commit. */
enum queue_outcome {
    QUEUE_JOB_DONE,
    QUEUE_JOB_RETRY, /**< it is in the store, due later */
    QUEUE_JOB_DEAD
};

/** The interface of a driver. A function that is NULL has nothing to do. Called without the queue's lock. */
struct queue_driver {
    int (*open)(struct queue *queue, const struct settings *settings); /**< 0, or -1 after a line in the log */
    void (*close)(struct queue *queue);                                /**< also for one that was only partly opened */
    void (*published)(struct queue *queue, enum queue_name name, unsigned n);
    int (*lease)(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms);
    void (*settled)(struct queue *queue, const struct job *job, enum queue_outcome outcome);
    int (*read_stats)(struct queue *queue, enum queue_name name, struct queue_stats *out);
    int (*check)(struct queue *queue, int timeout_ms);
    void (*clear_up)(struct queue *queue); /**< on the queue's own thread, each stats_ms */
};
extern const struct queue_driver queue_embedded, queue_amqp;

struct queue {
    const struct queue_driver *driver;
    void *broker; /* the driver's own */
    struct store *store;
    int max_attempts;
    struct queue_timing timing;
    int64_t delay_max_ms; /* the longest deliberate delay */
    char owner[OWNER_SIZE];
    struct orphans_suspects suspects; /* used by the queue's own thread only */
    pthread_key_t consumer_key;       /* a thread's struct consumer; its destructor stops counting the thread */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t ready[QUEUES];
    uint64_t wakes[QUEUES]; /* incremented by every wake: a wake between looking and waiting is not lost */
    uint64_t interrupts;    /* incremented by queue_wake: leases return */
    int consumers[QUEUES];
    struct queue_stats read[QUEUES]; /* the last reading of the depths */
    int64_t read_ms[QUEUES];         /* when that was; 0: never */
    struct consumer *all_consumers;
    bool stopping;
    pthread_cond_t stop;
    pthread_t stats_thread;
    bool stats_started;
};

/** pthread_cond_timedwait with a duration. */
void queue_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);
/** Wake one or all threads that wait for a job of this queue. */
void queue_wake_one(struct queue *queue, enum queue_name name, bool all);
/** The beginning of a wait: compared later to notice a wake or an interrupt in between. */
struct queue_mark {
    uint64_t wakes, interrupts;
};
struct queue_mark queue_mark(struct queue *queue, enum queue_name name);
/** Wait up to `ms` for a wake after the mark, which is advanced. @return false: the caller was asked to return. */
bool queue_wait(struct queue *queue, enum queue_name name, int64_t ms, struct queue_mark *mark);
/** Follow the wall clock, and move the times in the rows along. If the store fails, the next call does both. */
void queue_follow_clock(struct queue *queue);
/** Requeue the jobs of dead processes; the store logs a db_error, and the next call tries again. */
void queue_release_orphans(struct queue *queue, struct orphans_suspects *suspects);
/** Count attempts whose lease ended. */
void queue_count_expired(enum queue_name name, const struct jobs_expired *expired);

#endif
