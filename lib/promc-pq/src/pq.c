/* SPDX-License-Identifier: Apache-2.0 */
#include <promc-pq/pq.h>

#include <string.h>

static bool is_class_character(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z');
}

static const char *error_class_of(const char *state, char error_class[3])
{
    bool good = state && is_class_character(state[0]) && is_class_character(state[1]);
    memcpy(error_class, !state ? "08" : good ? state : "XX", 2);
    error_class[2] = '\0';
    return error_class;
}

const char *promc_pq_error_class(const PGconn *conn, const PGresult *result, char error_class[3])
{
    if (!result)
        return error_class_of(NULL, error_class);
    switch (PQresultStatus(result)) {
    case PGRES_BAD_RESPONSE:
    case PGRES_FATAL_ERROR:
        break;
    case PGRES_PIPELINE_ABORTED: /* the failed statement was counted separately */
    default:
        return NULL;
    }
    const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    /* no SQLSTATE from the server: the connection is lost, or an error inside libpq, e.g. no memory */
    if (!state && conn && PQstatus(conn) == CONNECTION_OK)
        state = "XX";
    return error_class_of(state, error_class);
}

bool promc_pq_end(promc_sql_query *query, const PGconn *conn, const PGresult *result)
{
    char error_class[3];
    return promc_sql_end(query, query->sql ? promc_pq_error_class(conn, result, error_class) : NULL);
}

PGconn *promc_pq_connect(promc_sql *sql, const char *const *keywords, const char *const *values, int expand_dbname)
{
    static const promc_sql_statement connecting = {.operation = PROMC_SQL_CONNECT};
    promc_sql_query query;
    promc_sql_begin_as(sql, &query, &connecting);
    PGconn *conn = PQconnectdbParams(keywords, values, expand_dbname);
    promc_sql_end(&query, conn && PQstatus(conn) == CONNECTION_OK ? NULL : "08");
    return conn;
}

PGresult *promc_pq_exec(promc_sql *sql, PGconn *conn, const char *text)
{
    promc_sql_query query;
    promc_sql_begin(sql, &query, text);
    PGresult *result = PQexec(conn, text);
    promc_pq_end(&query, conn, result);
    return result;
}

PGresult *promc_pq_exec_params(promc_sql *sql, PGconn *conn, const char *text, int n_params, const Oid *types,
                               const char *const *values, const int *lengths, const int *formats, int result_format)
{
    promc_sql_query query;
    promc_sql_begin(sql, &query, text);
    PGresult *result = PQexecParams(conn, text, n_params, types, values, lengths, formats, result_format);
    promc_pq_end(&query, conn, result);
    return result;
}

PGresult *promc_pq_prepare(promc_sql *sql, PGconn *conn, const char *name, const char *text, int n_params,
                           const Oid *types)
{
    char space[3];
    promc_sql_statement statement;
    PGresult *result = PQprepare(conn, name, text, n_params, types);
    const char *error_class = promc_pq_error_class(conn, result, space);
    if (sql && error_class) {
        promc_sql_read(text, PROMC_SQL_NUL_TERMINATED, &statement);
        promc_sql_error(sql, &statement, error_class);
    }
    return result;
}

PGresult *promc_pq_exec_prepared(promc_sql *sql, PGconn *conn, const promc_sql_statement *statement, const char *name,
                                 int n_params, const char *const *values, const int *lengths, const int *formats,
                                 int result_format)
{
    promc_sql_query query;
    promc_sql_begin_as(sql, &query, statement);
    PGresult *result = PQexecPrepared(conn, name, n_params, values, lengths, formats, result_format);
    promc_pq_end(&query, conn, result);
    return result;
}
