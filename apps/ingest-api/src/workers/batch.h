/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/batch.h The one protocol for all jobs (worker.h). Private to src/workers. */
#ifndef INGEST_WORKERS_BATCH_H
#define INGEST_WORKERS_BATCH_H

#include "workers/worker.h"

/** Jobs that are processed together; one commit serves many. */
struct batch {
    struct worker *worker;
    struct task *tasks;
    int n;
    int leased; /**< jobs that we hold, starting with tasks[0]'s: these n and those after them */
    uint64_t began_ns, extended_ns;
    bool unsure; /**< the outcome of a COMMIT is unknown: this transaction's writes may already be there */
};

/** Do n jobs and settle them. The tasks are zero except for job and payload; the caller releases them. */
void batch_run(struct worker *worker, struct task *tasks, int n);
/** For `act`: renews the lease of jobs that take long. */
void batch_keep_leases(struct batch *batch);

#endif
