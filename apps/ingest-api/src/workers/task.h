/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/task.h A job under way, and what a queue's handler is. Private to src/workers. */
#ifndef INGEST_WORKERS_TASK_H
#define INGEST_WORKERS_TASK_H

#include "data/campaigns.h"
#include "mail/personalise.h"
#include "queue/queue.h"

#include <jansson.h>

struct app;
struct workers;
struct mailer_session;

#define TASK_BATCH_MAX 256

enum task_result {
    TASK_DONE,  /**< finished, also when there was nothing to do */
    TASK_RETRY, /**< failed for now */
    TASK_DEAD   /**< will never work */
};

struct task {
    struct job *job;
    json_t *payload;         /**< object; borrowed by the handler */
    enum task_result result; /**< TASK_DONE until the handler says otherwise */
    char error[256];         /**< unless TASK_DONE; no address in it */
    union {
        struct {
            char (*ids)[37]; /**< prospects that became validated, then their research */
            json_t **research;
            size_t count;
            uint64_t changed; /**< rows whose status this job has changed */
        } prospects;
        struct {
            char campaign[37], prospect[37];
            bool skip; /**< nothing to do any more */
            struct draft_text text;
            bool fresh;  /**< this job's draft is the one that stands */
            uint64_t ns; /**< time to load and render */
        } draft;
    } u;
};

/** A campaign's templates, kept over a batch. */
struct campaign_copy {
    char id[37], organisation_id[37];
    enum campaign_status status;
    char *subject_template, *body_template;
};

struct worker {
    struct workers *workers;
    struct app *app;
    const struct handler *handler;
    struct mailer_session *session; /**< of the e-mail queue's threads */
    struct campaign_copy campaign;
};

/** Queue by queue. load and run are called inside a transaction, on a store thread, and may be called again. */
struct handler {
    enum queue_name queue;
    int batch; /**< jobs leased together */
    /** Read what is needed (read transaction). A db_error ends the batch. May be NULL. */
    int (*load)(struct worker *worker, struct db *db, struct task *task);
    /** Write the effects. The job is completed after it in the same transaction, unless task->result was changed. */
    int (*run)(struct worker *worker, struct db *db, struct task *task);
    /** After the commit, for TASK_DONE: metrics, further queues. */
    void (*committed)(struct worker *worker, struct task *task);
    /** Free what the union holds; leaves it zero. */
    void (*release)(struct task *task);
    /** Instead of all that. */
    void (*process)(struct worker *worker, struct task *tasks, int n);
};
extern const struct handler validate_handler, research_handler, draft_handler, send_handler;

/** TASK_RETRY or TASK_DEAD with a text. Returns DB_OK, so that a handler can `return task_failed(...)`. */
int task_failed(struct task *task, enum task_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A UUID of the payload; NULL after task_failed(). */
const char *task_uuid(struct task *task, const char *key);

/** The campaign's copy in worker->campaign; read once a batch. @return DB_OK, DB_E_NOT_FOUND or an error. */
int worker_campaign(struct worker *worker, struct db *db, const char *organisation_id, const char *id);
void worker_forget_campaign(struct worker *worker);
/** The prospect. @return DB_OK (release it), DB_E_NOT_FOUND or an error. */
int worker_person(struct db *db, const char *organisation_id, const char *id, struct person *person);

/** Load, run, complete: what handlers without `process` have. */
void batch_process(struct worker *worker, struct task *tasks, int n);
/** A store that is busy, full or away: waiting helps, and no job is to blame. */
bool batch_store_trouble(int rc);
/** After the commit of the completed ones: counts, and queue_fail() for the others. @param ns of each */
void batch_finish(struct worker *worker, struct task *tasks, int n, uint64_t ns);

/** True once workers_stop() was called. */
bool workers_stopping(const struct workers *workers);
/** Sleep, or be woken by workers_stop(). */
void workers_pause(struct workers *workers, int ms);

#endif
