/* SPDX-License-Identifier: Apache-2.0 */
/* What all queues share: waiting, consumers, counters. jobs.c has the rows; a driver carries jobs to the workers. */
#include "queue/queue.h"

#include "base/backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "metrics/metrics.h"
#include "queue/jobs.h"
#include "queue/queue_internal.h"
#include "store/store.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* ---- consumers ---- */

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

/*
 * A thread consumes a queue from its first lease to its end, also while it works on a job.
 * Without memory it is not counted.
 */
static void consumer_attach(struct queue *queue, enum queue_name name)
{
    struct consumer *consumer = pthread_getspecific(queue->consumer_key);
    if (consumer && consumer->of[name])
        return;
    bool fresh = !consumer;
    if (fresh && !(consumer = calloc(1, sizeof(*consumer))))
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

/* ---- opening and closing ---- */

static int recover(void *arg, struct db *db)
{
    struct queue *queue = arg;
    int64_t now = jobs_now_ms(), longest = queue->timing.backoff_max_ms * 3 / 2;
    if (longest < queue->timing.lease_ms)
        longest = queue->timing.lease_ms;
    return jobs_clamp(db, now + (longest > queue->delay_max_ms ? longest : queue->delay_max_ms), now + longest);
}

static void init_locks(struct queue *queue)
{
    pthread_mutex_init(&queue->lock, NULL);
    clock_cond_init(&queue->stop);
    for (int i = 0; i < QUEUES; i++)
        clock_cond_init(&queue->ready[i]);
}

/* The driver of QUEUE, or NULL after a line in the log. */
static const struct queue_driver *choose_driver(const char *url)
{
    enum queue_backend backend = backend_of_queue(url);
    if (backend == QUEUE_IS_EMBEDDED)
        return &queue_embedded;
#ifdef INGEST_AMQP
    if (backend != QUEUE_IS_INVALID)
        return &queue_amqp;
    log_error("cannot open the queue: QUEUE must be embedded or amqp://…", "s:component", "queue");
#else
    log_error("cannot open the queue: QUEUE must be embedded (built without librabbitmq)", "s:component", "queue");
#endif
    return NULL;
}

int queue_open(struct queue **out, const struct settings *settings, struct store *store)
{
    const struct queue_driver *driver = choose_driver(settings->queue_url);
    *out = NULL;
    if (!driver)
        return -1;
    struct queue *queue = calloc(1, sizeof(*queue));
    if (!queue || pthread_key_create(&queue->consumer_key, consumer_ended) != 0) {
        free(queue);
        log_error("cannot open the queue: out of memory or thread keys", "s:component", "queue");
        return -1;
    }
    queue->driver = driver;
    queue->store = store;
    queue->max_attempts = settings->job_attempts ? (int)settings->job_attempts : 5;
    queue->timing =
        (struct queue_timing){.lease_ms = 60000, .backoff_ms = 1000, .backoff_max_ms = 300000, .stats_ms = 5000};
    unsigned delay_max_s = settings->mail_retry_max_s > settings->validation_delay_s ? settings->mail_retry_max_s
                                                                                     : settings->validation_delay_s;
    queue->delay_max_ms = (int64_t)delay_max_s * 1000;
    owner_self(queue->owner);
    init_locks(queue);
    int rc = store_run(store, STORE_MODE_WRITE, recover, queue);
    if (rc != DB_OK) {
        log_error("cannot open the queue", "s:component", "queue", "s:error", db_error_name(rc));
        queue_close(queue);
        return -1;
    }
    queue_release_orphans(queue, NULL);
    if (driver->open && driver->open(queue, settings) < 0) {
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
    if (queue->driver->close)
        queue->driver->close(queue);
    /* From here on a thread that ends does not touch its struct consumer. */
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

/* ---- waking and waiting ---- */

void queue_wake_one(struct queue *queue, enum queue_name name, bool all)
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
        queue_wake_one(queue, (enum queue_name)i, true);
}

int64_t queue_now_ms(void)
{
    return jobs_now_ms();
}

void queue_published(struct queue *queue, enum queue_name name, unsigned n)
{
    if (n > 0)
        queue->driver->published(queue, name, n);
}

void queue_timed_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ms)
{
    (void)clock_cond_wait(cond, lock, clock_monotonic_ns() + (uint64_t)ms * 1000000u);
}

struct queue_mark queue_mark(struct queue *queue, enum queue_name name)
{
    pthread_mutex_lock(&queue->lock);
    struct queue_mark mark = {queue->wakes[name], queue->interrupts};
    pthread_mutex_unlock(&queue->lock);
    return mark;
}

bool queue_wait(struct queue *queue, enum queue_name name, int64_t ms, struct queue_mark *mark)
{
    pthread_mutex_lock(&queue->lock);
    if (queue->wakes[name] == mark->wakes && queue->interrupts == mark->interrupts && !queue->stopping)
        queue_timed_wait(&queue->ready[name], &queue->lock, ms);
    mark->wakes = queue->wakes[name];
    bool go_on = queue->interrupts == mark->interrupts && !queue->stopping;
    pthread_mutex_unlock(&queue->lock);
    return go_on;
}

int queue_lease(struct queue *queue, enum queue_name name, struct job *jobs, int max, int timeout_ms)
{
    if (name >= QUEUES || max <= 0)
        return DB_E_INVALID;
    consumer_attach(queue, name);
    return queue->driver->lease(queue, name, jobs, max, timeout_ms);
}

/* ---- outcomes ---- */

struct jobs_call {
    struct queue *queue;
    const struct job *jobs;
    int n;
    const char *error;
    bool dead, lost;
    unsigned in_doubt;
    int64_t delay_ms;
};

/* A lost lease must not keep the others from being renewed. */
static int run_extend(void *arg, struct db *db)
{
    struct jobs_call *call = arg;
    int rc = DB_OK;
    call->lost = false;
    for (int i = 0; rc == DB_OK && i < call->n; i++) {
        rc = jobs_extend(db, &call->jobs[i], call->queue->timing.lease_ms);
        call->lost |= rc == DB_E_CONFLICT;
        rc = rc == DB_E_CONFLICT ? DB_OK : rc;
    }
    return rc;
}

int queue_extend(struct queue *queue, const struct job *jobs, int n)
{
    struct jobs_call call = {.queue = queue, .jobs = jobs, .n = n};
    int rc = store_run(queue->store, STORE_MODE_WRITE, run_extend, &call);
    return rc == DB_OK && call.lost ? DB_E_CONFLICT : rc;
}

static int run_fail(void *arg, struct db *db)
{
    struct jobs_call *call = arg;
    call->in_doubt = 0;
    return call->dead ? jobs_bury(db, call->jobs, call->error, &call->in_doubt)
                      : jobs_retry(db, call->jobs, call->error, call->delay_ms);
}

/* Doubles with each attempt; ± 50 % so that jobs that failed together are not retried together. */
static int64_t backoff(const struct queue_timing *timing, int attempt)
{
    int64_t delay = timing->backoff_ms;
    for (int i = 1; i < attempt && delay < timing->backoff_max_ms; i++)
        delay *= 2;
    if (delay > timing->backoff_max_ms)
        delay = timing->backoff_max_ms;
    uint32_t random = 0x80000000u;
    if (getrandom(&random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
        random = 0x80000000u;
    return delay / 2 + (int64_t)((double)delay * ((double)random / 4294967296.0));
}

/* E-mails whose jobs are dead letters now (bury.h). */
static void count_in_doubt(unsigned emails)
{
    for (unsigned i = 0; i < emails; i++) {
        metrics_email_attempt(ATTEMPT_IN_DOUBT);
        metrics_email_fate(FATE_IN_DOUBT);
    }
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
    metrics_queue_failure(job->queue, permanent ? QUEUE_REJECTED : QUEUE_ERROR);
    if (call.dead)
        metrics_queue_failure(job->queue, QUEUE_DEAD_LETTERED);
    else
        metrics_queue_retry(job->queue);
    count_in_doubt(call.in_doubt);
    queue->driver->settled(queue, job, call.dead ? QUEUE_JOB_DEAD : QUEUE_JOB_RETRY);
    return DB_OK;
}

struct give_back_call {
    struct queue *queue;
    const struct job *const *jobs;
    int n;
};

static int run_give_back(void *arg, struct db *db)
{
    struct give_back_call *call = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < call->n; i++)
        rc = jobs_give_back(db, call->jobs[i], call->queue->owner);
    return rc;
}

void queue_give_back(struct queue *queue, const struct job *const *jobs, int n)
{
    struct give_back_call call = {queue, jobs, n};
    if (n == 0 || store_run(queue->store, STORE_MODE_WRITE, run_give_back, &call) != DB_OK)
        return;
    for (int i = 0; i < n; i++)
        queue->driver->settled(queue, jobs[i], QUEUE_JOB_RETRY);
}

void queue_done(struct queue *queue, const struct job *job)
{
    metrics_queue_messages(job->queue, QUEUE_CONSUMED, 1);
    queue->driver->settled(queue, job, QUEUE_JOB_DONE);
}

void queue_count_expired(enum queue_name name, const struct jobs_expired *expired)
{
    for (unsigned i = 0; i < expired->retried + expired->dead; i++)
        metrics_queue_failure(name, QUEUE_TIMEOUT);
    for (unsigned i = 0; i < expired->retried; i++)
        metrics_queue_retry(name);
    for (unsigned i = 0; i < expired->dead; i++)
        metrics_queue_failure(name, QUEUE_DEAD_LETTERED);
    count_in_doubt(expired->in_doubt);
}

/* ---- statistics ---- */

int queue_read_stats(struct queue *queue, enum queue_name name, struct queue_stats *out)
{
    memset(out, 0, sizeof(*out));
    return queue->driver->read_stats(queue, name, out);
}

int queue_check(struct queue *queue, int timeout_ms)
{
    return queue->driver->check(queue, timeout_ms);
}
