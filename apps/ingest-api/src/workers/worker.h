/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/worker.h A worker thread's own state, and the interface of a queue's handler. Private to src/workers. */
#ifndef INGEST_WORKERS_WORKER_H
#define INGEST_WORKERS_WORKER_H

#include "base/app.h"
#include "base/stop.h"
#include "data/campaigns.h"
#include "workers/task.h"

struct batch;

/** A campaign's templates, kept over a batch. */
struct campaign_copy {
    char id[37], organisation_id[37];
    enum campaign_status status;
    int64_t refusals, held_until_ms; /**< data/campaign_hold.h */
    int64_t templates_ms;            /**< time of the templates' last change */
    char *subject_template, *body_template;
    struct mail_sender sender; /**< the organisation's own; "" for its address: MAIL_FROM */
};

struct worker {
    struct stop *stop;
    struct app *app;
    const struct handler *handler;
    struct mailer_session *session; /**< of the e-mail queue's threads */
    struct campaign_copy campaign;
};

#define HANDLER_BATCH_MAX 256

/**
 * How the jobs of a queue are processed; batch.c has the protocol:
 *
 *   load (read)  →  claim (write)  →  act (no transaction)  →  finish (write)  →  committed
 *
 * All except `finish` may be NULL. load, claim and finish are called for one task after the other inside a transaction, on a store
 * thread; a db_error ends the batch, and they are called again: with the same task, after `release`, from `load` on; or, once
 * `act` was called, from `finish` on.
 */
struct handler {
    enum queue_name queue;
    int batch; /**< jobs leased together, at most HANDLER_BATCH_MAX */
    /** How many of them may be claimed together; NULL: all. */
    int (*together)(const struct worker *worker, int n);
    int (*load)(struct worker *worker, struct db *db, struct task *task);
    /** Commit the intention to act outside of the store. */
    int (*claim)(struct worker *worker, struct db *db, struct task *task, bool unsure);
    void (*act)(struct worker *worker, struct batch *batch);
    /** Write the effects. The job is completed after it in the same transaction, if task->result is TASK_DONE. */
    int (*finish)(struct worker *worker, struct db *db, struct task *task);
    /** After claim's commit. */
    void (*claimed)(struct worker *worker, struct task *task);
    /** After the commit of finish, for any result: metrics, further queues. */
    void (*committed)(struct worker *worker, struct task *task);
    /** Free what the union holds; leaves it zero. */
    void (*release)(struct task *task);
};
extern const struct handler validate_handler, research_handler, draft_handler, send_handler;

/** The campaign's copy in worker->campaign; read once per batch. @return DB_OK, DB_E_NOT_FOUND or an error. */
int worker_campaign(struct worker *worker, struct db *db, const char *organisation_id, const char *id);
void worker_forget_campaign(struct worker *worker);
/** The prospect. @return DB_OK (release it), DB_E_NOT_FOUND or an error. */
int worker_person(struct db *db, const char *organisation_id, const char *id, struct person *person);

#endif
