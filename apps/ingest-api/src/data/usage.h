/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/usage.h
 * How much of its limits each organisation uses (tracking.usage): prospects, campaigns, idempotency keys, and under
 * each queue's name the unfinished jobs, including delayed and leased ones. The numbers are updated in the transactions
 * that create and remove the rows, so they are exact even after a crash, and nothing has to be counted.
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
 * Is there certainly room below `max` (0: no limit)? Answered from the last reading of this process, without the store.
 * It assumes the worst: USAGE_NEAR rows in open transactions that the reading did not see, and a million new rows a
 * second since, more than any server can write. So false does not mean that the limit is reached, but that the store
 * must be read. Thread safe, O(1).
 */
bool usage_has_room(const char *organisation_id, const char *what, int64_t max);
#define USAGE_NEAR 20000
/** The numbers of all organisations; for jobs only the fullest queue's, as "jobs". Not for a request. */
int usage_all(struct db *db, void (*fn)(void *arg, const char *organisation_id, const char *what, int64_t used),
              void *arg);
/**
 * Merge the changes into sums. If several processes call it, the first does it. A write transaction; does nothing on
 * SQLite. For workers, because it needs all organisations.
 */
int usage_fold(struct db *db);

#endif
