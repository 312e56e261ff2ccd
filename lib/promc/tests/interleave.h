/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads whose every atomic access waits for its turn, so that a test can run them in every order. Included before all else
 * (-include) in a build of the library's own sources: what is tried is the code that ships and no model of it.
 *
 * One thread runs at a time. Before an atomic access another may be let in: a preemption. interleave_all() tries every schedule with at
 * most so many preemptions. What is not tried: other orders of memory than that of the schedule (ThreadSanitizer and the reader of
 * base/atomic.h see to those), and what happens between two accesses that are not atomic.
 */
#ifndef PROMC_TESTS_INTERLEAVE_H
#define PROMC_TESTS_INTERLEAVE_H

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>

/* Another thread may come in here. */
void interleave_step(void);
/* This thread cannot go on before another has: a lock is taken. */
void interleave_yield(void);
int interleave_lock(pthread_mutex_t *mutex);

struct interleaved {
    void (*set_up)(void *test);
    void (*threads[3])(void *test); /* NULL: there are fewer */
    void (*check)(void *test);      /* when all have ended; tears down as well */
    unsigned coarse;                /* bit per thread: it lets others in only where it calls interleave_step() itself */
    unsigned preemptions;
};

/* Every schedule. @return how many there were. */
unsigned long interleave_all(const struct interleaved *what, void *test);
/* Of the schedule that runs, for the message of a check that fails: who ran, for how many steps each time. */
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
