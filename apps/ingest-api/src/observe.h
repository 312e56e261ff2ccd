/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file observe.h
 * What the metrics must know of the store without an event: each few seconds the organisations and the active campaigns are
 * read, so that their series are there before anything is counted, and so are gauges that all replicas share. With it, imports
 * that did not end are taken back.
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
