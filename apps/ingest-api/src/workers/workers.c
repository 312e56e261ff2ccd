/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/workers.h"
#include "app.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "mail/mailer.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "workers/task.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_WAIT_MS 1000 /* also how long a stop may take that comes between looking at `stopping` and waiting */
#define GAUGES_EVERY_MS 5000

struct workers {
    struct app *app;
    pthread_mutex_t lock; /* guards stopping */
    pthread_cond_t stop;
    bool stopping;
    size_t thread_count, started;
    pthread_t *threads;
    struct worker *each; /* one a thread */
    pthread_t gauges;
    bool gauges_started;
};

bool workers_stopping(const struct workers *workers)
{
    return __atomic_load_n(&workers->stopping, __ATOMIC_ACQUIRE);
}

void workers_pause(struct workers *workers, int ms)
{
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)ms * 1000000u;

    pthread_mutex_lock(&workers->lock);
    while (!workers->stopping && clock_cond_wait(&workers->stop, &workers->lock, until_ns) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&workers->lock);
}

/* ---- jobs ---- */

static void process(struct worker *worker, struct job *jobs, int n)
{
    const struct handler *handler = worker->handler;
    struct task *tasks = calloc((size_t)n, sizeof(*tasks));

    for (int i = 0; tasks && i < n; i++) {
        tasks[i].job = &jobs[i];
        tasks[i].payload = jobs[i].payload ? json_loads(jobs[i].payload, 0, NULL) : NULL;
    }
    if (tasks && handler->process)
        handler->process(worker, tasks, n);
    else if (tasks)
        batch_process(worker, tasks, n);
    for (int i = 0; i < n; i++) {
        if (tasks && handler->release)
            handler->release(&tasks[i]);
        if (tasks)
            json_decref(tasks[i].payload);
        job_release(&jobs[i]);
    }
    free(tasks);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    struct workers *workers = worker->workers;
    struct job jobs[TASK_BATCH_MAX];
    int last_error = DB_OK;

    while (!workers_stopping(workers)) {
        int n = queue_lease(worker->app->queue, worker->handler->queue, jobs, worker->handler->batch, LEASE_WAIT_MS);
        if (n > 0)
            process(worker, jobs, n);
        if (n < 0 && n != last_error)
            log_warn("no jobs can be leased", "s:component", "worker", "s:queue", queue_names[worker->handler->queue],
                     "s:error", db_error_name(n));
        if (n < 0)
            workers_pause(workers, 500);
        last_error = n < 0 ? n : DB_OK;
    }
    worker_forget_campaign(worker);
    return NULL;
}

/* ---- the gauge ---- */

static void set_active(void *arg, const char *organisation_id, int64_t active)
{
    (void)arg;
    metrics_active_campaigns(organisation_id, active);
}

static int read_active(void *arg, struct db *db)
{
    return campaigns_active_counts(db, set_active, arg);
}

/* The campaigns are shared by all replicas: each worker reads them, none relies on what passed through itself. */
static void *refresh_gauges(void *arg)
{
    struct workers *workers = arg;

    while (!workers_stopping(workers)) {
        (void)store_run(workers->app->store, STORE_MODE_READ, read_active, NULL);
        workers_pause(workers, GAUGES_EVERY_MS);
    }
    return NULL;
}

/* ---- life ---- */

static int start_threads(struct workers *workers)
{
    static const struct handler *const handlers[] = {&validate_handler, &research_handler, &draft_handler,
                                                     &send_handler};

    for (size_t i = 0; i < workers->thread_count; i++) {
        struct worker *worker = &workers->each[i];
        *worker = (struct worker){.workers = workers, .app = workers->app, .handler = handlers[i % QUEUES]};
        if (worker->handler == &send_handler && !(worker->session = mailer_session_open(workers->app->mailer))) {
            log_error("a mailer session cannot be opened", "s:component", "worker");
            return -1;
        }
        if (pthread_create(&workers->threads[i], NULL, work, worker) != 0) {
            mailer_session_close(worker->session);
            worker->session = NULL;
            log_error("a worker thread cannot be started", "s:component", "worker");
            return -1;
        }
        workers->started++;
    }
    if (pthread_create(&workers->gauges, NULL, refresh_gauges, workers) != 0) {
        log_error("a worker thread cannot be started", "s:component", "worker");
        return -1;
    }
    workers->gauges_started = true;
    return 0;
}

static void init_lock(struct workers *workers)
{
    pthread_mutex_init(&workers->lock, NULL);
    clock_cond_init(&workers->stop);
}

int workers_start(struct workers **out, struct app *app)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    *out = NULL;
    if (!workers) {
        log_error("out of memory", "s:component", "worker");
        return -1;
    }
    init_lock(workers);
    workers->app = app;
    workers->thread_count = (size_t)app->settings->worker_threads * QUEUES;
    workers->threads = calloc(workers->thread_count, sizeof(*workers->threads));
    workers->each = calloc(workers->thread_count, sizeof(*workers->each));
    if (!workers->threads || !workers->each)
        log_error("out of memory", "s:component", "worker");
    else if (start_threads(workers) == 0) {
        *out = workers;
        return 0;
    }
    workers_stop(workers);
    return -1;
}

void workers_stop(struct workers *workers)
{
    if (!workers)
        return;
    pthread_mutex_lock(&workers->lock);
    __atomic_store_n(&workers->stopping, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&workers->stop);
    pthread_mutex_unlock(&workers->lock);
    queue_wake(workers->app->queue);
    for (size_t i = 0; i < workers->started; i++) {
        pthread_join(workers->threads[i], NULL);
        mailer_session_close(workers->each[i].session);
    }
    if (workers->gauges_started)
        pthread_join(workers->gauges, NULL);
    pthread_cond_destroy(&workers->stop);
    pthread_mutex_destroy(&workers->lock);
    free(workers->threads);
    free(workers->each);
    free(workers);
}
