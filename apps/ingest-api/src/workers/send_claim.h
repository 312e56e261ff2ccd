/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/send_claim.h The claim of email.send, for send.c. Private to src/workers. */
#ifndef INGEST_WORKERS_SEND_CLAIM_H
#define INGEST_WORKERS_SEND_CLAIM_H

#include "workers/worker.h"

/** The handler's `claim`. Afterwards the action of the e-mail's rule says what `act` does; without a rule nothing. */
int send_claim(struct worker *worker, struct db *db, struct task *task, bool unsure);
/** The handler's `claimed`: count what the claim has done besides. */
void send_claimed(struct worker *worker, struct task *task);

#endif
