/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/sql.h Reading SQL text just well enough: what it does, to which schema; and the SQLite dialect. */
#ifndef INGEST_DB_SQL_H
#define INGEST_DB_SQL_H

#include "metrics/metrics.h"

/** What promc_sql_read() finds, as our labels have it. */
void sql_classify(const char *sql, enum db_operation *operation, enum db_schema *schema);

/** `crm.x` → `crm_x` for the four schemas, `$n` → `?n`, outside of literals and comments. malloc()ed; NULL: no memory. */
char *sql_to_sqlite(const char *sql);

#endif
