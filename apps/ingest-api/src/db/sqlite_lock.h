/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/sqlite_lock.h Which process prevents others from writing to a SQLite database. */
#ifndef INGEST_DB_SQLITE_LOCK_H
#define INGEST_DB_SQLITE_LOCK_H

#define SQLITE_LOCK_NAME 32

/**
 * The other process that holds the database's write lock. Connections of this process may be open; their
 * locks stay. O(open files).
 * @param name as ps shows it; "" if /proc hides it
 * @return its pid; 0: nobody holds it, or only this process; -1: a process of another PID namespace does; -2: unknown
 */
int sqlite_lock_holder(const char *path, char name[SQLITE_LOCK_NAME]);

/**
 * Some other process that has the database open. @return as sqlite_lock_holder()
 * @param state of the process in /proc, 'T': it is stopped, 'D': it waits for a disk; 0 if unknown
 */
int sqlite_lock_user(const char *path, char name[SQLITE_LOCK_NAME], char *state);

#endif
