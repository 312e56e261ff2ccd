/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/workers.h"
#include "base/app.h"
#include "base/log.h"
#include "base/settings.h"
#include "mail/mailer.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "workers/batch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define LEASE_WAIT_MS 1000 /* also delays a stop by this much at most, if it comes between the check and the wait */
#define BATCH_NS UINT64_C(1000000000)

struct workers {
    struct app *app;
    struct stop stop;
    size_t thread_count, started;
    pthread_t *threads;
    struct worker *each; /* one for each thread */
};

/* ---- jobs ---- */

static void process(struct worker *worker, struct job *jobs, int n)
{
    const struct handler *handler = worker->handler;
    struct task *tasks = calloc((size_t)n, sizeof(*tasks));

    for (int i = 0; tasks && i < n; i++) {
        tasks[i].job = &jobs[i];
        tasks[i].payload = jobs[i].payload ? json_loads(jobs[i].payload, 0, NULL) : NULL;
    }
    if (tasks) /* else, without memory, the jobs are delivered again when their leases end */
        batch_run(worker, tasks, n);
    for (int i = 0; i < n; i++) {
        if (tasks && handler->release)
            handler->release(&tasks[i]);
        if (tasks)
            json_decref(tasks[i].payload);
        job_release(&jobs[i]);
    }
    free(tasks);
}

/*
 * The size of the next batch: as many jobs as take about BATCH_NS, so that a new organisation does not wait a minute
 * for another's batch. It at most doubles from batch to batch, beginning with one job.
 */
static int next_batch(const struct handler *handler, int n, uint64_t took_ns)
{
    uint64_t fits = BATCH_NS / (took_ns / (uint64_t)n + 1);
    uint64_t most = (uint64_t)(2 * n < handler->batch ? 2 * n : handler->batch);
    return fits < 1 ? 1 : (int)(fits < most ? fits : most);
}

static void *work(void *arg)
{
    struct worker *worker = arg;
    const struct handler *handler = worker->handler;
    struct job jobs[HANDLER_BATCH_MAX];
    int last_error = DB_OK, batch = 1;

    while (!stop_wanted(worker->stop)) {
        int n = queue_lease(worker->app->queue, handler->queue, jobs, batch, LEASE_WAIT_MS);
        uint64_t start = promc_now_ns();
        if (n > 0) {
            process(worker, jobs, n);
            batch = next_batch(handler, n, promc_now_ns() - start);
        }
        if (n < 0 && n != last_error)
            log_warn("no jobs can be leased", "s:component", "worker", "s:queue", queue_names[handler->queue],
                     "s:error", db_error_name(n));
        if (n < 0)
            stop_pause(worker->stop, 500);
        last_error = n < 0 ? n : DB_OK;
    }
    worker_forget_campaign(worker);
    return NULL;
}

/* ---- start and stop ---- */

static int start_threads(struct workers *workers)
{
    static const struct handler *const handlers[] = {&validate_handler, &research_handler, &draft_handler,
                                                     &send_handler};

    for (size_t i = 0; i < workers->thread_count; i++) {
        struct worker *worker = &workers->each[i];
        *worker = (struct worker){.stop = &workers->stop, .app = workers->app, .handler = handlers[i % QUEUES]};
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
    return 0;
}

int workers_start(struct workers **out, struct app *app)
{
    struct workers *workers = calloc(1, sizeof(*workers));

    *out = NULL;
    if (!workers) {
        log_error("out of memory", "s:component", "worker");
        return -1;
    }
    stop_init(&workers->stop);
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
    stop_now(&workers->stop);
    queue_wake(workers->app->queue);
    for (size_t i = 0; i < workers->started; i++) {
        pthread_join(workers->threads[i], NULL);
        mailer_session_close(workers->each[i].session);
    }
    stop_destroy(&workers->stop);
    free(workers->threads);
    free(workers->each);
    free(workers);
}
