/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/keys.h
 * An organisation's further API keys (organisations.h creates the first). Any number may be live, so that a new key can
 * be handed out before the old one is revoked. A revoked key keeps its row, and never works again.
 *
 * A key is named by its id: the first KEY_ID digits of its SHA-256 in hexadecimal. That reveals nothing about the key,
 * which is 256 random bits. Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_KEYS_H
#define INGEST_DATA_KEYS_H

#include "db/db.h"

#define KEY_ID 12
#define KEY_HASH 32

/** The id of a key. */
void keys_id(const unsigned char key_hash[KEY_HASH], char id_out[KEY_ID + 1]);

/** Add a key. @return DB_OK; DB_E_NOT_FOUND: no such organisation; DB_E_INVALID: not a UUID; DB_E_CONFLICT: in use. */
int keys_add(struct db *db, const char *organisation_id, const unsigned char key_hash[KEY_HASH], int64_t now_ms);

/** @param revoked_ms 0: it is live. */
typedef void (*keys_row)(void *arg, const char *id, int64_t created_ms, int64_t revoked_ms);
/** Each key, the oldest first. @return as keys_add(). */
int keys_list(struct db *db, const char *organisation_id, keys_row row, void *arg);

/**
 * Revoke a key. If it is revoked already, it keeps its time.
 * @return DB_OK; DB_E_NOT_FOUND: no such organisation or key; DB_E_INVALID; DB_E_CONFLICT: two of its keys
 *         have this id (then neither is revoked).
 */
int keys_revoke(struct db *db, const char *organisation_id, const char *id, int64_t now_ms);

#endif
