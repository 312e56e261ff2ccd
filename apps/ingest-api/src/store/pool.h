/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/pool.h The inside of the store: its queues and threads. Private to src/store. */
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
};

struct store {
    pthread_mutex_t lock; /* guards everything down to `stopping` */
    pthread_cond_t read_ready, write_ready, deadline_changed;
    struct work_list waiting[2]; /* by enum store_mode */
    unsigned active;             /* threads that run work */
    uint64_t next_deadline_ns;   /* not after the earliest deadline that waits; UINT64_MAX: none */
    uint64_t write_since_ns;     /* when the writer's open transaction began; 0: it has none */
    bool stopping;

    promc_sql_pool *pool; /* what the metrics say of the connections; NULL: metrics are off */
    unsigned max_waiting, timeout_ms, readers;
    bool many_writers; /* every thread is a `reader` that writes too; there is no writer */
    struct store_thread reader[STORE_MAX_READERS], writer;
    pthread_t timer;
    bool timer_started;

    pthread_mutex_t check_lock; /* one health check at a time; guards the two below */
    uint64_t checked_ns;
    int check_result;
};

void work_list_init(struct work_list *list);
void work_list_push(struct work_list *list, struct store_work *work);
void work_list_push_front(struct work_list *list, struct store_work *work);
struct store_work *work_list_pop(struct work_list *list); /**< NULL when empty */

/** Connections in all. */
unsigned store_connections(const struct store *store);

/** Thread bodies; the argument is a store_thread, of the timer the store. */
void *store_reader_main(void *arg);
void *store_writer_main(void *arg);
void *store_either_main(void *arg); /**< many_writers: reads and writes */
void *store_timer_main(void *arg);

#endif
