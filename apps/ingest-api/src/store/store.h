/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/store.h
 * The store: runs works in transactions, on threads that own the database connections.
 *
 * SQLite has a pool of reader threads (one connection each, WAL) and one writer thread. The writer commits all
 * waiting writes together, each in its own savepoint, so that one fsync serves them all. There is no SQLITE_BUSY
 * within a process; the writer waits for writes of other processes (`ingest-api org create`). PostgreSQL has
 * threads that read and write.
 *
 * A work waits in a bounded queue, with a deadline. It must not submit another work and wait for it, because it may
 * occupy the only thread that could run that one; it may submit and return.
 *
 * Durable: `done` is called with 0 for a write after the commit is on the disk. A full disk gives DB_E_FULL: nothing is
 * applied, and the next write tries again.
 */
#ifndef INGEST_STORE_STORE_H
#define INGEST_STORE_STORE_H

#include "db/db.h"
#include "metrics/metrics.h"

struct settings;
struct store;

enum store_mode { STORE_MODE_READ, STORE_MODE_WRITE };

/** A piece of work. Embedded in the caller's object (a request, a job): submitting allocates nothing. */
struct store_work {
    enum store_mode mode;
    uint64_t deadline_ns; /**< time of promc_now_ns() after which it is not started; 0: STORE_TIMEOUT_MS from now */
    /** Runs on a store thread inside a transaction. 0 commits, anything else rolls back. */
    int (*run)(struct store_work *work, struct db *db);
    /**
     * Runs on a store thread after the commit or rollback. `result` is run's value, or a db_error if the work could
     * not be started or committed (then nothing was applied, except that after DB_E_UNKNOWN nobody knows). Must not
     * block: hand over to a loop.
     */
    void (*done)(struct store_work *work, int result);
    /* private */
    struct store_work *next;
    uint64_t submitted_ns;
    uint64_t waiting_ns; /**< since when it waits for a connection */
};

/** Open, migrate (idempotent), start the threads. @return 0, or -1 after one clear line in the log. */
int store_open(struct store **out, const struct settings *settings);
/** Finish the queued works, and close. */
void store_close(struct store *store);
/** Thread safe, O(1). @return 0, or DB_E_BUSY if the queue is full or the store is closing (done is not called). */
int store_submit(struct store *store, struct store_work *work);
/** Submit and wait, for workers and the command line. @return run's value or a db_error. */
int store_run(struct store *store, enum store_mode mode, int (*run)(void *arg, struct db *db), void *arg);
/** The same, but not started later than timeout_ms from now. */
int store_run_within(struct store *store, enum store_mode mode, int timeout_ms, int (*run)(void *arg, struct db *db),
                     void *arg);
/**
 * Check what requests need: every table that they read can be read, and a row can be written to the disk. After
 * any connection has found damage, the result is DB_E_DAMAGED until the process ends. A result is reused for a
 * second, so frequent calls cost nothing. Blocks for about timeout_ms at most: not for a loop thread. For
 * /health. @return 0 or a db_error.
 */
int store_check(struct store *store, int timeout_ms);
/**
 * Start a low-priority thread that reads all stored data once. It reports damage in the log and through store_check().
 * For a service at its start. Does nothing on PostgreSQL, which has its own tools.
 */
void store_look_through(struct store *store, const struct settings *settings);
/**
 * May STORE's role act for all organisations at once, as workers do? If not, it sees the rows of one organisation at a
 * time, and db_scope_all() matches nothing, so that it cannot read the queues. Always true with SQLite.
 */
bool store_reaches_all(const struct store *store);
/** The path of the embedded store's file. @return false: the store is not embedded. */
bool store_file(const struct settings *settings, char *path, size_t size);
/** The current state of the pool. */
void store_pool_stats(struct store *store, struct metrics_pool *out);

#endif
