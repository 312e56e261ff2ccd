/* SPDX-License-Identifier: Apache-2.0 */
/** @file queue/bury.h A job becomes a dead letter: nobody would decide the fate of its e-mail. Private to src/queue. */
#ifndef INGEST_QUEUE_BURY_H
#define INGEST_QUEUE_BURY_H

#include "queue/queue.h"

/**
 * If this job has claimed an e-mail that is still `sending`, its worker died or knows no outcome: it is in doubt now.
 * In the write transaction that buries the job, and before the job's row is written: workers use the same order.
 * @param[in,out] in_doubt incremented if so; count it after the commit
 */
int bury_email(struct db *db, const struct job *job, unsigned *in_doubt);

#endif
