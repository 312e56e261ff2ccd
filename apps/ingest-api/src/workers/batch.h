/* SPDX-License-Identifier: Apache-2.0 */
/** @file workers/batch.h Runs batches of jobs, with one protocol for all queues (worker.h). Private to src/workers. */
#ifndef INGEST_WORKERS_BATCH_H
#define INGEST_WORKERS_BATCH_H

#include "workers/worker.h"

/** Jobs that are processed together, so that one commit serves many. */
struct batch {
    struct worker *worker;
    struct task *tasks;
    int n;
    int leased; /**< jobs from tasks[0] on that we hold: these n, and those after them */
    uint64_t began_ns, extended_ns;
    bool unsure; /**< nobody knows whether an earlier COMMIT succeeded, so the writes may already be there */
};

/** Do n jobs and settle them. The tasks must be zero except for job and payload; the caller releases them. */
void batch_run(struct worker *worker, struct task *tasks, int n);
/** Called by `act`: renews the leases if the jobs take long. */
void batch_keep_leases(struct batch *batch);

#endif
