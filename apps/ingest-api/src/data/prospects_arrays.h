/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_arrays.h The import on a database with arrays; for prospects.c. */
#ifndef INGEST_DATA_PROSPECTS_ARRAYS_H
#define INGEST_DATA_PROSPECTS_ARRAYS_H

#include "data/prospects.h"

/** prospects_upsert by statements of hundreds of rows, for a database with arrays and a round trip to save. */
int prospects_upsert_arrays(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                            int64_t now, struct prospect_upsert *results);

#endif
