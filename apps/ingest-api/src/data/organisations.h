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
 * Create an organisation with its first key.
 * @return DB_OK; DB_E_CONFLICT if the key is in use (also by another organisation); DB_E_INVALID for a name that is
 *         empty or longer than ORGANISATION_NAME_MAX. Two organisations may have the same name.
 */
int organisations_create(struct db *db, const char *name, const unsigned char key_hash[32], char id_out[37]);

/** The organisation of a key. @return DB_OK or DB_E_NOT_FOUND. O(log keys), looked up by the whole hash. */
int organisations_find_by_key(struct db *db, const unsigned char key_hash[32], char organisation_id[37]);

/**
 * Set the sender of its e-mails, in a form that mail_sender_parse() accepts; NULL: MAIL_FROM. @return DB_OK,
 * DB_E_NOT_FOUND, DB_E_INVALID (the id).
 */
int organisations_set_sender(struct db *db, const char *organisation_id, const char *sender);
/** @param out ORGANISATION_SENDER_SIZE bytes; "" if there is no sender. */
#define ORGANISATION_SENDER_SIZE 512
int organisations_sender(struct db *db, const char *organisation_id, char *out);

/** @param name "" if the page was read without names */
typedef void (*organisations_row)(void *arg, const char *organisation_id, const char *name);
/**
 * Up to 1000 organisations after `after` ("": from the first), in order of id. Not for a request.
 * @param names  for workers, who may look at all organisations.  @return how many, or an error.
 */
int organisations_page(struct db *db, const char *after, bool names, organisations_row row, void *arg);

#endif
