/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/postgres_pipeline.h Statements on their way to the server, of the PostgreSQL driver. */
#ifndef INGEST_DB_POSTGRES_PIPELINE_H
#define INGEST_DB_POSTGRES_PIPELINE_H

#include "db/postgres_internal.h"

/** Record what went wrong; `result` NULL: on the connection. The primary message has no values of rows in it; the detail would.
 *  @return the code */
int postgres_fail(struct postgres_db *self, const PGresult *result);

/** Into the pipeline with it; sent at the latest by postgres_drain(). Parameters are copied. */
int postgres_send(struct postgres_db *self, struct postgres_stmt *stmt, enum postgres_sent_as as);

/** Wait for all that is in the pipeline. @return DB_OK, or the error of the first that failed, which has been counted. */
int postgres_drain(struct postgres_db *self);

/** Put into the pipeline what has to go before a statement: BEGIN, the scope, the number of a transaction that writes. */
int postgres_before_statement(struct postgres_db *self);

/** One of the driver's own; NULL after db_fail(). */
struct postgres_stmt *postgres_own(struct postgres_db *self, enum postgres_own which);
void postgres_own_free(struct postgres_db *self);

#endif
