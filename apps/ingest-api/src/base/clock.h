/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/clock.h The two clocks: one that never jumps, for durations and deadlines; one for timestamps. */
#ifndef INGEST_BASE_CLOCK_H
#define INGEST_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/** CLOCK_MONOTONIC in ns; the same time as promc_now_ns(). */
static inline uint64_t clock_monotonic_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/** Unix time in ms. */
static inline int64_t clock_wall_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/** Convert a time of the monotonic clock, for functions that take a timespec. */
static inline struct timespec clock_timespec(uint64_t monotonic_ns)
{
    return (struct timespec){.tv_sec = (time_t)(monotonic_ns / 1000000000u),
                             .tv_nsec = (long)(monotonic_ns % 1000000000u)};
}

/** Initialise a condition for clock_cond_wait(): its waits use the monotonic clock. */
static inline void clock_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &monotonic);
    pthread_condattr_destroy(&monotonic);
}

/** pthread_cond_timedwait() on such a condition. @return its value: ETIMEDOUT when the time is over. */
static inline int clock_cond_wait(pthread_cond_t *cond, pthread_mutex_t *lock, uint64_t until_ns)
{
    struct timespec until = clock_timespec(until_ns);
    return pthread_cond_timedwait(cond, lock, &until);
}

#endif
