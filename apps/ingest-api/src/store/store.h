/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file store/store.h
 * The store: connections, the threads that own them, transactions.
 *
 * SQLite: a pool of reader threads (one connection each, WAL) and one writer thread that commits several waiting
 * writes together (each in its own savepoint): one fsync serves all that waited for the last one. There is no
 * SQLITE_BUSY within a process; another process's write (`ingest-api org create`) is waited for.
 * Work waits in a bounded queue with a deadline. Work must not submit further work and wait for it (the writer is one
 * thread); it may submit and return.
 *
 * Durable: `done` with 0 for a write is called after the commit is on the disk. A full disk gives DB_E_FULL, with
 * nothing applied, and the next write tries again.
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
    uint64_t deadline_ns; /**< promc_now_ns() time after which it is not started; 0: the store's default */
    /** Runs on a store thread inside a transaction. 0 commits, anything else rolls back. */
    int (*run)(struct store_work *work, struct db *db);
    /**
     * Runs on the store thread after commit or roll-back: result is run's value, or a db_error if the work could not
     * be started or committed (then nothing was applied). Must not block: hand over to a loop.
     */
    void (*done)(struct store_work *work, int result);
    /* private */
    struct store_work *next;
    uint64_t submitted_ns;
    uint64_t waiting_ns; /**< since when it waits for a connection; the store's own */
};

/** Open, migrate (idempotent), start the threads. @return 0, or -1 after one clear line in the log. */
int store_open(struct store **out, const struct settings *settings);
/** Finish what is queued, close. */
void store_close(struct store *store);
/** Thread safe, O(1). @return 0, or DB_E_BUSY if the queue is full or the store is closing (done is not called). */
int store_submit(struct store *store, struct store_work *work);
/** Submit and wait; for workers and the command line. @return run's value or a db_error. */
int store_run(struct store *store, enum store_mode mode, int (*run)(void *arg, struct db *db), void *arg);
/** The same, but not started later than timeout_ms from now. */
int store_run_within(struct store *store, enum store_mode mode, int timeout_ms, int (*run)(void *arg, struct db *db),
                     void *arg);
/**
 * Check everything that requests need: every table that they read can be read, and a row can be written to the disk. After any request has
 *  found damage, it is DB_E_DAMAGED until the process ends. The answer is reused for a second, so frequent calls cost nothing.
 *  Blocks up to about timeout_ms: not for a loop thread. 0 or a db_error. For /health.
 */
int store_check(struct store *store, int timeout_ms);
/**
 * Read all stored data in the background, by a separate low-priority thread; damage is reported
 *  in the log and by store_check(). For a service at its start. Nothing on PostgreSQL, which has its own tools.
 */
void store_look_through(struct store *store, const struct settings *settings);
/**
 * May STORE's role act for all organisations at once, as workers do? An API whose role may not sees the rows of one at a
 *  time, and no queue's: db_scope_all() then matches nothing. Always true with SQLite.
 */
bool store_reaches_all(const struct store *store);
/** The embedded store's file, with its log beside it. @return false: it is not embedded. */
bool store_file(const struct settings *settings, char *path, size_t size);
/** The pool now. */
void store_pool_stats(struct store *store, struct metrics_pool *out);

#endif
