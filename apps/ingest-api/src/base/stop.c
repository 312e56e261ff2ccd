/* SPDX-License-Identifier: Apache-2.0 */
#include "base/stop.h"

#include "base/clock.h"

#include <errno.h>

void stop_init(struct stop *stop)
{
    pthread_mutex_init(&stop->lock, NULL);
    clock_cond_init(&stop->cond);
    atomic_init(&stop->wanted, false);
}

void stop_destroy(struct stop *stop)
{
    pthread_cond_destroy(&stop->cond);
    pthread_mutex_destroy(&stop->lock);
}

void stop_now(struct stop *stop)
{
    pthread_mutex_lock(&stop->lock);
    atomic_store(&stop->wanted, true);
    pthread_cond_broadcast(&stop->cond);
    pthread_mutex_unlock(&stop->lock);
}

bool stop_wanted(const struct stop *stop)
{
    return atomic_load(&stop->wanted);
}

void stop_pause(struct stop *stop, int ms)
{
    uint64_t until_ns = clock_monotonic_ns() + (uint64_t)ms * 1000000u;
    pthread_mutex_lock(&stop->lock);
    while (!stop_wanted(stop) && clock_cond_wait(&stop->cond, &stop->lock, until_ns) != ETIMEDOUT)
        continue;
    pthread_mutex_unlock(&stop->lock);
}
