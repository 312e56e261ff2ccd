/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/worker.h The state of a worker thread, and the interface of handlers. Private to src/workers. */
#ifndef INGEST_WORKERS_WORKER_H
#define INGEST_WORKERS_WORKER_H

#include "base/app.h"
#include "base/stop.h"
#include "data/campaigns.h"
#include "workers/task.h"

struct batch;

/** A copy of a campaign, for the duration of a batch. */
struct campaign_copy {
    char id[37], organisation_id[37];
    enum campaign_status status;
    int64_t refusals, held_until_ms; /**< data/campaign_hold.h */
    int64_t templates_ms;            /**< time of the templates' last change */
    int64_t read_ms;                 /**< a time before this was read */
    char *subject_template, *body_template;
    struct mail_sender sender; /**< the organisation's sender; address "": MAIL_FROM */
};

struct worker {
    struct stop *stop;
    struct app *app;
    const struct handler *handler;
    struct mailer_session *session; /**< only in threads of the e-mail queue */
    struct campaign_copy campaign;
};

#define HANDLER_BATCH_MAX 256

/**
 * How the jobs of a queue are processed; batch.c has the protocol:
 *
 *   load (read)  →  claim (write)  →  act (no transaction)  →  finish (write)  →  committed
 *
 * All except `finish` may be NULL. load, claim and finish are called on a store thread, inside a transaction, for one
 * task after the other. After a db_error the batch is repeated with the same tasks: before `act` from `load` on, after
 * `release`; once `act` was called, from `finish` on.
 */
struct handler {
    enum queue_name queue;
    int batch; /**< jobs leased together, at most HANDLER_BATCH_MAX */
    /** How many of n jobs may be claimed together; NULL: all. */
    int (*together)(const struct worker *worker, int n);
    int (*load)(struct worker *worker, struct db *db, struct task *task);
    /** Record the intention to act outside the store. Its commit comes before `act`. */
    int (*claim)(struct worker *worker, struct db *db, struct task *task, bool unsure);
    void (*act)(struct worker *worker, struct batch *batch);
    /** Write the effects. If task->result is TASK_DONE, the job is completed in the same transaction. */
    int (*finish)(struct worker *worker, struct db *db, struct task *task);
    /** Called after the commit of claim. */
    void (*claimed)(struct worker *worker, struct task *task);
    /** Called after the commit of finish, for any result: to count, and to wake other queues. */
    void (*committed)(struct worker *worker, struct task *task);
    /** Free what task->u holds, and zero it. */
    void (*release)(struct task *task);
};
extern const struct handler validate_handler, research_handler, draft_handler, send_handler;

/** Copy the campaign to worker->campaign, once per batch. @return DB_OK, DB_E_NOT_FOUND or an error. */
int worker_campaign(struct worker *worker, struct db *db, const char *organisation_id, const char *id);
void worker_forget_campaign(struct worker *worker);
/** Read the prospect. @return DB_OK (release it), DB_E_NOT_FOUND or an error. */
int worker_person(struct db *db, const char *organisation_id, const char *id, struct person *person);
/** Of a draft that is rendered from worker->campaign and the prospect. */
struct draft_source worker_draft_source(const struct worker *worker, const struct person *person);

#endif
