/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/email_skip.h E-mails that must not be sent: finds and records the reason. Private to src/workers. */
#ifndef INGEST_WORKERS_EMAIL_SKIP_H
#define INGEST_WORKERS_EMAIL_SKIP_H

#include "workers/task.h"

/** emails_claim() for the task. @param[out] was the state before. If that could be claimed, it is `sending` now. */
int email_take(struct db *db, struct task *task, enum email_state *was);

/**
 * Skip an e-mail. If it was interrupted (task.h, `again`), it may have been sent, so the transport is asked first. If
 * another worker is sending it, it is left to that worker. @param detail follows the reason's text; may be ""
 */
int email_skip(struct db *db, struct task *task, enum not_sent reason, const char *detail);
/** email_outcome.as_of_ms: a correction after the data were read gives the e-mail another chance (data/audience.h). */
int64_t email_skip_ms(const struct email_task *email);
/** "the campaign is completed" … */
const char *email_skip_words(enum not_sent reason);

/** @return DB_OK; an error; or 1 + the enum not_sent with the reason why this person gets no e-mail. */
int email_refuses(struct db *db, struct task *task, const struct person *person);

#endif
