/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/task.h A job under way. Private to src/workers. */
#ifndef INGEST_WORKERS_TASK_H
#define INGEST_WORKERS_TASK_H

#include "mail/mailer.h"
#include "mail/personalise.h"
#include "queue/queue.h"
#include "workers/email_fate.h"

#include <jansson.h>

enum task_result {
    TASK_DONE,  /**< finished, also when there was nothing to do */
    TASK_RETRY, /**< failed for now */
    TASK_DEAD,  /**< will never work */
    TASK_LEFT   /**< not begun, or given up by half: it is left to its lease */
};

/** What email.send keeps of an e-mail. */
struct email_task {
    char campaign[37], prospect[37], id[37];
    char *to; /**< NULL unless it is to be handed over */
    struct draft_text text;
    bool draft_fresh, draft_good;
    bool put_off; /**< there is another job for it, to be done later */
    uint64_t draft_ns, ns;
    enum email_state state;
    enum email_event unless_sent;  /**< EMAIL_HELD, EMAIL_SKIPPED: it is not to be handed over; else EMAIL_EVENTS */
    const struct email_rule *rule; /**< what applies to it now; NULL: the e-mail is left as it is */
};

struct task {
    struct job *job;
    json_t *payload;         /**< object; borrowed by the handler */
    enum task_result result; /**< TASK_DONE until the handler says otherwise */
    char error[256];         /**< unless TASK_DONE; no address in it */
    uint64_t enqueued;       /**< jobs that it has added to its own queue */
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
