/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file db/roles.h
 * PostgreSQL's roles. One role may serve as owner, API and workers. Separate roles are:
 *   owner    owns the tables and migrates them (`ingest-api migrate`); nothing serves with it
 *   serving  reads and writes the rows of one organisation at a time; for --role=api
 *   all      also of all organisations at once; for workers, because their queues have the jobs of all
 * The last two own nothing: they cannot alter a policy, a table or a function.
 */
#ifndef INGEST_DB_ROLES_H
#define INGEST_DB_ROLES_H

#include "db/db.h"

#define DB_ROLE_MAX 63

/** Allowed names of a role: a-z, 0-9 and _, not a digit first, 1 to DB_ROLE_MAX characters. */
bool db_role_is_name(const char *name);

/**
 * Grant a role its rights on existing tables and on those of later migrations. For the owner, in a transaction; can be
 * repeated. A role that had `all` before and is granted less loses it.
 * @return DB_OK or an error: DB_E_INVALID if this store has no roles (SQLite).
 */
int db_role_grant(struct db *db, const char *role, bool all);

#endif
