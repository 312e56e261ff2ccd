/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/amqp/consumer.h
 * The thread that receives messages and settles them; private to src/queue. Only this thread talks to its connection:
 * workers take arrived messages and report the outcomes.
 *
 * A delivery belongs to its connection. When that is lost the broker delivers it again, to any consumer; an outcome
 * that is reported afterwards is not sent.
 */
#ifndef INGEST_QUEUE_AMQP_CONSUMER_H
#define INGEST_QUEUE_AMQP_CONSUMER_H

#include "queue/amqp/link.h"
#include "queue/queue_internal.h"

struct amqp_consumer;

struct amqp_delivery {
    struct delivery base; /* first: a job's delivery is this */
    struct amqp_delivery *next;
    uint64_t tag, connection; /* delivery tag, and the connection on which it is valid */
    enum queue_name queue;
    char id[37]; /* the job's id; "": the message has none */
};

/**
 * @param prefetch maximum unsettled messages of each queue in this process.
 * @return 0, or -1 after a line in the log.
 */
int amqp_consumer_start(struct amqp_consumer **out, struct queue *queue, const struct amqp_target *target,
                        unsigned prefetch);
/** Start consuming this queue. Any thread. */
void amqp_consumer_want(struct amqp_consumer *consumer, enum queue_name name);
/** Take up to `max` arrived messages; the caller settles each. @return how many. */
int amqp_consumer_take(struct amqp_consumer *consumer, enum queue_name name, struct amqp_delivery **out, int max);
/** Put messages that could not be processed back to the front. */
void amqp_consumer_put_back(struct amqp_consumer *consumer, enum queue_name name, struct amqp_delivery **deliveries,
                            int n);
/** Acknowledge, or reject, which dead-letters it. The delivery stays the caller's. Any thread. */
void amqp_consumer_settle(struct amqp_consumer *consumer, const struct amqp_delivery *delivery, bool reject);
/** Sends the settlements, then ends; the broker gives the rest to others. NULL is allowed. */
void amqp_consumer_stop(struct amqp_consumer *consumer);

#endif
