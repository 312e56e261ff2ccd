/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs threads in every order: each atomic access of a thread waits for its turn. This header is included before everything else
 * (-include) when the library's own sources are compiled, so the tests run the real code and not a model.
 *
 * One thread runs at a time. Before each atomic access another thread may get the turn: a preemption. interleave_all() runs every schedule
 * with at most a given number of preemptions. It does not test other memory orders than that of the schedule (for those there are
 * ThreadSanitizer and the review of base/atomic.h), nor switches between accesses that are not atomic.
 */
#ifndef PROMC_TESTS_INTERLEAVE_H
#define PROMC_TESTS_INTERLEAVE_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

/* Another thread may get the turn here. */
void interleave_step(void);
/* This thread cannot continue before another one has run, e.g. because that one holds a lock. */
void interleave_yield(void);
int interleave_lock(pthread_mutex_t *mutex);

struct interleaved {
    void (*set_up)(void *test);
    void (*threads[3])(void *test); /* NULL: there are fewer */
    void (*check)(void *test);      /* after all threads have ended; also cleans up */
    unsigned coarse; /* one bit per thread: others get the turn only where it calls interleave_step() itself */
    unsigned preemptions;
};

/* Run every schedule. @return their number. */
unsigned long interleave_all(const struct interleaved *what, void *test);
/* The current schedule, for the message of a failed check: which thread ran, and for how many steps each time. */
const char *interleave_schedule(void);

/* A step of a thread that is not coarse. */
void interleave_access(void);

#define __atomic_load_n(p, order) (interleave_access(), __atomic_load_n((p), order))
#define __atomic_store_n(p, v, order) (interleave_access(), __atomic_store_n((p), (v), order))
#define __atomic_exchange_n(p, v, order) (interleave_access(), __atomic_exchange_n((p), (v), order))
#define __atomic_fetch_add(p, v, order) (interleave_access(), __atomic_fetch_add((p), (v), order))
#define __atomic_fetch_sub(p, v, order) (interleave_access(), __atomic_fetch_sub((p), (v), order))
#define __atomic_fetch_or(p, v, order) (interleave_access(), __atomic_fetch_or((p), (v), order))
#define __atomic_fetch_and(p, v, order) (interleave_access(), __atomic_fetch_and((p), (v), order))
#define __atomic_compare_exchange_n(p, expected, v, weak, good, bad) \
    (interleave_access(), __atomic_compare_exchange_n((p), (expected), (v), weak, good, bad))
#define pthread_mutex_lock(mutex) interleave_lock(mutex)
#define sched_yield() interleave_yield()

#endif
