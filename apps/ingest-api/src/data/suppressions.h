/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/suppressions.h
 * Addresses to which an organisation sends nothing (outreach.suppressions). They are found by the hash of the address,
 * so a suppression outlives the prospect, its erasure and every later import. Each function runs inside the caller's
 * transaction, acts on one organisation only, and returns a code of db.h.
 */
#ifndef INGEST_DATA_SUPPRESSIONS_H
#define INGEST_DATA_SUPPRESSIONS_H

#include "db/db.h"
#include "model/labels.h"

#define SUPPRESSIONS_PAGE_MAX 500
#define SUPPRESSION_HASH 32

/** SHA-256 of organisation and lower-cased address. @return false: no such organisation id, or hashing failed. */
bool suppression_hash(const char *organisation_id, const char *address, unsigned char hash[SUPPRESSION_HASH]);

/** A stored row. Every pointer is valid during the callback only. */
struct suppression {
    const char *id;
    const char *address; /**< NULL: unknown, only the hash is kept */
    const char *reason;  /**< suppression_reason_values */
    int64_t created_ms;
};
/** Return non-zero to stop. */
typedef int (*suppression_fn)(void *arg, const struct suppression *suppression);

/** Add an address. An existing suppression keeps its reason. @param[out] fresh whether it is new. May be NULL. */
int suppressions_add(struct db *db, const char *organisation_id, const char *address, enum suppression_reason reason,
                     bool *fresh);
/** Add a hash. @param address NULL if it is unknown. */
int suppressions_add_hash(struct db *db, const char *organisation_id, const unsigned char hash[SUPPRESSION_HASH],
                          const char *address, enum suppression_reason reason, bool *fresh);
/** @return 1: it is suppressed; 0: it is not; or an error. O(log suppressions). */
int suppressions_has(struct db *db, const char *organisation_id, const char *address);
/** @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int suppressions_find(struct db *db, const char *organisation_id, const char *address, suppression_fn fn, void *arg);
/** As prospects_page. */
int suppressions_page(struct db *db, const char *organisation_id, const char *after, unsigned limit, suppression_fn fn,
                      void *arg, bool *more);
/** @return DB_OK or DB_E_NOT_FOUND. */
int suppressions_remove(struct db *db, const char *organisation_id, const char *id);
/** If the address is suppressed, forget the address and keep only its hash. */
int suppressions_forget(struct db *db, const char *organisation_id, const char *address);

#endif
