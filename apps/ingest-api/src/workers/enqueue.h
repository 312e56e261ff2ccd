/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/enqueue.h The job that creates the next slice of a campaign's jobs (queue/outreach.h). */
#ifndef INGEST_WORKERS_ENQUEUE_H
#define INGEST_WORKERS_ENQUEUE_H

#include "workers/worker.h"

/** Is the task such a job, and not one for a prospect? */
bool enqueue_is(const struct task *task);
/** The handler's `finish` for it. */
int enqueue_finish(struct worker *worker, struct db *db, struct task *task);

#endif
