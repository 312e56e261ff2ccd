/* SPDX-License-Identifier: Apache-2.0 */
/* The queue's own thread: publishes the depth, and clears up behind dead workers, set clocks and finished jobs. */
#include "config/metrics.h"
#include "queue/jobs.h"
#include "queue/queue_internal.h"
#include "store/store.h"
#include "utils/log.h"

#include <sys/prctl.h>

#define KEY_RETENTION_MS (24 * 3600 * 1000LL)
#define FORGET_AT_ONCE 1000 /* a short transaction each, between which others get their turn */

static void publish_stats(struct queue *queue)
{
    for (int i = 0; i < QUEUES; i++) {
        struct queue_stats stats;
        if (queue_read_stats(queue, (enum queue_name)i, &stats) == DB_OK)
            metrics_queue_depth(i, stats.depth, stats.oldest_age_ms, stats.consumers);
        else
            metrics_queue_depth_stale(i);
    }
}

struct shift {
    struct queue *queue;
    int64_t jump_ms;
};

static int run_shift(void *arg, struct db *db)
{
    struct shift *shift = arg;
    return jobs_shift(db, shift->queue->owner, shift->jump_ms);
}

/* The system's clock was set: the times in the rows move along, or jobs would wait for it to catch up. */
static void follow_clock(struct queue *queue)
{
    struct shift shift = {.queue = queue, .jump_ms = jobs_clock_follow()};
    if (shift.jump_ms == 0)
        return;
    log_warn("the clock was set", "s:component", "queue", "i:jumpMs", shift.jump_ms);
    if (store_run(queue->store, STORE_MODE_WRITE, run_shift, &shift) == DB_OK)
        queue_wake(queue);
}

static int run_orphans(void *arg, struct db *db)
{
    struct queue *queue = arg;
    int n = jobs_release_orphans(db, queue->owner);
    if (n > 0)
        log_info("jobs of dead workers released", "s:component", "queue", "i:jobs", (int64_t)n);
    return n < 0 ? n : 0;
}

static int run_forget(void *arg, struct db *db)
{
    int *forgotten = arg;
    *forgotten = jobs_forget(db, jobs_now_ms() - KEY_RETENTION_MS, FORGET_AT_ONCE);
    return *forgotten < 0 ? *forgotten : 0;
}

/* What fails here (the disk is full) is tried again the next time. */
static void clear_up(struct queue *queue)
{
    int forgotten;
    follow_clock(queue);
    store_run(queue->store, STORE_MODE_WRITE, run_orphans, queue);
    do
        forgotten = 0;
    while (store_run(queue->store, STORE_MODE_WRITE, run_forget, &forgotten) == DB_OK && forgotten == FORGET_AT_ONCE);
    if (queue->driver->clear_up)
        queue->driver->clear_up(queue);
}

static void *stats_main(void *arg)
{
    struct queue *queue = arg;
    prctl(PR_SET_NAME, "queue-stats");
    pthread_mutex_lock(&queue->lock);
    while (!queue->stopping) {
        pthread_mutex_unlock(&queue->lock);
        publish_stats(queue);
        clear_up(queue);
        pthread_mutex_lock(&queue->lock);
        if (!queue->stopping)
            queue_timed_wait(&queue->stop, &queue->lock, queue->timing.stats_ms);
    }
    pthread_mutex_unlock(&queue->lock);
    return NULL;
}

int queue_start_stats(struct queue *queue)
{
    if (queue->stats_started)
        return 0;
    if (pthread_create(&queue->stats_thread, NULL, stats_main, queue) != 0) {
        log_error("cannot start the queue's thread", "s:component", "queue");
        return -1;
    }
    queue->stats_started = true;
    return 0;
}
