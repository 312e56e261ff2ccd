/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_arrays.h The import on PostgreSQL, with arrays as parameters; for prospects.c. */
#ifndef INGEST_DATA_PROSPECTS_ARRAYS_H
#define INGEST_DATA_PROSPECTS_ARRAYS_H

#include "data/prospects.h"

/** prospects_upsert_begin() and _end() with one statement for all rows, which saves round trips. */
int prospects_arrays_begin(struct db *db, struct prospects_upserting *call, int64_t now);
int prospects_arrays_end(struct db *db, struct prospects_upserting *call);
/** NULL is allowed. */
void prospects_arrays_free(struct prospects_arrays *arrays);

#endif
