/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/usage.h
 * An organisation's use of its limits (tracking.usage): prospects, campaigns, idempotency keys, and under the name of each queue the
 * unfinished jobs, including delayed and leased ones. Updated in the transactions that create and remove the rows, so it is
 * exact whenever a process dies, and can be read without counting.
 *
 * Code that inserts prospects, campaigns or keys adds here; triggers count their removal and everything about jobs.
 * SQLite has one row per number. PostgreSQL has one row per change, so that no writer waits for another, and
 * usage_fold() merges them now and then: the value is always the sum of the rows.
 *
 * Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_USAGE_H
#define INGEST_DATA_USAGE_H

#include "db/db.h"

#define USAGE_PROSPECTS "prospects"
#define USAGE_CAMPAIGNS "campaigns"

/** Runs with the next statement or with the commit (db_exec_later). A change of 0 does nothing. */
int usage_add(struct db *db, const char *organisation_id, const char *what, int64_t change);
/** The value in this transaction: its own changes and the committed ones of others. O(log n), but see usage_fold(). */
int usage_read(struct db *db, const char *organisation_id, const char *what, int64_t *used);
/**
 * Is there certainly room below `max` (0: no limit)? Answered from what this process read last, so that the store need not be read. The answer
 * assumes USAGE_NEAR rows in open transactions, which no reading has seen, and a million new rows a second since the last reading, more than
 * any server takes: false means that the store must be read, not that it is full. Thread safe, O(1).
 */
bool usage_has_room(const char *organisation_id, const char *what, int64_t max);
#define USAGE_NEAR 20000
/** Every organisation's, the fullest queue's for all jobs ("jobs"). Not for a request. */
int usage_all(struct db *db, void (*fn)(void *arg, const char *organisation_id, const char *what, int64_t used),
              void *arg);
/**
 * Merge changes into sums. Concurrent callers leave it to the first. A write; nothing to do on
 *  SQLite. For workers, who may see all organisations.
 */
int usage_fold(struct db *db);

#endif
