/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statements on their way to PostgreSQL (libpq's pipeline mode): all that one call sends is answered in one round trip.
 *
 *   BEGIN, the scope, the number       open a write transaction, with its first statement
 *   the scope, read only               before each statement of a read, which is its own transaction
 *   statements run `later`             with the next statement whose answer is needed, or with COMMIT
 *   statements sent `ahead`            at once; the server works on them, and answers, while others are prepared
 *
 * The first failure ends the pipeline: the server skips everything up to the next Sync, including COMMIT.
 * Few statements are in progress at once, and only the last of them returns many rows, so neither side ever
 * waits for the other to read.
 */
#include "db/postgres_pipeline.h"
#include "base/clock.h"
#include "db/sql.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The SQLSTATE's class decides, with a few exceptions. */
static int translate(const char *state)
{
    static const struct {
        const char *prefix;
        int code;
    } codes[] = {
        {"23505", DB_E_CONFLICT}, {"23503", DB_E_CONFLICT}, {"23", DB_E_INVALID},    {"22", DB_E_INVALID},
        {"53100", DB_E_FULL},     {"53", DB_E_BUSY},        {"40", DB_E_BUSY},       {"55P03", DB_E_BUSY},
        {"57014", DB_E_BUSY},     {"57P", DB_E_CONNECTION}, {"08", DB_E_CONNECTION}, {"25P03", DB_E_CONNECTION},
    };
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        if (strncmp(state, codes[i].prefix, strlen(codes[i].prefix)) == 0)
            return codes[i].code;
    return DB_E_OTHER;
}

/* Records an error. The primary message contains no values of rows; the detail would. */
int postgres_fail(struct postgres_db *self, const PGresult *result)
{
    const char *state = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;
    const char *text = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    char class[3];
    int code;
    if (state) {
        code = translate(state);
        snprintf(class, sizeof(class), "%.2s", state);
    } else {
        code = DB_E_CONNECTION;
        snprintf(class, sizeof(class), "08");
        text = PQerrorMessage(self->conn);
    }
    if (PQstatus(self->conn) == CONNECTION_BAD)
        code = DB_E_CONNECTION;
    return db_fail(&self->base, code, class, text ? text : "connection lost");
}

/* ---- sending ---- */

static int not_sent(struct postgres_db *self)
{
    return self->conn ? postgres_fail(self, NULL) : db_fail(&self->base, DB_E_CONNECTION, "08", "connection lost");
}

static void note(struct postgres_db *self, struct postgres_stmt *stmt, enum postgres_sent_as as)
{
    self->sent[self->sent_n++] = (struct postgres_sent){stmt, as, clock_monotonic_ns()};
}

int postgres_send(struct postgres_db *self, struct postgres_stmt *stmt, enum postgres_sent_as as)
{
    const char *values[POSTGRES_PARAMETERS];
    int lengths[POSTGRES_PARAMETERS], formats[POSTGRES_PARAMETERS];
    if (stmt->n > POSTGRES_PARAMETERS)
        return db_fail(&self->base, DB_E_OTHER, "54", "too many parameters");
    if (!self->conn || (PQpipelineStatus(self->conn) == PQ_PIPELINE_OFF && !PQenterPipelineMode(self->conn)))
        return not_sent(self);
    if (stmt->generation != self->generation) {
        if (!PQsendPrepare(self->conn, stmt->name, stmt->text, 0, NULL))
            return not_sent(self);
        note(self, stmt, POSTGRES_PREPARE);
        stmt->generation = self->generation; /* take_result() resets it if preparing fails */
    }
    for (int i = 0; i < stmt->n; i++) {
        values[i] = stmt->parameters[i].value;
        lengths[i] = stmt->parameters[i].length;
        formats[i] = stmt->parameters[i].binary;
    }
    if (!PQsendQueryPrepared(self->conn, stmt->name, stmt->n, values, lengths, formats, 0))
        return not_sent(self);
    note(self, stmt, as);
    return DB_OK;
}

/* ---- receiving ---- */

/* @param rc the error so far. @return the first error, or DB_OK. */
static int take_result(struct postgres_db *self, const struct postgres_sent *sent, PGresult *result, int rc)
{
    ExecStatusType status = PQresultStatus(result); /* PGRES_FATAL_ERROR of NULL */
    bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
    if (sent->as == POSTGRES_PREPARE && !good)
        sent->stmt->generation = 0;
    if (!good && rc == DB_OK && status != PGRES_PIPELINE_ABORTED) {
        rc = postgres_fail(self, result);
        db_query_failed(&self->base, &sent->stmt->base.said.statement);
    }
    if (good && sent->as == POSTGRES_LATER)
        db_observe(&sent->stmt->base.said, clock_monotonic_ns() - sent->ns);
    if (good && sent->as == POSTGRES_NOW)
        sent->stmt->result = result;
    else
        PQclear(result);
    return rc;
}

/* End the pipeline mode: then the connection can be used for anything again. */
static bool leave(struct postgres_db *self)
{
    bool synced = false;
    while (!synced && PQstatus(self->conn) == CONNECTION_OK) {
        PGresult *result = PQgetResult(self->conn);
        synced = PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
    return synced && PQexitPipelineMode(self->conn);
}

bool postgres_idle(const struct postgres_db *self)
{
    return !self->conn || PQpipelineStatus(self->conn) == PQ_PIPELINE_OFF;
}

int postgres_ask(struct postgres_db *self)
{
    return self->conn && PQsendFlushRequest(self->conn) && PQflush(self->conn) == 0 ? DB_OK : not_sent(self);
}

int postgres_receive(struct postgres_db *self, const struct postgres_stmt *stmt)
{
    int taken = 0, rc = DB_OK;
    bool found = false;
    while (taken < self->sent_n && rc == DB_OK && !found) {
        const struct postgres_sent *sent = &self->sent[taken++];
        found = sent->stmt == stmt && sent->as == POSTGRES_NOW;
        rc = take_result(self, sent, PQgetResult(self->conn), rc);
        PQclear(PQgetResult(self->conn)); /* NULL: the end of this statement's results */
    }
    self->sent_n -= taken;
    memmove(self->sent, self->sent + taken, (size_t)self->sent_n * sizeof(self->sent[0]));
    if (rc == DB_OK && found)
        return DB_OK;
    int drained = postgres_drain(self);
    return rc != DB_OK ? rc : drained != DB_OK ? drained : not_sent(self);
}

int postgres_drain(struct postgres_db *self)
{
    int n = self->sent_n, rc = DB_OK;
    self->sent_n = 0;
    if (postgres_idle(self))
        return DB_OK;
    bool lost = !PQpipelineSync(self->conn);
    for (int i = 0; i < n; i++) {
        rc = take_result(self, &self->sent[i], lost ? NULL : PQgetResult(self->conn), rc);
        if (!lost)
            PQclear(PQgetResult(self->conn)); /* NULL: the end of this statement's results */
        lost |= PQstatus(self->conn) != CONNECTION_OK;
    }
    if (!lost && leave(self))
        return rc;
    if (rc == DB_OK)
        rc = db_fail(&self->base, DB_E_CONNECTION, "08", "connection lost");
    postgres_disconnect(self);
    return rc;
}

/* ---- the driver's own statements: begin, scope, end ---- */

/* Their names can be recognised on the wire and in pg_prepared_statements. */
static const struct {
    const char *name, *sql;
} own[POSTGRES_OWN] = {
    [POSTGRES_OWN_BEGIN] = {"begin", "BEGIN"},
    [POSTGRES_OWN_COMMIT] = {"commit", "COMMIT"},
    [POSTGRES_OWN_ROLLBACK] = {"rollback", "ROLLBACK"},
    [POSTGRES_OWN_SCOPE] = {"scope", "SELECT set_config('app.organisation_id', $1, true)"},
    [POSTGRES_OWN_READ] = {"read", "SELECT set_config('app.organisation_id', $1, true),"
                                   " set_config('transaction_read_only', 'on', true)"},
    [POSTGRES_OWN_NUMBER] = {"number", "UPDATE tracking.commits SET number = $1 WHERE session = $2"},
};

struct postgres_stmt *postgres_own(struct postgres_db *self, enum postgres_own which)
{
    if (!self->own[which]) {
        struct db_stmt *base = self->base.driver->prepare(&self->base, own[which].sql);
        if (!base)
            return NULL;
        struct postgres_stmt *stmt = (struct postgres_stmt *)base;
        snprintf(stmt->name, sizeof(stmt->name), "%s", own[which].name);
        base->db = &self->base;
        base->cached = true;
        promc_sql_prepare(metrics_sql(), own[which].sql, PROMC_SQL_NUL_TERMINATED, &base->said);
        self->own[which] = stmt;
    }
    return self->own[which];
}

void postgres_own_free(struct postgres_db *self)
{
    for (int i = 0; i < POSTGRES_OWN; i++)
        if (self->own[i])
            self->base.driver->finalize(&self->own[i]->base);
}

static int send_own(struct postgres_db *self, enum postgres_own which, const char *parameter)
{
    struct postgres_stmt *stmt = postgres_own(self, which);
    if (!stmt)
        return self->base.error_code;
    if (parameter)
        db_bind_str(&stmt->base, 1, parameter);
    return postgres_send(self, stmt, POSTGRES_BEFORE);
}

static int send_number(struct postgres_db *self)
{
    struct postgres_stmt *stmt = postgres_own(self, POSTGRES_OWN_NUMBER);
    if (!stmt)
        return self->base.error_code;
    db_bind_int(&stmt->base, 1, (int64_t)++self->transaction);
    db_bind_uuid(&stmt->base, 2, self->session);
    self->numbered = true;
    return postgres_send(self, stmt, POSTGRES_BEFORE);
}

int postgres_before_statement(struct postgres_db *self)
{
    int rc = DB_OK;
    if (self->state == POSTGRES_READ)
        return send_own(self, POSTGRES_OWN_READ, self->scope);
    if (self->state == POSTGRES_WRITE) {
        bool number = self->base.migrated;
        rc = number ? postgres_number_ready(self) : DB_OK;
        if (rc == DB_OK)
            rc = send_own(self, POSTGRES_OWN_BEGIN, NULL);
        if (rc == DB_OK)
            self->state = POSTGRES_BEGUN;
        if (rc == DB_OK && number)
            rc = send_number(self);
    }
    if (rc == DB_OK && strcmp(self->scope, self->scope_sent) != 0) {
        rc = send_own(self, POSTGRES_OWN_SCOPE, self->scope);
        snprintf(self->scope_sent, sizeof(self->scope_sent), "%s", self->scope);
    }
    return rc;
}
