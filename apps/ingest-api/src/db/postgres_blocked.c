/* SPDX-License-Identifier: Apache-2.0 */
#include "db/postgres_blocked.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Looks at waiting sessions of our database. Their blocker may have any role, but one that
 * waits itself is not the cause.
 */
static const char question[] = "SELECT b.pid, coalesce(b.application_name, ''), coalesce(b.state, ''), count(*),"
                               " (extract(epoch FROM min(coalesce(w.query_start, now()))) * 1000)::bigint"
                               " FROM pg_catalog.pg_stat_activity w"
                               " CROSS JOIN LATERAL unnest(pg_catalog.pg_blocking_pids(w.pid)) AS blocker(pid)"
                               " JOIN pg_catalog.pg_stat_activity b ON b.pid = blocker.pid"
                               " WHERE w.datname = current_database()"
                               " GROUP BY b.pid, b.application_name, b.state, b.wait_event_type"
                               " ORDER BY coalesce(b.wait_event_type, '') = 'Lock', count(*) DESC LIMIT 1";

static void copy(char *out, size_t size, const char *text)
{
    (void)snprintf(out, size, "%s", text ? text : "");
}

static int read_answer(const PGresult *result, struct postgres_blocked *out)
{
    if (PQntuples(result) == 0)
        return 0;
    out->pid = (int)strtol(PQgetvalue(result, 0, 0), NULL, 10);
    copy(out->application, sizeof(out->application), PQgetvalue(result, 0, 1));
    copy(out->state, sizeof(out->state), PQgetvalue(result, 0, 2));
    out->waiting = strtoll(PQgetvalue(result, 0, 3), NULL, 10);
    out->since_ms = strtoll(PQgetvalue(result, 0, 4), NULL, 10);
    return 1;
}

int postgres_blocked(const char *url, struct postgres_blocked *out, char *error, size_t error_size)
{
    static const char *const keys[] = {
        "gssencmode", "dbname", "connect_timeout", "tcp_user_timeout", "application_name", "options", NULL};
    const char *const values[] = {"disable", url, "2", "3000", "ingest-api why", "-c statement_timeout=3000", NULL};
    int rc = -1;
    memset(out, 0, sizeof(*out));
    PGconn *conn = PQconnectdbParams(keys, values, 1);
    if (conn && PQhost(conn))
        (void)snprintf(out->host, sizeof(out->host), "%s:%s", PQhost(conn), PQport(conn) ? PQport(conn) : "");
    PGresult *result = PQstatus(conn) == CONNECTION_OK ? PQexec(conn, question) : NULL;
    if (PQresultStatus(result) == PGRES_TUPLES_OK)
        rc = read_answer(result, out);
    else
        copy(error, error_size, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
    return rc;
}
