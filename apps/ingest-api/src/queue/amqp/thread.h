/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file queue/amqp/thread.h
 * The common part of the relay's and the consumer's thread: it sleeps until it is woken or its link becomes
 * readable, and it is first asked to end, then forced. Private to src/queue.
 */
#ifndef INGEST_QUEUE_AMQP_THREAD_H
#define INGEST_QUEUE_AMQP_THREAD_H

#include "queue/amqp/link.h"

struct amqp_thread {
    int wake; /**< eventfd, for amqp_link_wait() */
    pthread_t id;
    pthread_mutex_t lock; /**< guards the rest, and the data that the owner keeps for other threads */
    pthread_cond_t ended_cond;
    bool stopping, ended;
};

/** @return 0, or -1 without an eventfd; then there is nothing to destroy. */
int amqp_thread_init(struct amqp_thread *thread);
/** @return 0, or -1: it could not be created, and must still be destroyed. */
int amqp_thread_start(struct amqp_thread *thread, void *(*main)(void *), void *arg);
/** End its sleep, so that it looks for work again. Any thread. */
void amqp_thread_wake(struct amqp_thread *thread);
bool amqp_thread_stopping(struct amqp_thread *thread);
/** The thread itself calls this last. */
void amqp_thread_end(struct amqp_thread *thread);
/** Ask it to end and wait for that; after some seconds, calls that block on `link` are interrupted. */
void amqp_thread_stop(struct amqp_thread *thread, struct amqp_link *link);
void amqp_thread_destroy(struct amqp_thread *thread);

#endif
