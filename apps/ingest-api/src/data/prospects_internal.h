/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_internal.h Between prospects.c and prospects_arrays.c. */
#ifndef INGEST_DATA_PROSPECTS_INTERNAL_H
#define INGEST_DATA_PROSPECTS_INTERNAL_H

#include "data/prospects.h"

/** How an address is stored and looked up. @return its length, or 0 if it is too long. */
size_t prospects_lower_case(const char *in, size_t length, char out[PROSPECT_EMAIL_MAX]);

/** An invalid prospect that an import has touched is imported again; others stay as they are. */
int prospects_import_again(struct db *db, const char *organisation_id, const char *id);

/** prospects_upsert by statements of hundreds of rows, for a database with arrays and a round trip to save. */
int prospects_upsert_arrays(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                            int64_t now, struct prospect_upsert *results);

#endif
