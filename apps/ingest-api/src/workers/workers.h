/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/workers.h
 * The threads that do the jobs: WORKER_THREADS for each of the four queues, so that a slow mail
 * server does not delay drafts.
 *
 * Jobs are leased and finished in batches, so that one commit serves many. If a batch fails, its jobs are repeated one
 * at a time, so that a bad job fails alone. A job's effects in the store and its completion are one commit. The row of
 * an e-mail makes sure that it is not sent twice (send.c).
 */
#ifndef INGEST_WORKERS_WORKERS_H
#define INGEST_WORKERS_WORKERS_H

struct app;
struct workers;

/**
 * Start the threads. They use app's settings, store, queue and mailer until workers_stop().
 * @return 0, or -1 after a line in the log.
 */
int workers_start(struct workers **out, struct app *app);
/** Finish batches in progress, end the threads. Other leased jobs wait until their leases end. NULL is allowed. */
void workers_stop(struct workers *workers);

#endif
