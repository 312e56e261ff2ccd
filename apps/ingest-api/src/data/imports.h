/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/imports.h
 * Imports that are done in slices, each a transaction of its own, and are all or nothing in the end: with a slice goes what takes
 * it back (the ids of new rows, the changed ones as they were before). An import that ended well leaves nothing of that; one that
 * did not is taken back, the last slice first.
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

/** Before prospects_upsert(): the rows that it will change, as JSON. @param undo growing; empty at first */
int imports_before(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                   struct text *undo);
/** After it: the rest of the slice's record. */
int imports_keep(struct db *db, const char *organisation_id, const char *id, unsigned slice,
                 const struct prospect_upsert *results, size_t n, struct text *undo);
/** With the last slice: nothing is to be taken back any more. */
int imports_end(struct db *db, const char *organisation_id, const char *id);

/** Each import that has not ended, of every organisation; up to `max`. Not for a request. @return how many, or an error. */
struct import_open {
    char organisation_id[37], id[37], owner[64];
    int64_t touched_ms;
};
int imports_open(struct db *db, struct import_open *out, int max);
/** Take back its last slice. @param more there are others. */
int imports_take_back(struct db *db, const char *organisation_id, const char *id, bool *more);

#endif
