/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/alone.h
 * The import of a single row on PostgreSQL. One statement writes the row, its usage and its job, and COMMIT is sent
 * with it, in one round trip. The only lock is that of the address. If it fails, nothing is stored.
 */
#ifndef INGEST_IMPORT_ALONE_H
#define INGEST_IMPORT_ALONE_H

#include "import/import.h"

/**
 * Can this import be done so? Not if the row clears fields, and not without a validation delay: a job that is due at
 * once needs a turn, which must be read first.
 */
bool alone_possible(const struct db *db, const struct import_request *request, const struct prospect_input *row);
/**
 * @param inserted set to whether the address is new.
 * @return a code of db.h; DB_OK: the import is committed, see db_step_last()
 */
int alone_import(struct db *db, const struct import_request *request, const struct prospect_input *row, bool *inserted);

#endif
