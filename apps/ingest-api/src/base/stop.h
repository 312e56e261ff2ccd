/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/stop.h A request to threads to end, which interrupts their waits. Thread safe. */
#ifndef INGEST_BASE_STOP_H
#define INGEST_BASE_STOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

struct stop {
    pthread_mutex_t lock; /* no wait may begin between the request and its signal */
    pthread_cond_t cond;
    atomic_bool wanted;
};

void stop_init(struct stop *stop);
void stop_destroy(struct stop *stop);
void stop_now(struct stop *stop);
bool stop_wanted(const struct stop *stop);
/** Sleep; stop_now() ends the sleep. */
void stop_pause(struct stop *stop, int ms);

#endif
