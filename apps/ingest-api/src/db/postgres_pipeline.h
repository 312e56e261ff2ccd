/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/postgres_pipeline.h The PostgreSQL driver's pipeline: statements on their way to the server. */
#ifndef INGEST_DB_POSTGRES_PIPELINE_H
#define INGEST_DB_POSTGRES_PIPELINE_H

#include "db/postgres_internal.h"

/**
 * Record an error; `result` NULL: on the connection. The primary message contains no values of rows; the detail would.
 *  @return the code
 */
int postgres_fail(struct postgres_db *self, const PGresult *result);

/** Put a statement into the pipeline; postgres_drain() sends it at the latest. Parameters are copied. */
int postgres_send(struct postgres_db *self, struct postgres_stmt *stmt, enum postgres_sent_as as);

/** Send everything now and make the server answer all of it. postgres_receive() reads the answers. */
int postgres_ask(struct postgres_db *self);
/**
 * Wait for the answer of a statement after postgres_ask(), and of earlier ones; the rest stays in progress.
 *  @return as postgres_drain()
 */
int postgres_receive(struct postgres_db *self, const struct postgres_stmt *stmt);
/** Is the pipeline empty, so that the connection can be used for anything? */
bool postgres_idle(const struct postgres_db *self);

/**
 * Wait for everything in the pipeline.
 * @return DB_OK, or the error of the first that failed, which has been counted.
 */
int postgres_drain(struct postgres_db *self);

/** Put what must run before a statement into the pipeline: BEGIN, the scope, the number of a write transaction. */
int postgres_before_statement(struct postgres_db *self);

/** One of the driver's own statements; NULL after db_fail(). */
struct postgres_stmt *postgres_own(struct postgres_db *self, enum postgres_own which);
void postgres_own_free(struct postgres_db *self);

#endif
