/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/migrate.h Migration of an older schema to the newest. */
#ifndef INGEST_DB_MIGRATE_H
#define INGEST_DB_MIGRATE_H

#include "db/driver.h"

/** Bring the schema up to date, under the database's write lock. @return DB_OK, or an error with a text in `error`. */
int db_migrate(struct db *db, char *error, size_t error_size);

#endif
