/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/task.h A job in progress. Private to src/workers. */
#ifndef INGEST_WORKERS_TASK_H
#define INGEST_WORKERS_TASK_H

#include "mail/mailer.h"
#include "mail/personalise.h"
#include "model/labels.h"
#include "queue/queue.h"
#include "workers/email_fate.h"

#include <jansson.h>

enum task_result {
    TASK_DONE,  /**< finished, also when there was nothing to do */
    TASK_RETRY, /**< failed for now */
    TASK_DEAD,  /**< will never work */
    TASK_LEFT   /**< not started, or aborted: it waits for the end of its lease */
};

#define EMAIL_NOT_SKIPPED ((enum not_sent)not_sent_count)

/** State of email.send for an e-mail. */
struct email_task {
    char campaign[37], prospect[37], id[37];
    int64_t attempts;         /**< including this one, once it is claimed */
    bool held;                /**< its campaign had been refused before */
    struct mail_sender *from; /**< the organisation's own, or NULL */
    char *to;                 /**< NULL unless it is handed over */
    struct draft_text text;
    bool draft_fresh, draft_good;
    int64_t stale_ms; /**< older drafts are outdated */
    bool put_off;     /**< another job will make a later attempt */
    uint64_t draft_ns, ns;
    enum email_state state;
    enum email_event unless_sent;  /**< EMAIL_ON_HOLD, EMAIL_ON_SKIP: it is not handed over; else EMAIL_EVENTS */
    const struct email_rule *rule; /**< the current row; NULL: the e-mail stays unchanged */
    enum not_sent skip;            /**< why it is not sent; EMAIL_NOT_SKIPPED: it is */
    struct mail_answer answer;
    bool suppressed; /**< suppress its address from now on: there is no such mailbox, or its prospect's fields say so */
    bool paused;     /**< its refusal has paused the campaign */
};

struct task {
    struct job *job;
    json_t *payload;         /**< object; borrowed by the handler */
    enum task_result result; /**< TASK_DONE until the handler says otherwise */
    char error[256];         /**< unless TASK_DONE; contains no address */
    uint64_t enqueued;       /**< jobs that it has added to its own queue */
    union {
        struct {
            char (*ids)[37]; /**< prospects that became validated, then their research */
            json_t **research;
            size_t count;
            uint64_t changed;    /**< rows whose status this job has changed */
            uint64_t suppressed; /**< newly suppressed addresses */
        } prospects;
        struct {
            char campaign[37], prospect[37];
            bool skip; /**< nothing left to do */
            struct draft_text text;
            int64_t stale_ms; /**< older drafts are outdated */
            bool fresh;       /**< this job's draft is the current one */
            uint64_t ns;      /**< time to load and render */
        } draft;
        struct email_task email;
    } u;
};

/** TASK_RETRY or TASK_DEAD with a text. Returns DB_OK, so that a handler can `return task_failed(...)`. */
int task_failed(struct task *task, enum task_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A UUID of the payload; NULL after task_failed(). */
const char *task_uuid(struct task *task, const char *key);
/** A line in the log with the job's id, its request's, and its error. */
void task_log(const struct task *task, const char *message);

#endif
