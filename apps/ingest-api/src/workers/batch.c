/* SPDX-License-Identifier: Apache-2.0 */
/*
 * If a batch fails, its jobs are repeated one at a time, so that a bad job fails alone. If the store is busy, full
 * or down, that is not a job's fault: the batch waits and tries again, and if that does not help, the jobs wait
 * for the end of their leases.
 */
#include "workers/batch.h"

#include "base/log.h"
#include "metrics/metrics.h"
#include "store/store.h"

#define EXTEND_AFTER_NS (15 * UINT64_C(1000000000))
#define TRIES 20

static bool store_trouble(int rc)
{
    return rc == DB_E_BUSY || rc == DB_E_FULL || rc == DB_E_CONNECTION || rc == DB_E_UNKNOWN;
}

/* A batch of one of the jobs. */
static struct batch only(const struct batch *batch, int i)
{
    struct batch one = *batch;
    one.tasks += i;
    one.leased -= i;
    one.n = 1;
    return one;
}

static void reset(struct task *task, const struct handler *handler)
{
    if (handler->release)
        handler->release(task);
    task->result = TASK_DONE;
    task->error[0] = '\0';
    task->enqueued = 0;
    task->erased = false;
    if (!json_is_object(task->payload))
        (void)task_failed(task, TASK_DEAD, "the payload is not a JSON object");
}

void batch_keep_leases(struct batch *batch)
{
    if (promc_now_ns() - batch->extended_ns < EXTEND_AFTER_NS)
        return;
    (void)queue_extend(batch->worker->app->queue, batch->tasks[0].job, batch->leased);
    batch->extended_ns = promc_now_ns();
}

/* ---- the transactions ---- */

static int load_all(void *arg, struct db *db)
{
    struct batch *batch = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < batch->n; i++)
        if (batch->tasks[i].result == TASK_DONE)
            rc = batch->worker->handler->load(batch->worker, db, &batch->tasks[i]);
    return rc;
}

static int claim_all(void *arg, struct db *db)
{
    struct batch *batch = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < batch->n; i++)
        if (batch->tasks[i].result == TASK_DONE)
            rc = batch->worker->handler->claim(batch->worker, db, &batch->tasks[i], batch->unsure);
    return rc;
}

static int complete(struct db *db, struct task *task)
{
    int rc = queue_complete(db, task->job);
    if (rc != DB_E_CONFLICT || !task->erased)
        return rc;
    task->result = TASK_LEFT; /* deleted with its organisation, or another worker's; the other jobs are not affected */
    return DB_OK;
}

static int finish_all(void *arg, struct db *db)
{
    struct batch *batch = arg;
    const struct handler *handler = batch->worker->handler;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        /* after `act` there is always an outcome to write */
        if (task->result == TASK_DONE || handler->act)
            rc = handler->finish(batch->worker, db, task);
        if (rc == DB_OK && task->result == TASK_DONE)
            rc = complete(db, task);
    }
    return rc;
}

/* The transactions before `act`; if the handler has no `act`, all of them. */
static int begin(struct batch *batch)
{
    struct worker *worker = batch->worker;
    struct store *store = worker->app->store;
    int rc = DB_OK;
    for (int i = 0; i < batch->n; i++)
        reset(&batch->tasks[i], worker->handler);
    worker_forget_campaign(worker); /* read it again: a pause that was acknowledged before must apply to these jobs */
    if (worker->handler->load)
        rc = store_run(store, STORE_MODE_READ, load_all, batch);
    if (rc == DB_OK && worker->handler->claim)
        rc = store_run(store, STORE_MODE_WRITE, claim_all, batch);
    if (rc == DB_OK && !worker->handler->act)
        rc = store_run(store, STORE_MODE_WRITE, finish_all, batch);
    return rc;
}

static int end(struct batch *batch)
{
    return store_run(batch->worker->app->store, STORE_MODE_WRITE, finish_all, batch);
}

static int patiently(struct batch *batch, int (*run)(struct batch *batch))
{
    int rc = run(batch);
    for (int tries = 0; store_trouble(rc) && tries < TRIES && !stop_wanted(batch->worker->stop); tries++) {
        batch->unsure |= rc == DB_E_UNKNOWN;
        stop_pause(batch->worker->stop, tries < 5 ? 200 : 2000);
        rc = run(batch);
    }
    return rc;
}

/* ---- settling ---- */

/* After the commit: count the jobs, and report failures to the queue. */
static void settle(struct batch *batch, uint64_t ns)
{
    struct worker *worker = batch->worker;
    const struct handler *handler = worker->handler;
    for (int i = 0; i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        if (handler->committed)
            handler->committed(worker, task);
        if (task->enqueued > 0)
            queue_published(worker->app->queue, handler->queue, (unsigned)task->enqueued);
        if (task->result == TASK_LEFT)
            continue;
        metrics_queue_processed(handler->queue, task->result == TASK_DONE, ns, task->job->request_id);
        if (task->result == TASK_DONE) {
            queue_done(worker->app->queue, task->job);
            log_debug("job done", "s:component", "worker", "s:reqId", task->job->request_id, "s:jobId", task->job->id,
                      "s:queue", queue_names[handler->queue]);
            continue;
        }
        task_log(task, task->result == TASK_DEAD ? "job failed for good" : "job failed, to be tried again");
        int rc = queue_fail(worker->app->queue, task->job, task->error, task->result == TASK_DEAD);
        if (rc != DB_OK && rc != DB_E_CONFLICT)
            task_log(task, "the job's failure could not be recorded; it is retried when its lease ends");
    }
}

/* The store cannot be used. At a stop we did not wait for it, so the jobs are given back, as if they were not begun. */
static void left_to_their_lease(struct batch *batch, int rc)
{
    if (stop_wanted(batch->worker->stop)) {
        for (int i = 0; i < batch->n; i++)
            batch->tasks[i].unspent = true;
        return;
    }
    log_warn("jobs wait for the end of their lease: the store cannot be used", "s:component", "worker", "s:queue",
             queue_names[batch->worker->handler->queue], "i:jobs", (int64_t)batch->n, "s:error", db_error_name(rc));
}

/* Write the outcome of `act` to the store. */
static void finish(struct batch *batch, uint64_t ns)
{
    int rc = patiently(batch, end);
    if (rc == DB_E_CONFLICT && batch->unsure && batch->n == 1)
        rc = DB_OK; /* the commit whose answer was lost has done it */
    if (rc == DB_OK) {
        settle(batch, ns);
        return;
    }
    for (int i = 0; i < batch->n; i++) {
        struct batch one = only(batch, i);
        if (batch->n > 1 && !store_trouble(rc)) {
            finish(&one, ns);
            continue;
        }
        one.tasks->unspent = false;
        log_warn("a job's outcome could not be recorded; it is retried when its lease ends", "s:component", "worker",
                 "s:reqId", one.tasks->job->request_id, "s:jobId", one.tasks->job->id, "s:error", db_error_name(rc));
    }
}

/* ---- a batch from start to end ---- */

static void failed_to_begin(struct batch *batch, int rc, uint64_t start)
{
    struct task *task = batch->tasks;
    if (rc == DB_E_CONFLICT && !batch->worker->handler->act) { /* another worker has the job now */
        (void)task_failed(task, TASK_RETRY, "the lease was lost");
        task_log(task, "job given up");
        return;
    }
    reset(task, batch->worker->handler); /* what it has done is rolled back and must not be counted */
    (void)task_failed(task, TASK_RETRY, "%s", db_error_name(rc));
    settle(batch, promc_now_ns() - start);
}

static void run(struct batch *batch)
{
    const struct handler *handler = batch->worker->handler;
    uint64_t start = promc_now_ns();
    int rc = patiently(batch, begin);
    if (rc == DB_OK) {
        uint64_t each = (promc_now_ns() - start) / (uint64_t)batch->n;
        for (int i = 0; handler->claimed && i < batch->n; i++)
            handler->claimed(batch->worker, &batch->tasks[i]);
        if (handler->act) {
            batch->unsure = false;
            handler->act(batch->worker, batch);
            each = (promc_now_ns() - start) / (uint64_t)batch->n;
            finish(batch, each);
        } else {
            settle(batch, each);
        }
    } else if (store_trouble(rc)) {
        left_to_their_lease(batch, rc);
    } else if (batch->n == 1) {
        failed_to_begin(batch, rc, start);
    } else {
        for (int i = 0; i < batch->n; i++) {
            struct batch one = only(batch, i);
            run(&one);
        }
    }
}

/* Jobs that nobody has begun, because the service stops. Otherwise a few stops would use up their attempts. */
static void give_back(struct worker *worker, const struct task *tasks, int n)
{
    const struct job *jobs[HANDLER_BATCH_MAX];
    int unspent = 0;
    for (int i = 0; i < n; i++)
        if (tasks[i].unspent)
            jobs[unspent++] = tasks[i].job;
    queue_give_back(worker->app->queue, jobs, unspent);
}

void batch_run(struct worker *worker, struct task *tasks, int n)
{
    uint64_t now = promc_now_ns();
    struct batch batch = {.worker = worker, .began_ns = now, .extended_ns = now};
    int together = worker->handler->together ? worker->handler->together(worker, n) : n;
    int i = 0;
    for (; i < n && !(i > 0 && stop_wanted(worker->stop)); i += together) {
        batch.tasks = &tasks[i];
        batch.leased = n - i;
        batch.n = together < n - i ? together : n - i;
        batch.unsure = false;
        batch_keep_leases(&batch);
        run(&batch);
    }
    for (; i < n; i++)
        tasks[i].unspent = true;
    give_back(worker, tasks, n);
}
