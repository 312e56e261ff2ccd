/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/pool.h Internals of the store: its queues and threads. Private to src/store. */
#ifndef INGEST_STORE_POOL_H
#define INGEST_STORE_POOL_H

#include "db/driver.h"
#include "store/store.h"

#include <pthread.h>

#define STORE_MAX_READERS 64

/** First in, first out; linked through store_work.next. */
struct work_list {
    struct store_work *first, **last;
    unsigned n;
};

struct store_thread {
    struct store *store;
    struct db *db;
    pthread_t thread;
    bool started;
    uint64_t busy_since_ns; /* when it started its current work; 0: it is idle. Guarded by the store's lock */
    uint64_t submitted_ns;  /* when that work, the first of a batch, was submitted. Guarded by the store's lock */
    uint64_t away_since_ns; /* since when it tries to connect; 0: it is connected. Guarded by the store's lock */
};

/** A running check of store_check(). It may still run when its caller has stopped waiting. */
struct store_probe {
    struct store_work work;
    struct store *store;
    int (*run)(void *arg, struct db *db);
    bool pending; /* this and the result are guarded by the store's probe_lock */
    int result;
};

struct store {
    pthread_mutex_t lock; /* guards everything down to `stopping` */
    pthread_cond_t read_ready, write_ready, deadline_changed;
    struct work_list waiting[2]; /* by enum store_mode */
    unsigned active;             /* threads that run work */
    uint64_t next_deadline_ns;   /* the earliest deadline of waiting works, or earlier; UINT64_MAX: none */
    uint64_t write_since_ns;     /* when the writer's open transaction began; 0: it has none */
    uint64_t begin_since_ns;     /* since when the writer tries to begin a transaction; 0: the last attempt succeeded */
    uint64_t full_since_ns;      /* since when writes fail for lack of space; 0: the last one succeeded */
    char away[256];              /* why the last attempt to connect failed */
    bool stopping;

    unsigned max_waiting, timeout_ms, readers;
    uint64_t batch_ns;     /* a batch of this age accepts no more works: all in it wait for its commit */
    bool one_organisation; /* STORE's role acts for one at a time: see store_reaches_all() */
    bool many_writers;     /* PostgreSQL: every `reader` also writes, and there is no writer */
    struct store_thread reader[STORE_MAX_READERS], writer;
    pthread_t timer;
    bool timer_started;

    pthread_mutex_t check_lock; /* one store_check() at a time; guards the next three fields */
    uint64_t checked_ns;
    int check_result;
    bool damage_said;
    pthread_mutex_t probe_lock;
    pthread_cond_t probe_done;
    struct store_probe probe[2]; /* by enum store_mode */

    struct store_thread looker; /* thread of store_look_through(); db NULL: none */
    _Atomic bool looked;
};

void work_list_init(struct work_list *list);
void work_list_push(struct work_list *list, struct store_work *work);
void work_list_push_front(struct work_list *list, struct store_work *work);
struct store_work *work_list_pop(struct work_list *list); /**< NULL when empty */

/** The number of connections. */
unsigned store_connections(const struct store *store);

/** Thread functions. The argument is the store_thread; for the timer it is the store. */
void *store_reader_main(void *arg);
void *store_writer_main(void *arg);
void *store_either_main(void *arg); /**< many_writers: reads and writes */
void *store_timer_main(void *arg);

#endif
