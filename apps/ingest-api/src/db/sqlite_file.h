/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/sqlite_file.h
 * The files of an embedded store: PATH, its log PATH-wal, and the files beside them while a copy is made or
 * restored. Nothing here opens PATH itself: closing it again would drop every POSIX lock that this
 * process's connections hold on it.
 */
#ifndef INGEST_DB_SQLITE_FILE_H
#define INGEST_DB_SQLITE_FILE_H

#include <stddef.h>
#include <stdint.h>

#define SQLITE_FILE_RESTORING ".restoring" /**< PATH.restoring: a copy on its way to PATH */
#define SQLITE_FILE_PATH 600               /**< room for PATH and any of its endings */

/** Advice about a damaged database, for the end of an error's text. */
extern const char sqlite_file_damaged[];

/**
 * Check that PATH exists, or create it at the first start, with mode 0600. Fails if there are traces of an
 * earlier database: an empty file (after wait_ms, because another process may be creating it), a log without its
 * database, an interrupted restore.
 * @return DB_OK, or an error with a text that says what to do.
 */
int sqlite_file_make(const char *path, unsigned wait_ms, char *error, size_t error_size);

/** The contents of a log, according to its checksums. */
struct sqlite_log {
    uint32_t frames;  /**< valid frames from the start, which SQLite will read */
    uint32_t lost;    /**< commits after the first invalid frame: SQLite silently ignores them */
    uint32_t last_at; /**< the frame, from 1, with which the last of those ends */
};

/**
 * Read PATH-wal. O(its size). A power cut may leave one incomplete commit, the last, which was not acknowledged: lost =
 * 1. If there are more, they were acknowledged and are damaged. A log that another process is writing to may be
 * misjudged: look again with the writer's lock held.
 * @return DB_OK, also if there is no log; or an error with a text.
 */
int sqlite_log_look(const char *path, struct sqlite_log *out, char *error, size_t error_size);

#endif
