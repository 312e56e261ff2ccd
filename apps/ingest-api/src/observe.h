/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file observe.h
 * State of the store that metrics need without an event: every few seconds the organisations and the active campaigns are
 * read, so that their series exist before anything is counted, and the gauges that all replicas share. Unfinished imports are
 * rolled back at the same time.
 */
#ifndef INGEST_OBSERVE_H
#define INGEST_OBSERVE_H

struct app;
struct observer;

/** Looks once before it returns. @return 0, or -1 after a line in the log. */
int observer_start(struct observer **out, struct app *app);
/** NULL is allowed. */
void observer_stop(struct observer *observer);

#endif
