/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/workers.h
 * The threads that do the jobs: WORKER_THREADS for each of the four queues, so that a slow mail server holds up nobody's
 * drafts.
 *
 * Jobs are leased and finished in batches: one commit serves many. A batch that fails is done again one by one, so that
 * one bad job costs itself only. What a job does to the store and its completion are one commit; what it does
 * outside (an e-mail) is guarded by the e-mail's record (send.c).
 */
#ifndef INGEST_WORKERS_WORKERS_H
#define INGEST_WORKERS_WORKERS_H

struct app;
struct workers;

/** Start. app's settings, store, queue and mailer are used until workers_stop(). @return 0, or -1 after a line in the log. */
int workers_start(struct workers **out, struct app *app);
/** Finish the batches under way, end the threads. What was leased and not begun is left to its lease. NULL is allowed. */
void workers_stop(struct workers *workers);

#endif
