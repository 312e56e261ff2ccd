/* SPDX-License-Identifier: Apache-2.0 */
#include "queue/amqp/thread.h"

#include "base/clock.h"
#include "queue/queue_internal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#define STOP_MS 3000 /* after this time calls that block on the connection are interrupted */

int amqp_thread_init(struct amqp_thread *thread)
{
    thread->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (thread->wake < 0)
        return -1;
    pthread_mutex_init(&thread->lock, NULL);
    clock_cond_init(&thread->ended_cond);
    thread->stopping = thread->ended = false;
    return 0;
}

int amqp_thread_start(struct amqp_thread *thread, void *(*main)(void *), void *arg)
{
    return pthread_create(&thread->id, NULL, main, arg) == 0 ? 0 : -1;
}

void amqp_thread_wake(struct amqp_thread *thread)
{
    (void)eventfd_write(thread->wake, 1);
}

bool amqp_thread_stopping(struct amqp_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    bool stop = thread->stopping;
    pthread_mutex_unlock(&thread->lock);
    return stop;
}

void amqp_thread_end(struct amqp_thread *thread)
{
    pthread_mutex_lock(&thread->lock);
    thread->ended = true;
    pthread_cond_broadcast(&thread->ended_cond);
    pthread_mutex_unlock(&thread->lock);
}

void amqp_thread_stop(struct amqp_thread *thread, struct amqp_link *link)
{
    uint64_t end = clock_monotonic_ns() + STOP_MS * UINT64_C(1000000);
    pthread_mutex_lock(&thread->lock);
    thread->stopping = true;
    amqp_thread_wake(thread);
    while (!thread->ended && clock_monotonic_ns() < end)
        queue_timed_wait(&thread->ended_cond, &thread->lock, 100);
    if (!thread->ended)
        amqp_link_cut(link);
    pthread_mutex_unlock(&thread->lock);
    pthread_join(thread->id, NULL);
}

void amqp_thread_destroy(struct amqp_thread *thread)
{
    pthread_cond_destroy(&thread->ended_cond);
    pthread_mutex_destroy(&thread->lock);
    close(thread->wake);
}
