/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/imports.h
 * Imports in slices: each slice is a transaction, and yet the whole import is all or nothing. Each slice stores an undo
 * record: the ids of new rows, and the old values of changed ones. A finished import deletes these records. An
 * unfinished one is rolled back, last slice first.
 *
 * A rollback leaves a row alone if somebody else has changed it since, or if it is new and already has a draft or an
 * e-mail. Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_IMPORTS_H
#define INGEST_DATA_IMPORTS_H

#include "base/text.h"
#include "data/prospects.h"

/** Begin, in the transaction of the first slice. @param owner owner_self() */
int imports_begin(struct db *db, const char *organisation_id, const char *owner, char id_out[37]);

/** Store the slice's undo record, after its rows were written. @param images of prospects_upsert_end() */
int imports_keep(struct db *db, const char *organisation_id, const char *id, unsigned slice,
                 const struct prospect_upsert *results, size_t n, const struct text *images);
/** Finish, in the transaction of the last slice: the import can no longer be rolled back. */
int imports_end(struct db *db, const char *organisation_id, const char *id);

/** Up to `max` unfinished imports of all organisations. Not for a request. @return how many, or an error. */
struct import_open {
    char organisation_id[37], id[37], owner[64];
    int64_t touched_ms;
};
int imports_open(struct db *db, struct import_open *out, int max);
/** Roll back the last slice that is left. @param[out] more whether there are further slices. */
int imports_take_back(struct db *db, const char *organisation_id, const char *id, bool *more);

#endif
