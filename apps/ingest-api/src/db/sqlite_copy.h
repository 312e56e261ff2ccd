/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/sqlite_copy.h Copying an embedded store while it is in use, and restoring a copy. For the command line. */
#ifndef INGEST_DB_SQLITE_COPY_H
#define INGEST_DB_SQLITE_COPY_H

#include "db/sqlite_file.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite_copy {
    int64_t bytes, organisations;
    int schema_version;
    char replaced[SQLITE_FILE_PATH]; /**< restore: the new place of the old files; "" there were none */
};

/**
 * Copy `database` to `file`, as it was committed when this began. It blocks nobody; while it runs the database's log
 * grows. The copy is one file without a log. It is written as FILE.partial, checked completely, synced and renamed, so
 * FILE is always a complete copy, the old or the new one, or missing. The next backup overwrites a FILE.partial of a
 * killed one. `file` may be an older backup; anything else is not overwritten.
 * @return DB_OK, or an error with a text. SIGINT, SIGTERM or SIGHUP, which the caller has blocked, end it: DB_E_BUSY.
 */
int sqlite_backup(const char *database, const char *file, struct sqlite_copy *made, char *error, size_t error_size);

/**
 * Replace `database` by the backup `file`, after a copy of it was checked completely. A database that has an
 * organisation in it, or cannot be read, is replaced only with `replace`, and moved aside. A database that a process
 * has open is never replaced. A killed restore leaves the old or the new database, or none and a PATH.restoring, with
 * which nothing starts until restore is run again.
 * @return DB_OK; DB_E_CONFLICT: needs `replace`; or another error. All with a text.
 */
int sqlite_restore(const char *file, const char *database, bool replace, struct sqlite_copy *made, char *error,
                   size_t error_size);

#endif
