/* SPDX-License-Identifier: Apache-2.0 */
/** @file queue/why.h The queue's part of `ingest-api why`: what the jobs wait for. */
#ifndef INGEST_QUEUE_WHY_H
#define INGEST_QUEUE_WHY_H

#include "base/causes.h"
#include "queue/queue.h"

/** Keep a reading of the depth for queue_why(). */
void queue_note_stats(struct queue *queue, enum queue_name name, const struct queue_stats *stats);
/**
 * Adds a broker that is away, and the queues whose jobs wait for workers.
 * @param works whether this process has workers.
 */
void queue_why(struct queue *queue, bool works, struct causes *causes);

#endif
