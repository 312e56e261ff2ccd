/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/array.h
 * One-dimensional PostgreSQL arrays in their binary format: a parameter for db_bind_blob(), in SQL `$1::text[]` or
 * `$1::uuid[]`. Nothing is escaped, and the server takes the bytes directly.
 */
#ifndef INGEST_DB_ARRAY_H
#define INGEST_DB_ARRAY_H

#include "base/text.h"

enum db_array_of { DB_ARRAY_TEXT = 25, DB_ARRAY_UUID = 2950 }; /* the types' OIDs in every database */

/**
 * Begin an array.
 * @param array growing; its contents are dropped. As always with base/text.h, check `overflow` at the end.
 */
void db_array_begin(struct text *array, enum db_array_of type);
/** Append an element; a uuid has 16 bytes. `data` NULL appends SQL NULL. */
void db_array_add(struct text *array, const void *data, size_t length);

#endif
