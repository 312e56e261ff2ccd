/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded queue: workers lease the rows directly. */
#include "base/clock.h"
#include "metrics/metrics.h"
#include "queue/jobs.h"
#include "queue/queue_internal.h"
#include "store/store.h"

struct lease_call {
    struct queue *queue;
    enum queue_name name;
    struct job *jobs;
    int max, leased;
    struct jobs_expired expired;
    struct jobs_look look;
};

static int run_look(void *arg, struct db *db)
{
    struct lease_call *call = arg;
    return jobs_look(db, call->name, &call->look);
}

static int run_lease(void *arg, struct db *db)
{
    struct lease_call *call = arg;
    struct queue *queue = call->queue;
    int rc = jobs_lease(db, call->name, &call->look, queue->timing.lease_ms, queue->max_attempts, queue->owner,
                        call->jobs, call->max, &call->expired);
    call->leased = rc > 0 ? rc : 0;
    return rc < 0 ? rc : 0;
}

/* When there is something to do. Jobs that were given to a broker under an earlier QUEUE are taken back at once. */
static int64_t due_ms(const struct jobs_look *look)
{
    int64_t due = look->delayed_ms < look->lease_ms ? look->delayed_ms : look->lease_ms;
    return look->ready_ms != INT64_MAX || look->handed_ms != INT64_MAX ? 0 : due;
}

/*
 * A reader looks first: the writer, and a commit, are used only if something is due.
 * @return how many, or an error; with 0, call->look has the time of the next look.
 */
static int try_lease(struct lease_call *call)
{
    struct store *store = call->queue->store;
    int rc = store_run(store, STORE_MODE_READ, run_look, call);
    if (rc != DB_OK || due_ms(&call->look) > jobs_now_ms())
        return rc;
    call->leased = 0;
    rc = store_run(store, STORE_MODE_WRITE, run_lease, call);
    if (rc != DB_OK) {
        /* jobs were read, but not leased: the commit failed */
        for (int i = 0; i < call->leased; i++)
            job_release(&call->jobs[i]);
        return rc;
    }
    queue_count_expired(call->name, &call->expired);
    return call->leased;
}

static int embedded_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms)
{
    struct lease_call call = {.queue = queue, .name = name, .jobs = jobs, .max = max};
    struct queue_mark mark = queue_mark(queue, name);

    /* Waits at most until the next job is due. */
    uint64_t end = clock_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    for (;;) {
        int n = try_lease(&call);
        uint64_t now = clock_monotonic_ns();
        if (n != 0 || now >= end)
            return n;
        int64_t wait = (int64_t)((end - now) / 1000000u) + 1, due = due_ms(&call.look) - jobs_now_ms();
        if (wait > QUEUE_POLL_MS)
            wait = QUEUE_POLL_MS;
        if (due < wait)
            wait = due > 0 ? due : 1;
        if (!queue_wait(queue, name, wait, &mark))
            return 0;
    }
}

static void embedded_published(struct queue *queue, enum queue_name name, unsigned n)
{
    metrics_queue_messages(name, QUEUE_PUBLISHED, n);
    queue_wake_one(queue, name, n > 1);
}

static void embedded_settled(struct queue *queue, const struct job *job, enum queue_outcome outcome)
{
    if (outcome == QUEUE_JOB_RETRY) /* the waiting thread may have to wait for a shorter time */
        queue_wake_one(queue, job->queue, false);
}

/* ---- statistics ---- */

struct stats_call {
    enum queue_name name;
    struct queue_stats *out;
};

static int run_stats(void *arg, struct db *db)
{
    struct stats_call *call = arg;
    return jobs_stats(db, call->name, call->out);
}

static int embedded_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out)
{
    struct stats_call call = {.name = name, .out = out};
    pthread_mutex_lock(&queue->lock);
    out->consumers = queue->consumers[name];
    pthread_mutex_unlock(&queue->lock);
    return store_run(queue->store, STORE_MODE_READ, run_stats, &call);
}

static int embedded_check(struct queue *queue, int timeout_ms)
{
    struct queue_stats stats = {0};
    struct stats_call call = {.name = (enum queue_name)0, .out = &stats};
    return store_run_within(queue->store, STORE_MODE_READ, timeout_ms, run_stats, &call);
}

const struct queue_driver queue_embedded = {
    .published = embedded_published,
    .lease = embedded_lease,
    .settled = embedded_settled,
    .read_stats = embedded_read_stats,
    .check = embedded_check,
};
