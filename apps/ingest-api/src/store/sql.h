/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/sql.h Reading SQL text just well enough: what it does, to which schema; and the SQLite dialect. */
#ifndef INGEST_STORE_SQL_H
#define INGEST_STORE_SQL_H

#include "config/metrics.h"

/** What promc_sql_read() finds, as our labels have it. */
void sql_classify(const char *sql, enum db_operation *operation, enum db_schema *schema);

/** `crm.x` → `crm_x` for the four schemas, `$n` → `?n`, outside of literals and comments. malloc()ed; NULL: no memory. */
char *sql_to_sqlite(const char *sql);

#endif
