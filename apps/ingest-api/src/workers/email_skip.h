/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/email_skip.h E-mails that must not be sent: suppressed addresses, and the record of skipped ones. Private to src/workers. */
#ifndef INGEST_WORKERS_EMAIL_SKIP_H
#define INGEST_WORKERS_EMAIL_SKIP_H

#include "workers/task.h"

/** emails_claim() for the task. @param was its previous state; it is `sending` now if it could be claimed. */
int email_take(struct db *db, struct task *task, enum email_state *was);

/**
 * The e-mail must not be sent. One that was interrupted (`again`) may have been sent: that is found out first. One that another worker
 * is sending is left to that worker. @param detail after the text, or ""
 */
int email_skip(struct db *db, struct task *task, enum not_sent reason, const char *detail, bool again);
/** "the campaign is completed" … */
const char *email_skip_words(enum not_sent reason);

/** @return DB_OK; an error; or 1 + the enum not_sent with the reason why this person gets no e-mail. */
int email_refuses(struct db *db, struct task *task, const struct person *person);

#endif
