/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/sql.h Translates the service's SQL to SQLite's dialect. */
#ifndef INGEST_DB_SQL_H
#define INGEST_DB_SQL_H

/** `crm.x` → `crm_x` for the four schemas, `$n` → `?n`, outside literals and comments. malloc()ed; NULL: no memory. */
char *sql_to_sqlite(const char *sql);

#endif
