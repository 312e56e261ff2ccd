/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/organisations.h
 * Tenants and their API keys (schema iam). A key is stored as the SHA-256 of its text, never as text.
 * Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_ORGANISATIONS_H
#define INGEST_DATA_ORGANISATIONS_H

#include "db/db.h"

#define ORGANISATION_NAME_MAX 200 /* bytes */

/**
 * A new organisation with its first key.
 * @return DB_OK; DB_E_CONFLICT when the key is in use (of another organisation too); DB_E_INVALID for a name that is
 *         empty or longer than ORGANISATION_NAME_MAX. Two organisations may have the same name.
 */
int organisations_create(struct db *db, const char *name, const unsigned char key_hash[32], char id_out[37]);

/** Whose key it is. @return DB_OK or DB_E_NOT_FOUND. O(log keys), looked up by the whole hash. */
int organisations_find_by_key(struct db *db, const unsigned char key_hash[32], char organisation_id[37]);

/** Up to 1000 organisations behind `after` ("": from the first), in order of id. Not for a request. @return how many, or an error. */
int organisations_page(struct db *db, const char *after, void (*fn)(void *arg, const char *organisation_id), void *arg);

#endif
