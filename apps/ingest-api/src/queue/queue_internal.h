/* SPDX-License-Identifier: Apache-2.0 */
/** @file queue/queue_internal.h The embedded queue from inside. Private to src/queue. */
#ifndef INGEST_QUEUE_INTERNAL_H
#define INGEST_QUEUE_INTERNAL_H

#include "queue/owner.h"
#include "queue/queue.h"

#include <pthread.h>

struct consumer {
    struct queue *queue;
    bool of[QUEUES];
    struct consumer *next;
};

struct queue {
    struct store *store;
    int max_attempts;
    struct queue_timing timing;
    char owner[OWNER_SIZE];
    pthread_key_t consumer_key; /* a thread's struct consumer; its destructor counts the thread out */

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t ready[QUEUES];
    uint64_t wakes[QUEUES]; /* rises with every wake: one that comes between looking and waiting is not lost */
    uint64_t interrupts;    /* rises with queue_wake: leases return */
    int consumers[QUEUES];
    struct consumer *all_consumers;
    bool stopping;
    pthread_cond_t stop;
    pthread_t stats_thread;
    bool stats_started;
};

/** pthread_cond_timedwait by a duration. */
void queue_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms);

#endif
