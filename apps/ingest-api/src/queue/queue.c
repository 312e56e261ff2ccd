/* SPDX-License-Identifier: Apache-2.0 */
/* The embedded queue: who waits, who consumes, what is counted. The rows are jobs.c's. */
#include "queue/queue.h"

#include "config/metrics.h"
#include "config/settings.h"
#include "queue/jobs.h"
#include "queue/queue_internal.h"
#include "store/clock.h"
#include "store/store.h"
#include "utils/log.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* Another process (--role=api beside --role=worker) publishes without waking us: look again after this. */
#define POLL_MS 1000

/* --- consumers --- */

static void consumer_unlink(struct consumer *consumer)
{
    struct consumer **link = &consumer->queue->all_consumers;
    while (*link && *link != consumer)
        link = &(*link)->next;
    if (*link)
        *link = consumer->next;
}

static void consumer_ended(void *arg)
{
    struct consumer *consumer = arg;
    struct queue *queue = consumer->queue;
    pthread_mutex_lock(&queue->lock);
    consumer_unlink(consumer);
    for (int i = 0; i < QUEUES; i++)
        queue->consumers[i] -= consumer->of[i];
    pthread_mutex_unlock(&queue->lock);
    free(consumer);
}

/* A thread consumes a queue from its first lease to its end, also while it works on a job. Without memory it goes
 * uncounted. */
static void consumer_attach(struct queue *queue, enum queue_name name)
{
    struct consumer *consumer = pthread_getspecific(queue->consumer_key);
    if (consumer && consumer->of[name])
        return;
    bool fresh = !consumer;
    if (fresh && !(consumer = calloc(1, sizeof *consumer)))
        return;
    consumer->queue = queue;
    consumer->of[name] = true;
    pthread_mutex_lock(&queue->lock);
    queue->consumers[name]++;
    if (fresh) {
        consumer->next = queue->all_consumers;
        queue->all_consumers = consumer;
    }
    pthread_mutex_unlock(&queue->lock);
    if (fresh)
        pthread_setspecific(queue->consumer_key, consumer);
}

/* --- opening and closing --- */

static int recover(void *arg, struct db *db)
{
    struct queue *queue = arg;
    int rc = jobs_release_orphans(db, queue->owner);
    if (rc > 0)
        log_info("jobs of dead workers released", "s:component", "queue", "i:jobs", (int64_t)rc);
    int64_t longest = queue->timing.backoff_max_ms * 3 / 2;
    if (longest < queue->timing.lease_ms)
        longest = queue->timing.lease_ms;
    return rc < 0 ? rc : jobs_clamp(db, jobs_now_ms() + longest);
}

static void init_locks(struct queue *queue)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&queue->lock, NULL);
    pthread_cond_init(&queue->stop, &monotonic);
    for (int i = 0; i < QUEUES; i++)
        pthread_cond_init(&queue->ready[i], &monotonic);
    pthread_condattr_destroy(&monotonic);
}

int queue_open(struct queue **out, const struct settings *settings, struct store *store)
{
    *out = NULL;
    if (*settings->queue_url && strcmp(settings->queue_url, "embedded") != 0) {
        log_error("cannot open the queue: QUEUE must be embedded", "s:component", "queue");
        return -1;
    }
    struct queue *queue = calloc(1, sizeof *queue);
    if (!queue || pthread_key_create(&queue->consumer_key, consumer_ended) != 0) {
        free(queue);
        log_error("cannot open the queue: out of memory or thread keys", "s:component", "queue");
        return -1;
    }
    queue->store = store;
    queue->max_attempts = settings->job_attempts ? (int)settings->job_attempts : 5;
    queue->timing =
        (struct queue_timing){.lease_ms = 60000, .backoff_ms = 1000, .backoff_max_ms = 300000, .stats_ms = 5000};
    owner_self(queue->owner);
    init_locks(queue);
    int rc = store_run(store, STORE_MODE_WRITE, recover, queue);
    if (rc != DB_OK) {
        log_error("cannot open the queue", "s:component", "queue", "s:error", db_error_name(rc));
        queue_close(queue);
        return -1;
    }
    *out = queue;
    return 0;
}

void queue_close(struct queue *queue)
{
    if (!queue)
        return;
    pthread_mutex_lock(&queue->lock);
    queue->stopping = true;
    pthread_cond_broadcast(&queue->stop);
    pthread_mutex_unlock(&queue->lock);
    queue_wake(queue);
    if (queue->stats_started)
        pthread_join(queue->stats_thread, NULL);
    /* From here on a thread that ends does not come back to its struct consumer. */
    pthread_key_delete(queue->consumer_key);
    while (queue->all_consumers) {
        struct consumer *consumer = queue->all_consumers;
        queue->all_consumers = consumer->next;
        free(consumer);
    }
    for (int i = 0; i < QUEUES; i++)
        pthread_cond_destroy(&queue->ready[i]);
    pthread_cond_destroy(&queue->stop);
    pthread_mutex_destroy(&queue->lock);
    free(queue);
}

void queue_set_timing(struct queue *queue, const struct queue_timing *timing)
{
    queue->timing = *timing;
}

/* --- waking and waiting --- */

static void wake(struct queue *queue, enum queue_name name, bool all)
{
    pthread_mutex_lock(&queue->lock);
    queue->wakes[name]++;
    if (all)
        pthread_cond_broadcast(&queue->ready[name]);
    else
        pthread_cond_signal(&queue->ready[name]);
    pthread_mutex_unlock(&queue->lock);
}

void queue_wake(struct queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->interrupts++;
    pthread_mutex_unlock(&queue->lock);
    for (int i = 0; i < QUEUES; i++)
        wake(queue, (enum queue_name)i, true);
}

void queue_published(struct queue *queue, enum queue_name name, unsigned n)
{
    if (n == 0)
        return;
    metrics_queue_messages((int)name, QUEUE_PUBLISHED, n);
    wake(queue, name, n > 1);
}

void queue_consumed(struct queue *queue, enum queue_name name, unsigned n)
{
    (void)queue;
    if (n > 0)
        metrics_queue_messages((int)name, QUEUE_CONSUMED, n);
}

void queue_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    uint64_t until = clock_monotonic_ns() + (uint64_t)ms * 1000000u;
    struct timespec t = {.tv_sec = (time_t)(until / 1000000000u), .tv_nsec = (long)(until % 1000000000u)};
    pthread_cond_timedwait(cond, lock, &t);
}

/* --- lease --- */

struct lease_call {
    struct queue *queue;
    enum queue_name name;
    struct job *jobs;
    int max, leased;
    struct jobs_expired expired;
    int64_t due_ms;
};

static int run_peek(void *arg, struct db *db)
{
    struct lease_call *call = arg;
    return jobs_peek(db, call->name, &call->due_ms);
}

static int run_lease(void *arg, struct db *db)
{
    struct lease_call *call = arg;
    struct queue *queue = call->queue;
    int rc = jobs_lease(db, call->name, queue->timing.lease_ms, queue->max_attempts, queue->owner, call->jobs,
                        call->max, &call->expired);
    call->leased = rc > 0 ? rc : 0;
    return rc < 0 ? rc : 0;
}

static void count_expired(enum queue_name name, const struct jobs_expired *expired)
{
    for (unsigned i = 0; i < expired->retried + expired->dead; i++)
        metrics_queue_failure((int)name, QUEUE_TIMEOUT);
    for (unsigned i = 0; i < expired->retried; i++)
        metrics_queue_retry((int)name);
    for (unsigned i = 0; i < expired->dead; i++)
        metrics_queue_failure((int)name, QUEUE_DEAD_LETTERED);
}

/* A look by a reader first: only when something is due is the writer, and a commit, asked for it.
 * @return how many, or an error; with 0, call->due_ms says when to come again. */
static int try_lease(struct lease_call *call)
{
    struct store *store = call->queue->store;
    int rc = store_run(store, STORE_MODE_READ, run_peek, call);
    if (rc != DB_OK || call->due_ms > jobs_now_ms())
        return rc;
    call->leased = 0;
    rc = store_run(store, STORE_MODE_WRITE, run_lease, call);
    if (rc != DB_OK) {
        /* Leased, but not committed. */
        for (int i = 0; i < call->leased; i++)
            job_release(&call->jobs[i]);
        return rc;
    }
    count_expired(call->name, &call->expired);
    return call->leased;
}

/* Wait for a wake, but not past what is due next. @return false: the caller was asked to come back. */
static bool wait_for_work(struct queue *queue, enum queue_name name, int64_t ms, uint64_t *wakes, uint64_t interrupts)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->wakes[name] == *wakes && queue->interrupts == interrupts && !queue->stopping)
        queue_timed_wait(&queue->ready[name], &queue->lock, ms);
    *wakes = queue->wakes[name];
    bool go_on = queue->interrupts == interrupts && !queue->stopping;
    pthread_mutex_unlock(&queue->lock);
    return go_on;
}

int queue_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms)
{
    struct lease_call call = {.queue = queue, .name = name, .jobs = jobs, .max = max};
    if (name >= QUEUES || max <= 0)
        return DB_E_INVALID;
    consumer_attach(queue, name);
    pthread_mutex_lock(&queue->lock);
    uint64_t wakes = queue->wakes[name], interrupts = queue->interrupts;
    pthread_mutex_unlock(&queue->lock);

    uint64_t end = clock_monotonic_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    for (;;) {
        int n = try_lease(&call);
        uint64_t now = clock_monotonic_ns();
        if (n != 0 || now >= end)
            return n;
        int64_t wait = (int64_t)((end - now) / 1000000u) + 1, due = call.due_ms - jobs_now_ms();
        if (wait > POLL_MS)
            wait = POLL_MS;
        if (due < wait)
            wait = due > 0 ? due : 1;
        if (!wait_for_work(queue, name, wait, &wakes, interrupts))
            return 0;
    }
}

/* --- outcomes --- */

struct jobs_call {
    struct queue *queue;
    const struct job *jobs;
    int n;
    const char *error;
    bool dead;
    int64_t delay_ms;
};

static int run_extend(void *arg, struct db *db)
{
    struct jobs_call *call = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < call->n; i++)
        rc = jobs_extend(db, &call->jobs[i], call->queue->timing.lease_ms);
    return rc;
}

int queue_extend(struct queue *queue, const struct job *jobs, int n)
{
    struct jobs_call call = {.queue = queue, .jobs = jobs, .n = n};
    return store_run(queue->store, STORE_MODE_WRITE, run_extend, &call);
}

static int run_fail(void *arg, struct db *db)
{
    struct jobs_call *call = arg;
    return jobs_fail(db, call->jobs, call->error, call->dead, call->delay_ms);
}

/* Doubles with each attempt; ± 50 % so that jobs that failed together do not come back together. */
static int64_t backoff(const struct queue_timing *timing, int attempt)
{
    int64_t delay = timing->backoff_ms;
    for (int i = 1; i < attempt && delay < timing->backoff_max_ms; i++)
        delay *= 2;
    if (delay > timing->backoff_max_ms)
        delay = timing->backoff_max_ms;
    uint32_t random = 0x80000000u;
    if (getrandom(&random, sizeof random, GRND_NONBLOCK) != (ssize_t)sizeof random)
        random = 0x80000000u;
    return delay / 2 + (int64_t)((double)delay * ((double)random / 4294967296.0));
}

int queue_fail(struct queue *queue, const struct job *job, const char *error, bool permanent)
{
    struct jobs_call call = {
        .queue = queue,
        .jobs = job,
        .n = 1,
        .error = error,
        .dead = permanent || job->attempt >= queue->max_attempts,
        .delay_ms = backoff(&queue->timing, job->attempt),
    };
    int rc = store_run(queue->store, STORE_MODE_WRITE, run_fail, &call);
    if (rc != DB_OK)
        return rc;
    metrics_queue_failure((int)job->queue, permanent ? QUEUE_REJECTED : QUEUE_ERROR);
    if (call.dead) {
        metrics_queue_failure((int)job->queue, QUEUE_DEAD_LETTERED);
    } else {
        metrics_queue_retry((int)job->queue);
        wake(queue, job->queue, false); /* who waits may have to wait for less */
    }
    return DB_OK;
}

/* --- statistics --- */

struct stats_call {
    enum queue_name name;
    struct queue_stats *out;
};

static int run_stats(void *arg, struct db *db)
{
    struct stats_call *call = arg;
    return jobs_stats(db, call->name, call->out);
}

int queue_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out)
{
    struct stats_call call = {.name = name, .out = out};
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&queue->lock);
    out->consumers = queue->consumers[name];
    pthread_mutex_unlock(&queue->lock);
    return store_run(queue->store, STORE_MODE_READ, run_stats, &call);
}

int queue_check(struct queue *queue, int timeout_ms)
{
    struct queue_stats stats = {0};
    struct stats_call call = {.name = (enum queue_name)0, .out = &stats};
    return store_run_within(queue->store, STORE_MODE_READ, timeout_ms, run_stats, &call);
}
