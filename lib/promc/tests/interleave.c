/* SPDX-License-Identifier: Apache-2.0 */
#include "interleave.h"

#include <errno.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS 3
#define CHOICES 65536
#define PATIENCE 100

struct thread {
    pthread_t id;
    sem_t turn;
    void (*body)(void *test);
    void *test;
    bool there, coarse, done, waits; /* waits: it cannot continue before another thread has run */
    unsigned long steps;             /* since it got its turn */
    unsigned alone;                  /* how often it waited while no other thread could run */
};

/* A point at which more than one thread could continue: how many, and which one did. */
struct choice {
    unsigned char of, taken;
};

static struct thread threads[THREADS];
static __thread struct thread *self; /* NULL: the scheduler does not control this thread */
static sem_t ended;
static pthread_key_t key;
static struct choice choices[CHOICES];
static unsigned at, known; /* choices of this schedule that were reached, and those that are fixed in advance */
static unsigned preemptions, most;
static char schedule[4096];

static void give_up(const char *why)
{
    fprintf(stderr, "interleave: %s\nschedule: %s\n", why, schedule);
    abort();
}

static unsigned choose(unsigned of)
{
    if (of == 1)
        return 0;
    if (at == CHOICES)
        give_up("the schedule is too long");
    if (at < known) {
        if (choices[at].of != of)
            give_up("the threads behave differently each time");
        return choices[at++].taken;
    }
    choices[at] = (struct choice){(unsigned char)of, 0};
    known = at + 1;
    return choices[at++].taken;
}

/* Give a thread its turn: the n-th of those that can continue, except `but`. */
static void let_in(unsigned n, const struct thread *but)
{
    for (struct thread *t = threads; t < threads + THREADS; t++) {
        if (!t->there || t->done || t->waits || t == but || n-- > 0)
            continue;
        if (but) {
            size_t length = strlen(schedule);
            snprintf(schedule + length, sizeof(schedule) - length, "%c%lu ", (int)('A' + (but - threads)), but->steps);
        }
        t->steps = 0;
        sem_post(&t->turn);
        return;
    }
    give_up("no thread can continue");
}

static unsigned ready(const struct thread *but)
{
    unsigned n = 0;
    for (const struct thread *t = threads; t < threads + THREADS; t++)
        n += t->there && !t->done && !t->waits && t != but;
    return n;
}

static void wait_for_turn(struct thread *me)
{
    while (sem_wait(&me->turn) != 0)
        if (errno != EINTR)
            give_up("sem_wait fails");
}

void interleave_step(void)
{
    struct thread *me = self;
    if (!me)
        return;
    me->steps++;
    for (struct thread *t = threads; t < threads + THREADS; t++)
        t->waits = false; /* the state that it waits for may be there now */
    unsigned others = preemptions < most ? ready(me) : 0, chosen = choose(others + 1);
    if (chosen > 0) {
        preemptions++;
        let_in(chosen - 1, me);
        wait_for_turn(me);
    }
}

void interleave_access(void)
{
    if (self && !self->coarse)
        interleave_step();
}

void interleave_yield(void)
{
    struct thread *me = self;
    if (!me)
        return;
    me->waits = true;
    unsigned others = ready(me);
    if (others == 0) { /* the state that it waits for may be there since its last check */
        if (me->alone++ == PATIENCE)
            give_up("a deadlock");
        return;
    }
    let_in(choose(others), me);
    wait_for_turn(me);
    me->waits = false;
}

int interleave_lock(pthread_mutex_t *mutex)
{
    int rc;
    interleave_access();
    if (!self)
        return (pthread_mutex_lock)(mutex); /* the function, not the macro */
    while ((rc = pthread_mutex_trylock(mutex)) == EBUSY)
        interleave_yield();
    return rc;
}

/* At the very end of a thread, after the library's own destructor, which is part of the test. */
static void end(void *thread)
{
    struct thread *me = thread;
    self = NULL;
    me->done = true;
    for (struct thread *t = threads; t < threads + THREADS; t++)
        t->waits = false;
    unsigned others = ready(NULL);
    if (others == 0)
        sem_post(&ended);
    else
        let_in(choose(others), NULL);
}

static void *run(void *thread)
{
    struct thread *me = thread;
    self = me;
    pthread_setspecific(key, me);
    wait_for_turn(me);
    me->body(me->test);
    return NULL;
}

static void run_once(const struct interleaved *what, void *test)
{
    at = preemptions = 0;
    schedule[0] = '\0';
    what->set_up(test);
    unsigned n = 0;
    for (unsigned i = 0; i < THREADS && what->threads[i]; i++, n++) {
        threads[i] = (struct thread){
            .body = what->threads[i], .test = test, .there = true, .coarse = (what->coarse >> i & 1) != 0};
        sem_init(&threads[i].turn, 0, 0);
        if (pthread_create(&threads[i].id, NULL, run, &threads[i]) != 0)
            give_up("no thread");
    }
    let_in(choose(n), NULL);
    while (sem_wait(&ended) != 0)
        continue;
    for (unsigned i = 0; i < n; i++) {
        pthread_join(threads[i].id, NULL);
        sem_destroy(&threads[i].turn);
        threads[i].there = false;
    }
    what->check(test);
}

unsigned long interleave_all(const struct interleaved *what, void *test)
{
    unsigned long schedules = 0;
    static bool made;
    if (!made) { /* create this key after the library's: destructors run in the order of creation */
        made = true;
        sem_init(&ended, 0, 0);
        if (pthread_key_create(&key, end) != 0)
            give_up("no key");
    }
    known = 0;
    most = what->preemptions;
    do {
        run_once(what, test);
        schedules++;
        known = at; /* a schedule may have fewer choices than the previous one */
        while (known > 0 && choices[known - 1].taken + 1 == choices[known - 1].of)
            known--;
        if (known > 0)
            choices[known - 1].taken++;
    } while (known > 0);
    return schedules;
}

const char *interleave_schedule(void)
{
    return schedule;
}
