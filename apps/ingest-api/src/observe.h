/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file observe.h
 * A thread that reads the store every few seconds, for metrics that no event of this process updates: the organisations
 * and active campaigns, whose series must exist before anything is counted, and gauges that all replicas share. It also
 * rolls back unfinished imports and deletes old idempotency keys.
 */
#ifndef INGEST_OBSERVE_H
#define INGEST_OBSERVE_H

struct app;
struct observer;

/** Reads once before it returns. @return 0, or -1 after a line in the log. */
int observer_start(struct observer **out, struct app *app);
/** NULL is allowed. */
void observer_stop(struct observer *observer);

#endif
