/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/task.h A job in progress. Private to src/workers. */
#ifndef INGEST_WORKERS_TASK_H
#define INGEST_WORKERS_TASK_H

#include "data/drafts.h"
#include "mail/mailer.h"
#include "mail/personalise.h"
#include "model/labels.h"
#include "queue/queue.h"
#include "workers/email_fate.h"

#include <jansson.h>

enum task_result {
    TASK_DONE,  /**< finished, also if there was nothing to do */
    TASK_RETRY, /**< failed for now */
    TASK_DEAD,  /**< will never succeed */
    TASK_LEFT   /**< not started, or aborted: the job is given back (unspent), or waits for the end of its lease */
};

#define EMAIL_NOT_SKIPPED ((enum not_sent)not_sent_count)

/** State of email.send for an e-mail. */
struct email_task {
    char campaign[37], prospect[37], id[37];
    int64_t attempts;         /**< including this one, once it is claimed */
    bool held;                /**< its campaign's sender was refused before */
    struct mail_sender *from; /**< the organisation's sender, or NULL */
    char *to;                 /**< NULL unless it is to be sent */
    struct draft_text text;
    bool draft_fresh, draft_good;
    struct draft_source source; /**< what the prospect and the templates were; zero: not read */
    bool put_off;               /**< another job will try later */
    uint64_t draft_ns, ns;
    enum email_state state;
    char claimer[37]; /**< the job that claimed it last, or that has its turn; "": unknown */
    bool again;       /**< if it is `sending`: an earlier delivery was interrupted, and no worker is sending it now */
    enum email_event unless_sent;  /**< EMAIL_ON_HOLD, EMAIL_ON_SKIP: what happens if not yet sent; else EMAIL_EVENTS */
    const struct email_rule *rule; /**< the current row; NULL: the e-mail stays unchanged */
    enum not_sent skip;            /**< why it is not sent; EMAIL_NOT_SKIPPED: it is sent */
    struct mail_answer answer;
    bool suppressed; /**< suppress its address: there is no such mailbox, or the prospect's fields say so */
    bool paused;     /**< this refusal has paused the campaign */
};

struct task {
    struct job *job;
    json_t *payload;         /**< object; borrowed by the handler */
    enum task_result result; /**< TASK_DONE until the handler says otherwise */
    char error[256];         /**< unless TASK_DONE; contains no address */
    bool unspent;            /**< TASK_LEFT, and nothing came of it: it is given back, and the delivery is no attempt */
    bool erased;             /**< what it was about was erased meanwhile: its job need not be completed */
    uint64_t enqueued;       /**< jobs that the task has added to its own queue */
    union {
        struct {
            char (*ids)[37]; /**< prospects that are to be researched; `research` has the findings */
            json_t **research;
            size_t count;
            uint64_t changed;    /**< rows whose status this job has changed */
            uint64_t suppressed; /**< newly suppressed addresses */
        } prospects;
        struct {
            char campaign[37], prospect[37];
            bool skip; /**< there is nothing to do */
            struct draft_text text;
            struct draft_source source;
            bool fresh;  /**< this job's draft is the current one */
            uint64_t ns; /**< time to load and render */
        } draft;
        struct email_task email;
    } u;
};

/** TASK_RETRY or TASK_DEAD with a text. Returns DB_OK, so that a handler can `return task_failed(...)`. */
int task_failed(struct task *task, enum task_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** A UUID from the payload. @return NULL after task_failed(). */
const char *task_uuid(struct task *task, const char *key);
/** Log a message with the ids of the job and its request, and the error. */
void task_log(const struct task *task, const char *message);

#endif
