/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/workers.h
 * The threads that do the jobs: WORKER_THREADS for each of the four queues, so that a slow mail server does not delay
 * drafts.
 *
 * Jobs are leased and finished in batches: one commit serves many. A batch that fails is repeated one job at a time, so that
 * a bad job fails alone. A job's effects on the store and its completion are one commit; its effects
 * outside (an e-mail) are guarded by the e-mail's record (send.c).
 */
#ifndef INGEST_WORKERS_WORKERS_H
#define INGEST_WORKERS_WORKERS_H

struct app;
struct workers;

/** Start. app's settings, store, queue and mailer are used until workers_stop(). @return 0, or -1 after a line in the log. */
int workers_start(struct workers **out, struct app *app);
/** Finish the batches in progress, end the threads. Leased jobs that were not started wait for the end of their lease. NULL is allowed. */
void workers_stop(struct workers *workers);

#endif
