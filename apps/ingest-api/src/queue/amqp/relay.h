/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/amqp/relay.h
 * The thread that publishes the outbox; private to src/queue. One per process; several share the work, since
 * each takes only rows that no other holds.
 */
#ifndef INGEST_QUEUE_AMQP_RELAY_H
#define INGEST_QUEUE_AMQP_RELAY_H

#include "queue/amqp/link.h"

struct amqp_relay;

/** @return 0, or -1 after a line in the log. */
int amqp_relay_start(struct amqp_relay **out, struct queue *queue, const struct amqp_target *target);
/** There may be something in the outbox. Any thread. */
void amqp_relay_wake(struct amqp_relay *relay);
/** A worker has taken jobs of a queue from the broker: there may be room for more. Any thread. */
void amqp_relay_taken(struct amqp_relay *relay, enum queue_name name);
/** Whether the broker refuses its messages, for lack of memory or disk. Any thread. */
bool amqp_relay_blocked(const struct amqp_relay *relay);
/** A job that its worker gave up: its lease is returned when the store allows it. Any thread. */
void amqp_relay_return(struct amqp_relay *relay, const struct job *job);
/** Publishes what is possible at once, then ends. NULL is allowed. */
void amqp_relay_stop(struct amqp_relay *relay);

#endif
