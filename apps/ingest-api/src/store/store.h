/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/store.h
 * The store: connections, the threads that own them, transactions.
 *
 * SQLite: a pool of reader threads (one connection each, WAL) and one writer thread that commits several waiting
 * writes together (each in a savepoint of its own): one fsync serves all that waited for the last one. There is no
 * SQLITE_BUSY within a process; another process's write (`ingest-api org create`) is waited for.
 * Work waits in a bounded queue with a deadline. Work must not submit further work and wait for it (the writer is one
 * thread); it may submit and return.
 *
 * Durable: `done` with 0 for a write comes after the commit is on the disk. A disk that is full gives DB_E_FULL, with
 * nothing applied, and the next write tries again.
 */
#ifndef INGEST_STORE_STORE_H
#define INGEST_STORE_STORE_H

#include "db/db.h"

#include <promc-sql/pool.h>

struct settings;
struct store;

enum store_mode { STORE_MODE_READ, STORE_MODE_WRITE };

/** A piece of work. Embedded in the caller's object (a request, a job): submitting allocates nothing. */
struct store_work {
    enum store_mode mode;
    uint64_t deadline_ns; /**< promc_now_ns() time after which it is not begun; 0: the store's default */
    /** Runs on a store thread inside a transaction. 0 commits, anything else rolls back. */
    int (*run)(struct store_work *work, struct db *db);
    /**
     * Runs on the store thread after commit or roll-back: result is run's value, or a db_error when the work could not
     * be begun or committed (then nothing was applied). Must not block: hand over to a loop.
     */
    void (*done)(struct store_work *work, int result);
    /* private */
    struct store_work *next;
    uint64_t submitted_ns;
    promc_sql_wait wait; /**< for a connection, as the metrics have it */
};

/** Open, migrate (idempotent), start the threads. @return 0, or -1 after writing one clear line to the log. */
int store_open(struct store **out, const struct settings *settings);
/** Finish what is queued, close. */
void store_close(struct store *store);
/** Thread safe, O(1). @return 0, or DB_E_BUSY when the queue is full or the store is closing (done is not called). */
int store_submit(struct store *store, struct store_work *work);
/** Submit and wait; for workers and the command line. @return run's value or a db_error. */
int store_run(struct store *store, enum store_mode mode, int (*run)(void *arg, struct db *db), void *arg);
/** The same, not begun later than timeout_ms from now. */
int store_run_within(struct store *store, enum store_mode mode, int timeout_ms, int (*run)(void *arg, struct db *db),
                     void *arg);
/** A real round trip (read, and a write to the disk). The answer is reused for a second, so asking often costs nothing.
 *  Blocks up to about timeout_ms: not for a loop thread. 0 or a db_error. For /health. */
int store_check(struct store *store, int timeout_ms);
/** The pool now, for /health; promc-sql has the same for /metrics. */
struct store_pool_stats {
    unsigned active, idle, max, pending;
};
void store_pool_stats(const struct store *store, struct store_pool_stats *out);

#endif
