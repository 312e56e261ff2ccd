/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-pq/pq.h
 * Metrics around your own libpq calls: how long queries take by operation and schema, errors by SQLSTATE class.
 * The families, their labels and their bounds are those of promc-sql/queries.h; a pool's are in promc-sql/pool.h.
 *
 *     promc_sql *sql;
 *     promc_sql_create(&sql, registry, NULL);
 *     PGresult *result = promc_pq_exec(sql, conn, "SELECT name FROM crm.people");
 *
 * The calls have libpq's names, arguments (after the first), results and ownership, and leave the connection in the same state as
 * libpq. `sql` may be NULL: metrics are off. Thread safe like libpq: one thread at a time per connection.
 */
#ifndef PROMC_PQ_PQ_H
#define PROMC_PQ_PQ_H

#include <libpq-fe.h>
#include <promc-sql/queries.h>

#ifdef __cplusplus
extern "C" {
#endif

/** PQconnectdbParams(), counted as operation "connect". A refused connection is class 08. */
PROMC_API PGconn *promc_pq_connect(promc_sql *sql, const char *const *keywords, const char *const *values,
                                   int expand_dbname);

/** PQexec(). With several statements, the operation is that of the first, and the time is the total. */
PROMC_API PGresult *promc_pq_exec(promc_sql *sql, PGconn *conn, const char *text);

/** PQexecParams(). */
PROMC_API PGresult *promc_pq_exec_params(promc_sql *sql, PGconn *conn, const char *text, int n_params, const Oid *types,
                                         const char *const *values, const int *lengths, const int *formats,
                                         int result_format);

/** PQprepare(). The time is not observed, because it is not a query's; a failure is counted. */
PROMC_API PGresult *promc_pq_prepare(promc_sql *sql, PGconn *conn, const char *name, const char *text, int n_params,
                                     const Oid *types);

/** PQexecPrepared(). @param statement the prepared statement, read once by promc_sql_read(). */
PROMC_API PGresult *promc_pq_exec_prepared(promc_sql *sql, PGconn *conn, const promc_sql_statement *statement,
                                           const char *name, int n_params, const char *const *values,
                                           const int *lengths, const int *formats, int result_format);

/* ---- anything else: pipelines, COPY, the asynchronous calls ---- */

/**
 * Call promc_sql_begin() before you send the query, and this after its last `result`. As with PQexec(), a NULL result is a
 * failure of the connection.  @return as promc_sql_end().
 */
PROMC_API bool promc_pq_end(promc_sql_query *query, const PGconn *conn, const PGresult *result);

/**
 * The SQLSTATE class of a failed result: two characters, e.g. "23". "08" if the server sent nothing because the
 * connection is lost. NULL: it did not fail.
 * @param[out] error_class buffer for the returned string. A class has only digits and capital letters; otherwise it is "XX".
 */
PROMC_API const char *promc_pq_error_class(const PGconn *conn, const PGresult *result, char error_class[3]);

#ifdef __cplusplus
}
#endif
#endif
