/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/idempotency.h
 * The rows of Idempotency-Key (tracking.idempotency): for each organisation and key the fingerprint
 * of a request and its answer.
 *
 * A request with one transaction writes its finished row in it. A request with several transactions claims the key in
 * the first one, with an unfinished row, and finishes the row in the last one. An unfinished row names the process and,
 * for an import in slices, the import, which is rolled back if the process dies.
 *
 * Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_IDEMPOTENCY_H
#define INGEST_DATA_IDEMPOTENCY_H

#include "base/owner.h"
#include "db/db.h"

#define IDEMPOTENCY_KEY_MAX 255
#define IDEMPOTENCY_FINGERPRINT 65 /* SHA-256 in hex, and a NUL */
#define USAGE_IDEMPOTENCY_KEYS "idempotency_keys"

struct idempotency_row {
    char fingerprint[IDEMPOTENCY_FINGERPRINT];
    int status;         /**< of the answer; 0: in progress */
    char *answer;       /**< malloc()ed; NULL while it is in progress */
    char location[128]; /**< header, "" for none */
    int64_t at_ms;      /**< when it was claimed or finished */
    char claim[37], owner[OWNER_SIZE];
    bool taking_back; /**< in progress, and an open import belongs to it */
};

/** @return DB_OK, DB_E_NOT_FOUND (also for a row before `not_before_ms`), or an error. Free the answer. */
int idempotency_find(struct db *db, const char *organisation_id, const char *key, int64_t not_before_ms,
                     struct idempotency_row *out);
/** No other transaction may have the key until this one ends. @return DB_OK, or DB_E_BUSY if another has it. */
int idempotency_lock(struct db *db, const char *organisation_id, const char *key);
/** Delete an old row, or an abandoned claim. */
int idempotency_remove(struct db *db, const char *organisation_id, const char *key);
/** Write an unfinished row. */
int idempotency_claim(struct db *db, const char *organisation_id, const char *key, const char *fingerprint,
                      const char *claim);
/** Record the import that runs under the claim. */
int idempotency_set_import(struct db *db, const char *organisation_id, const char *key, const char *import_id);
/** Write the row with the answer, with or without an earlier claim. */
int idempotency_finish(struct db *db, const char *organisation_id, const char *key, bool claimed,
                       const char *fingerprint, int status, const char *answer, size_t length, const char *location);
/**
 * Empty the stored answers that contain one of these texts: the id and the address of a person who is erased. Their keys
 * stay, so that a repeated request does not create the person again. O(answers of the organisation).
 */
int idempotency_empty(struct db *db, const char *organisation_id, const char *id, const char *address);
/** Delete up to `max` older rows, of every organisation. @return how many, or an error. */
int idempotency_forget(struct db *db, int64_t before_ms, int max);

#endif
