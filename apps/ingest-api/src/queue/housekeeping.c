/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue's own thread: publishes the depth, requeues the jobs of dead workers, follows changes of the wall clock,
 * and deletes finished jobs.
 */
#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "queue/jobs.h"
#include "queue/outbox.h"
#include "queue/queue_internal.h"
#include "queue/why.h"
#include "store/store.h"

#include <sys/prctl.h>

#define KEY_RETENTION_MS (24 * 3600 * 1000LL)
#define ORPHANS_EVERY_MS 1000
#define FORGET_AT_ONCE 1000 /* rows in one transaction, which stays short so that others get their turn */

static void publish_stats(struct queue *queue)
{
    for (int i = 0; i < QUEUES; i++) {
        struct queue_stats stats;
        if (store_reaches_all(queue->store) && queue_read_stats(queue, (enum queue_name)i, &stats) == DB_OK) {
            metrics_queue_depth((enum queue_name)i, stats.depth, stats.oldest_age_ms, stats.consumers);
            queue_note_stats(queue, (enum queue_name)i, &stats);
        } else {
            metrics_queue_depth_stale((enum queue_name)i);
        }
    }
}

struct shift {
    struct queue *queue;
    int64_t jump_ms;
};

/* The clock is moved in the transaction, so that a lease of another one has its time from before or from after it. */
static int run_shift(void *arg, struct db *db)
{
    struct shift *shift = arg;
    char relay[OWNER_SIZE];
    shift->jump_ms = jobs_clock_follow(clock_wall_ms());
    if (shift->jump_ms > 0)
        return jobs_clock_forward(db, shift->jump_ms, shift->queue->timing.lease_ms);
    outbox_relay_owner(shift->queue->owner, relay);
    int rc = jobs_shift_leases(db, shift->queue->owner, shift->jump_ms);
    if (rc == DB_OK)
        rc = jobs_shift_leases(db, relay, shift->jump_ms);
    return rc == DB_OK ? jobs_clock_back(db, shift->queue->timing.backoff_ms, shift->queue->timing.backoff_max_ms) : rc;
}

/* The system's clock was changed: the times in the rows move with it, otherwise jobs would wait for it to catch up. */
void queue_follow_clock(struct queue *queue)
{
    struct shift shift = {.queue = queue};
    if (jobs_clock_jump(clock_wall_ms()) == 0)
        return;
    int rc = store_run(queue->store, STORE_MODE_WRITE, run_shift, &shift);
    if (rc != DB_OK && rc != DB_E_UNKNOWN) {
        jobs_clock_move(-shift.jump_ms); /* as in the rows, until the next call */
        return;
    }
    log_warn("the clock was changed", "s:component", "queue", "i:jumpMs", shift.jump_ms);
    queue_wake(queue);
}

struct orphans_call {
    struct queue *queue;
    struct orphans_suspects *suspects;
    struct orphans found;
    int released;
};

static int run_find(void *arg, struct db *db)
{
    struct orphans_call *call = arg;
    return orphans_find(db, call->queue->owner, call->suspects, &call->found);
}

static int run_release(void *arg, struct db *db)
{
    struct orphans_call *call = arg;
    call->released = orphans_release(db, &call->found, call->queue->max_attempts);
    return call->released < 0 ? call->released : 0;
}

/* A reader looks first: the writer is used only if there are some. */
void queue_release_orphans(struct queue *queue, struct orphans_suspects *suspects)
{
    struct orphans_call call = {.queue = queue, .suspects = suspects};
    if (store_run(queue->store, STORE_MODE_READ, run_find, &call) != DB_OK || call.found.n == 0 ||
        store_run(queue->store, STORE_MODE_WRITE, run_release, &call) != DB_OK || call.released == 0)
        return;
    log_info("jobs of dead workers requeued", "s:component", "queue", "i:jobs", (int64_t)call.released);
    for (int i = 0; i < QUEUES; i++)
        queue_wake_one(queue, (enum queue_name)i, true);
}

static int run_forget(void *arg, struct db *db)
{
    int *forgotten = arg;
    *forgotten = jobs_forget(db, jobs_now_ms() - KEY_RETENTION_MS, FORGET_AT_ONCE);
    return *forgotten < 0 ? *forgotten : 0;
}

/* If something fails here, for example because the disk is full, the next run tries it again. */
static void clear_up(struct queue *queue)
{
    int forgotten;
    queue_follow_clock(queue);
    do
        forgotten = 0;
    while (store_run(queue->store, STORE_MODE_WRITE, run_forget, &forgotten) == DB_OK && forgotten == FORGET_AT_ONCE);
    if (queue->driver->clear_up)
        queue->driver->clear_up(queue);
}

static void *stats_main(void *arg)
{
    struct queue *queue = arg;
    int64_t wait_ms = 0;
    prctl(PR_SET_NAME, "queue-stats");
    pthread_mutex_lock(&queue->lock);
    for (int64_t due_ms = 0; !queue->stopping; due_ms -= wait_ms) {
        pthread_mutex_unlock(&queue->lock);
        queue_release_orphans(queue, &queue->suspects);
        if (due_ms <= 0) {
            publish_stats(queue);
            clear_up(queue);
            due_ms = queue->timing.stats_ms;
        }
        wait_ms = due_ms < ORPHANS_EVERY_MS ? due_ms : ORPHANS_EVERY_MS;
        pthread_mutex_lock(&queue->lock);
        if (!queue->stopping)
            queue_timed_wait(&queue->stop, &queue->lock, wait_ms);
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
