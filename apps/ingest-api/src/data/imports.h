/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/imports.h
 * Imports that are done in slices, each in its own transaction, but are all or nothing in the end. With each slice its undo record is
 * stored
 * (the ids of new rows, and the old values of changed ones). A finished import deletes these records; an unfinished
 * one is rolled back, last slice first.
 *
 * A row that somebody else has changed since stays as it is, and so does a new one that has a draft or an e-mail by now.
 * Each function runs inside the caller's transaction and returns a code of db.h.
 */
#ifndef INGEST_DATA_IMPORTS_H
#define INGEST_DATA_IMPORTS_H

#include "base/text.h"
#include "data/prospects.h"

/** With its first slice. @param owner owner_self() */
int imports_begin(struct db *db, const char *organisation_id, const char *owner, char id_out[37]);

/** After the rows were written: the slice's undo record. @param images of prospects_upsert_end() */
int imports_keep(struct db *db, const char *organisation_id, const char *id, unsigned slice,
                 const struct prospect_upsert *results, size_t n, const struct text *images);
/** With the last slice: nothing will be rolled back any more. */
int imports_end(struct db *db, const char *organisation_id, const char *id);

/** Each unfinished import, of every organisation; up to `max`. Not for a request. @return how many, or an error. */
struct import_open {
    char organisation_id[37], id[37], owner[64];
    int64_t touched_ms;
};
int imports_open(struct db *db, struct import_open *out, int max);
/** Roll back its last slice. @param more there are others. */
int imports_take_back(struct db *db, const char *organisation_id, const char *id, bool *more);

#endif
