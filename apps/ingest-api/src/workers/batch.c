/* SPDX-License-Identifier: Apache-2.0 */
#include "app.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "store/store.h"
#include "workers/task.h"

struct batch {
    struct worker *worker;
    struct task *tasks;
    int n;
};

static void reset(struct task *task, const struct handler *handler)
{
    if (handler->release)
        handler->release(task);
    task->result = TASK_DONE;
    task->error[0] = '\0';
    if (!json_is_object(task->payload))
        (void)task_failed(task, TASK_DEAD, "the payload is not a JSON object");
}

static int load_all(void *arg, struct db *db)
{
    struct batch *batch = arg;
    int rc = DB_OK;

    for (int i = 0; rc == DB_OK && i < batch->n; i++) {
        if (batch->tasks[i].result == TASK_DONE)
            rc = batch->worker->handler->load(batch->worker, db, &batch->tasks[i]);
    }
    return rc;
}

static int run_all(void *arg, struct db *db)
{
    struct batch *batch = arg;
    int rc = DB_OK;

    for (int i = 0; rc == DB_OK && i < batch->n; i++) {
        struct task *task = &batch->tasks[i];
        if (task->result == TASK_DONE)
            rc = batch->worker->handler->run(batch->worker, db, task);
        if (rc == DB_OK && task->result == TASK_DONE)
            rc = queue_complete(db, task->job);
    }
    return rc;
}

bool batch_store_trouble(int rc)
{
    return rc == DB_E_BUSY || rc == DB_E_FULL || rc == DB_E_CONNECTION || rc == DB_E_UNKNOWN;
}

static void log_task(const struct task *task, const char *message)
{
    log_warn(message, "s:component", "worker", "s:reqId", task->job->request_id, "s:jobId", task->job->id, "s:queue",
             queue_names[task->job->queue], "i:attempt", (int64_t)task->job->attempt, "s:error", task->error);
}

void batch_finish(struct worker *worker, struct task *tasks, int n, uint64_t ns)
{
    const struct handler *handler = worker->handler;

    for (int i = 0; i < n; i++) {
        struct task *task = &tasks[i];
        metrics_queue_processed(handler->queue, task->result == TASK_DONE, ns, task->job->request_id);
        if (task->result == TASK_DONE) {
            queue_done(worker->app->queue, task->job);
            if (handler->committed)
                handler->committed(worker, task);
            log_debug("job done", "s:component", "worker", "s:reqId", task->job->request_id, "s:jobId", task->job->id,
                      "s:queue", queue_names[handler->queue]);
            continue;
        }
        log_task(task, task->result == TASK_DEAD ? "job failed for good" : "job failed, to be tried again");
        int rc = queue_fail(worker->app->queue, task->job, task->error, task->result == TASK_DEAD);
        if (rc != DB_OK && rc != DB_E_CONFLICT)
            log_task(task, "the job's failure could not be recorded; it comes back when its lease ends");
    }
}

static int attempt(struct worker *worker, struct task *tasks, int n)
{
    struct store *store = worker->app->store;
    struct batch batch = {worker, tasks, n};
    int rc = DB_OK;

    for (int i = 0; i < n; i++)
        reset(&tasks[i], worker->handler);
    worker_forget_campaign(worker);
    if (worker->handler->load)
        rc = store_run(store, STORE_MODE_READ, load_all, &batch);
    return rc == DB_OK ? store_run(store, STORE_MODE_WRITE, run_all, &batch) : rc;
}

void batch_process(struct worker *worker, struct task *tasks, int n)
{
    uint64_t start = promc_now_ns();
    int rc = attempt(worker, tasks, n);

    for (int tries = 0; batch_store_trouble(rc) && tries < 20 && !workers_stopping(worker->workers); tries++) {
        workers_pause(worker->workers, tries < 5 ? 200 : 2000);
        rc = attempt(worker, tasks, n);
    }
    if (rc == DB_OK) {
        batch_finish(worker, tasks, n, (promc_now_ns() - start) / (uint64_t)n);
        return;
    }
    if (batch_store_trouble(rc)) {
        log_warn("jobs left to their lease: the store cannot be used", "s:component", "worker", "i:jobs", (int64_t)n,
                 "s:error", db_error_name(rc));
        return;
    }
    if (n > 1) {
        for (int i = 0; i < n; i++)
            batch_process(worker, &tasks[i], 1);
        return;
    }
    if (rc == DB_E_CONFLICT) { /* somebody else has it by now */
        (void)task_failed(&tasks[0], TASK_RETRY, "the lease was lost");
        log_task(&tasks[0], "job given up");
        return;
    }
    (void)task_failed(&tasks[0], TASK_RETRY, "%s", db_error_name(rc));
    batch_finish(worker, tasks, 1, promc_now_ns() - start);
}
