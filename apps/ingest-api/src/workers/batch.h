/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/batch.h The one protocol for all jobs (worker.h). Private to src/workers. */
#ifndef INGEST_WORKERS_BATCH_H
#define INGEST_WORKERS_BATCH_H

#include "workers/worker.h"

/** Jobs that are worked on together; one commit serves many. */
struct batch {
    struct worker *worker;
    struct task *tasks;
    int n;
    int leased; /**< jobs from tasks[0]'s on that we hold: these n and what comes after them */
    uint64_t began_ns, extended_ns;
    bool unsure; /**< how a COMMIT ended is not known: what this transaction writes may be there already */
};

/** Do n jobs and settle them. The tasks are zero but for job and payload, and are released by the caller. */
void batch_run(struct worker *worker, struct task *tasks, int n);
/** For `act`: jobs that take long keep their lease. */
void batch_keep_leases(struct batch *batch);

#endif
