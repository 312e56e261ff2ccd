/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/erase.h
 * Erases a person, a campaign or an organisation, with all dependent data. Suppressions stay, as hashes. A large
 * erasure is done in slices, one transaction each: call again until it returns ERASED. SQLite zeroes the freed pages,
 * and empties its log soon after (db_forget).
 */
#ifndef INGEST_DATA_ERASE_H
#define INGEST_DATA_ERASE_H

#include "db/db.h"

#define ERASE_SLICE 500
#define ERASED 2 /**< there is nothing left */

/** Called for each erased e-mail: its id is the name of the file that MAIL=file has written. */
typedef void (*erase_email_fn)(void *arg, const char *email_id);

/** @return DB_OK or DB_E_NOT_FOUND. */
int erase_prospect(struct db *db, const char *organisation_id, const char *id, erase_email_fn fn, void *arg);
/**
 * Erase a slice. If there is more, the campaign is completed, so that it cannot be started without its e-mails.
 * @return DB_OK: there is more; ERASED; DB_E_NOT_FOUND; DB_E_CONFLICT: the campaign is active.
 */
int erase_campaign(struct db *db, const char *organisation_id, const char *id, erase_email_fn fn, void *arg);
/**
 * Erase a slice, the first with the API keys.
 * @return DB_OK: there is more; ERASED; DB_E_NOT_FOUND; DB_E_INVALID: not a UUID.
 */
int erase_organisation(struct db *db, const char *organisation_id, erase_email_fn fn, void *arg);

#endif
