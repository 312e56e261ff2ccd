/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The PostgreSQL driver (libpq). BEGIN, and the organisation for row-level security, are sent together with the
 * first statement (postgres_pipeline.c). A read needs no COMMIT: each of its statements is a transaction of its
 * own, because in READ COMMITTED each would have its own snapshot anyway. Statements are prepared at their
 * first use on a connection.
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "db/driver.h"
#include "db/postgres_pipeline.h"
#include "db/sql.h"

#include <errno.h>
#include <poll.h>
#include <promc-pq/pq.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Give up a server that does not answer. Times in ms where PostgreSQL takes ms.
 * The text before dbname is a default that the URL overrides: with GSSAPI encryption each new connection would look for
 * Kerberos credentials, which few services have.
 */
static const char *const keys[] = {"gssencmode",
                                   "dbname",
                                   "connect_timeout",
                                   "keepalives_idle",
                                   "keepalives_interval",
                                   "keepalives_count",
                                   "tcp_user_timeout",
                                   "application_name",
                                   "client_encoding",
                                   "options",
                                   NULL};
/* The server's keepalives: it ends the sessions of a machine without power within 11 s (queue/orphans.h). */
static const char options[] =
    "-c statement_timeout=30000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=60000"
    " -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3";

#define OUTCOME_NS 30000000000u /* how long find_outcome() asks: the longest time that a statement may take */
#define ROW_NS 3600000000000u   /* a row of tracking.commits is kept for a day */

/* ---- the connection ---- */

static void ignore_notice(void *arg, const PGresult *result)
{
    (void)arg;
    (void)result;
}

/*
 * The server may have closed the connection while it was idle; then the socket is readable: a last message, or the end.
 * Otherwise this costs one system call.
 */
static bool is_alive(struct postgres_db *self)
{
    if (!self->conn || PQstatus(self->conn) != CONNECTION_OK)
        return false;
    struct pollfd fd = {.fd = PQsocket(self->conn), .events = POLLIN};
    for (int i = 0; i < 4 && poll(&fd, 1, 0) > 0; i++)
        if (!PQconsumeInput(self->conn) || PQstatus(self->conn) != CONNECTION_OK)
            return false;
    return true;
}

void postgres_disconnect(struct postgres_db *self)
{
    if (self->conn)
        PQfinish(self->conn);
    self->conn = NULL;
    self->state = POSTGRES_IDLE;
    self->scope_sent[0] = 0;
    self->sent_n = 0;
    self->generation++; /* the prepared statements are lost with the connection */
}

static int postgres_ready(struct db *db)
{
    struct postgres_db *self = (struct postgres_db *)db;
    if (is_alive(self))
        return DB_OK;
    postgres_disconnect(self);
    const char *values[] = {"disable", self->url, "3", "10", "5", "3", "15000", self->name, "UTF8", options, NULL};
    self->conn = promc_pq_connect(metrics_sql(), keys, values, 1);
    if (!self->conn)
        return db_fail(db, DB_E_CONNECTION, "53", "out of memory");
    if (PQstatus(self->conn) == CONNECTION_OK) {
        PQsetNoticeReceiver(self->conn, ignore_notice, NULL);
        return DB_OK;
    }
    db_fail(db, DB_E_CONNECTION, "08", PQerrorMessage(self->conn));
    postgres_disconnect(self);
    return DB_E_CONNECTION;
}

static void postgres_close(struct db *db)
{
    struct postgres_db *self = (struct postgres_db *)db;
    db_cache_clear(db);
    postgres_disconnect(self);
    postgres_own_free(self);
    free(self->url);
    free(self);
}

/* ---- transactions ---- */

/* Run statements without parameters or rows, timed as one query. The pipeline must be empty. */
static int simple(struct postgres_db *self, const char *sql)
{
    promc_sql_prepared said;
    promc_sql_prepare(metrics_sql(), sql, PROMC_SQL_NUL_TERMINATED, &said);
    uint64_t start = clock_monotonic_ns();
    PGresult *result = PQexec(self->conn, sql);
    int rc = PQresultStatus(result) == PGRES_COMMAND_OK || PQresultStatus(result) == PGRES_TUPLES_OK
                 ? DB_OK
                 : postgres_fail(self, result);
    PQclear(result);
    db_observe(&said, clock_monotonic_ns() - start);
    if (rc != DB_OK)
        db_query_failed(&self->base, &said.statement);
    return rc;
}

static int postgres_begin(struct db *db, bool write)
{
    struct postgres_db *self = (struct postgres_db *)db;
    if (!is_alive(self))
        return db_fail(db, DB_E_CONNECTION, "08", "connection lost");
    self->state = write ? POSTGRES_WRITE : POSTGRES_READ;
    self->scope[0] = 0;
    self->scope_sent[0] = 0;
    self->numbered = false;
    return DB_OK;
}

/*
 * This connection's row, which numbers its transactions, see find_outcome(): updating an existing row costs half as
 * much as an upsert. The row is refreshed every hour while it is in use; see postgres_advise().
 */
int postgres_number_ready(struct postgres_db *self)
{
    char sql[256];
    if (self->numbering == self->generation && clock_monotonic_ns() - self->row_ns < ROW_NS)
        return DB_OK;
    snprintf(sql, sizeof(sql),
             "INSERT INTO tracking.commits (session, number) VALUES ('%s', 0)"
             " ON CONFLICT (session) DO UPDATE SET at = excluded.at",
             self->session);
    int rc = simple(self, sql);
    if (rc != DB_OK)
        return rc;
    self->numbering = self->generation;
    self->row_ns = clock_monotonic_ns();
    return DB_OK;
}

/* Send COMMIT or ROLLBACK, with the statements that run before it. */
static int end(struct postgres_db *self, enum postgres_own which, const char *tag)
{
    struct postgres_stmt *stmt = postgres_own(self, which);
    int rc = stmt ? DB_OK : self->base.error_code;
    if (self->state == POSTGRES_BEGUN && stmt) {
        uint64_t start = clock_monotonic_ns();
        rc = postgres_send(self, stmt, POSTGRES_NOW);
        if (rc == DB_OK)
            rc = postgres_drain(self);
        /* A COMMIT of a failed transaction "succeeds" as a ROLLBACK. */
        if (rc == DB_OK && strcmp(PQcmdStatus(stmt->result), tag) != 0)
            rc = db_fail(&self->base, DB_E_OTHER, "25", "the transaction has already failed");
        stmt->base.db->driver->reset(&stmt->base);
        db_observe(&stmt->base.said, clock_monotonic_ns() - start);
        if (rc != DB_OK)
            db_query_failed(&self->base, &stmt->base.said.statement);
    }
    /* A failure before the COMMIT has skipped it: the transaction must still be rolled back. */
    if (self->conn && PQtransactionStatus(self->conn) != PQTRANS_IDLE)
        return rc;
    self->state = POSTGRES_IDLE;
    self->scope[0] = 0;
    self->scope_sent[0] = 0;
    return rc;
}

/* @return 1: our transaction is committed; 0: it is not, and will not be; -1: no answer. */
static int ask_outcome(struct postgres_db *self)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "SELECT number FROM tracking.commits WHERE session = '%s' FOR UPDATE", self->session);
    PGresult *result = promc_pq_exec(metrics_sql(), self->conn, sql);
    bool answered = PQresultStatus(result) == PGRES_TUPLES_OK;
    bool there =
        answered && PQntuples(result) == 1 && strtoull(PQgetvalue(result, 0, 0), NULL, 10) == self->transaction;
    PQclear(result);
    return answered ? there : -1;
}

/*
 * The answer to a COMMIT was lost: was it applied? Each write transaction first writes its number into a row
 * of tracking.commits that no other connection touches. So the number is there if and only if the
 * transaction was committed. A server process that is still committing holds the row's lock, so SELECT … FOR
 * UPDATE waits for the outcome.
 */
static int find_outcome(struct postgres_db *self)
{
    uint64_t end_ns = clock_monotonic_ns() + OUTCOME_NS;
    long pause_ns = 50000000;
    int outcome = -1;
    while (outcome < 0 && clock_monotonic_ns() < end_ns) {
        if (postgres_ready(&self->base) == DB_OK)
            outcome = ask_outcome(self);
        if (outcome >= 0)
            break;
        nanosleep(&(struct timespec){.tv_nsec = pause_ns}, NULL);
        pause_ns = pause_ns < 400000000 ? pause_ns * 2 : pause_ns;
    }
    if (outcome < 0) {
        log_error("connection lost during COMMIT: whether it was applied is unknown", "s:component", "store");
        return db_fail(&self->base, DB_E_UNKNOWN, "08", "connection lost during COMMIT");
    }
    log_warn("connection lost during COMMIT", "s:component", "store", "b:applied", outcome);
    return outcome
               ? DB_OK
               : db_fail(&self->base, DB_E_CONNECTION, "08", "connection lost during COMMIT, which was not applied");
}

static int postgres_commit(struct db *db)
{
    struct postgres_db *self = (struct postgres_db *)db;
    int rc = end(self, POSTGRES_OWN_COMMIT, "COMMIT");
    return rc == DB_E_CONNECTION && self->numbered ? find_outcome(self) : rc;
}

static int postgres_rollback(struct db *db)
{
    struct postgres_db *self = (struct postgres_db *)db;
    (void)postgres_drain(self); /* a failure would prevent ROLLBACK */
    int rc = end(self, POSTGRES_OWN_ROLLBACK, "ROLLBACK");
    if (rc != DB_OK) /* then the server rolls back when the connection ends */
        postgres_disconnect(self);
    return rc;
}

static bool postgres_in_transaction(struct db *db)
{
    struct postgres_db *self = (struct postgres_db *)db;
    if (self->state != POSTGRES_BEGUN)
        return self->state != POSTGRES_IDLE;
    return PQstatus(self->conn) == CONNECTION_OK;
}

static int postgres_scope(struct db *db, const char *organisation_id)
{
    struct postgres_db *self = (struct postgres_db *)db;
    snprintf(self->scope, sizeof(self->scope), "%s", organisation_id);
    return DB_OK;
}

/* ---- statements ---- */

/* Syntax that only PostgreSQL has is in comments that begin with `pg`: uncomment them. */
static char *to_postgres(const char *sql)
{
    char *out = strdup(sql), *at = out, *end_of;
    while (at && (at = strstr(at, "/*pg ")) && (end_of = strstr(at, "*/"))) {
        memset(at, ' ', 5);
        memset(end_of, ' ', 2);
    }
    return out;
}

/* The highest $n. */
static int count_parameters(const char *sql)
{
    int max = 0;
    for (const char *p = sql; (p = strchr(p, '$')); p++) {
        int n = (int)strtol(p + 1, NULL, 10);
        if (n > max)
            max = n;
    }
    return max;
}

static struct db_stmt *postgres_prepare(struct db *db, const char *sql)
{
    struct postgres_db *self = (struct postgres_db *)db;
    int n = count_parameters(sql);
    struct postgres_stmt *stmt = calloc(1, sizeof(*stmt));
    struct postgres_parameter *parameters = calloc((size_t)n + 1, sizeof(*parameters));
    char *text = to_postgres(sql);
    if (!stmt || !parameters || !text) {
        free(stmt);
        free(parameters);
        free(text);
        db_fail(db, DB_E_OTHER, "53", "out of memory");
        return NULL;
    }
    snprintf(stmt->name, sizeof(stmt->name), "s%u", ++self->names);
    stmt->text = text;
    stmt->parameters = parameters;
    stmt->n = n;
    return &stmt->base;
}

static void postgres_finalize(struct db_stmt *base)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    struct postgres_db *self = (struct postgres_db *)base->db;
    char sql[64];
    /* an uncached statement would stay in the server until the connection ends */
    if (!base->cached && stmt->generation == self->generation && self->conn && postgres_idle(self)) {
        snprintf(sql, sizeof(sql), "DEALLOCATE %s", stmt->name);
        PQclear(PQexec(self->conn, sql));
    }
    PQclear(stmt->result);
    free(stmt->text);
    free(stmt->parameters);
    free(stmt);
}

static struct postgres_parameter *parameter(struct db_stmt *base, int index)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    static struct postgres_parameter nowhere; /* for an index that is not in the SQL; never read */
    return index >= 1 && index <= stmt->n ? &stmt->parameters[index - 1] : &nowhere;
}

/*
 * Text, ids and blobs are sent in PostgreSQL's binary formats; integers as text, because the server knows
 * their type better than we do.
 */
static void postgres_bind_null(struct db_stmt *stmt, int index)
{
    *parameter(stmt, index) = (struct postgres_parameter){0};
}

static void postgres_bind_blob(struct db_stmt *stmt, int index, const void *data, size_t length)
{
    struct postgres_parameter *p = parameter(stmt, index);
    p->value = data;
    p->length = (int)length;
    p->binary = 1;
}

static void postgres_bind_text(struct db_stmt *stmt, int index, const char *value, size_t length)
{
    postgres_bind_blob(stmt, index, value, length);
}

static void postgres_bind_uuid(struct db_stmt *stmt, int index, const unsigned char uuid[16])
{
    struct postgres_parameter *p = parameter(stmt, index);
    memcpy(p->space, uuid, 16);
    postgres_bind_blob(stmt, index, p->space, 16);
}

static void postgres_bind_int(struct db_stmt *stmt, int index, int64_t value)
{
    struct postgres_parameter *p = parameter(stmt, index);
    p->length = snprintf(p->space, sizeof(p->space), "%lld", (long long)value);
    p->value = p->space;
    p->binary = 0;
}

static int execute(struct postgres_db *self, struct postgres_stmt *stmt)
{
    int rc = postgres_before_statement(self);
    if (rc == DB_OK)
        rc = postgres_send(self, stmt, POSTGRES_NOW);
    int drained = postgres_drain(self); /* also if only a part could be sent */
    return rc != DB_OK ? rc : drained;
}

/* Only in a write transaction: another statement or the COMMIT must follow. */
static int postgres_later(struct db_stmt *base)
{
    struct postgres_db *self = (struct postgres_db *)base->db;
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (self->state != POSTGRES_WRITE && self->state != POSTGRES_BEGUN)
        return execute(self, stmt);
    int rc = self->sent_n > POSTGRES_SENT / 2 ? postgres_drain(self) : DB_OK;
    if (rc == DB_OK)
        rc = postgres_before_statement(self);
    return rc == DB_OK ? postgres_send(self, stmt, POSTGRES_LATER) : rc;
}

static int postgres_ahead(struct db_stmt *base)
{
    struct postgres_db *self = (struct postgres_db *)base->db;
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (self->state != POSTGRES_WRITE && self->state != POSTGRES_BEGUN)
        return DB_OK; /* the first step runs it */
    int rc = self->sent_n > POSTGRES_SENT / 2 ? postgres_drain(self) : DB_OK;
    if (rc == DB_OK)
        rc = postgres_before_statement(self);
    if (rc == DB_OK)
        rc = postgres_send(self, stmt, POSTGRES_NOW);
    if (rc == DB_OK)
        rc = postgres_ask(self);
    stmt->ahead = rc == DB_OK;
    return rc;
}

/* Run the statement, or wait for its answer if it was sent ahead. The next row is then its first. */
static int first_row(struct postgres_db *self, struct postgres_stmt *stmt)
{
    int rc = DB_OK;
    if (!stmt->result)
        rc = stmt->ahead ? postgres_receive(self, stmt) : execute(self, stmt);
    stmt->ahead = false;
    if (rc != DB_OK)
        return rc;
    self->changes = strtoll(PQcmdTuples(stmt->result), NULL, 10);
    stmt->base.columns = PQnfields(stmt->result);
    stmt->row = -1;
    return DB_OK;
}

static int postgres_step(struct db_stmt *base)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (stmt->ahead || !stmt->result) {
        int rc = first_row((struct postgres_db *)base->db, stmt);
        if (rc != DB_OK)
            return rc;
    }
    if (stmt->row < PQntuples(stmt->result))
        stmt->row++;
    return stmt->row < PQntuples(stmt->result) ? DB_ROW : DB_OK;
}

/* See db_step_last(). COMMIT is sent with the statement. */
static int postgres_step_last(struct db_stmt *base)
{
    struct postgres_db *self = (struct postgres_db *)base->db;
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (self->state != POSTGRES_WRITE && self->state != POSTGRES_BEGUN)
        return postgres_step(base);
    int rc = postgres_before_statement(self);
    if (rc == DB_OK)
        rc = postgres_send(self, stmt, POSTGRES_NOW);
    if (rc == DB_OK)
        rc = postgres_commit(&self->base);
    else
        (void)postgres_drain(self);
    if (rc != DB_OK)
        return rc;
    self->state = POSTGRES_READ;
    if (!stmt->result || first_row(self, stmt) != DB_OK)
        return DB_OK;
    return postgres_step(base);
}

static const char *postgres_column_text(struct db_stmt *base, int column)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (!stmt->result || stmt->row < 0 || stmt->row >= PQntuples(stmt->result) ||
        PQgetisnull(stmt->result, stmt->row, column))
        return NULL;
    return PQgetvalue(stmt->result, stmt->row, column);
}

static size_t postgres_column_length(struct db_stmt *base, int column)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    return postgres_column_text(base, column) ? (size_t)PQgetlength(stmt->result, stmt->row, column) : 0;
}

static int64_t postgres_column_int(struct db_stmt *base, int column)
{
    const char *text = postgres_column_text(base, column);
    if (!text)
        return 0;
    return *text == 't' ? 1 : strtoll(text, NULL, 10); /* booleans are t and f */
}

static void postgres_reset(struct db_stmt *base)
{
    struct postgres_stmt *stmt = (struct postgres_stmt *)base;
    if (stmt->ahead && !stmt->result) /* read its answer now, or the next statement would read it */
        (void)postgres_drain((struct postgres_db *)base->db);
    PQclear(stmt->result);
    stmt->result = NULL;
    stmt->ahead = false;
}

static int64_t postgres_changes(struct db *db)
{
    return ((struct postgres_db *)db)->changes;
}

/* ---- migrations ---- */

static int postgres_script(struct db *db, const char *sql)
{
    struct postgres_db *self = (struct postgres_db *)db;
    int rc = postgres_before_statement(self);
    if (rc == DB_OK)
        rc = postgres_drain(self);
    return rc == DB_OK ? simple(self, sql) : rc;
}

static bool postgres_table_exists(struct db *db, const char *schema, const char *table)
{
    struct db_stmt *stmt =
        db_prepare(db, "SELECT 1 FROM information_schema.tables WHERE table_schema = $1 AND table_name = $2");
    db_bind_str(stmt, 1, schema);
    db_bind_str(stmt, 2, table);
    bool there = db_step(stmt) == DB_ROW;
    db_done(stmt);
    return there;
}

static bool postgres_reaches_all(struct db *db)
{
    struct db_stmt *stmt = db_prepare(db, "SELECT has_function_privilege('iam.all_organisations()', 'EXECUTE')");
    bool all = db_step(stmt) == DB_ROW && db_column_int(stmt, 0);
    db_done(stmt);
    return all;
}

static void postgres_advise(struct db *db)
{
    struct db_stmt *stmt =
        db_prepare(db, "SELECT rolsuper OR rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user");
    if (db_step(stmt) == DB_ROW && db_column_int(stmt, 0))
        log_warn("the database role bypasses row-level security: use a role that is not a superuser", "s:component",
                 "store");
    db_done(stmt);
    /* Delete the rows of closed connections. A connection that was idle for a day creates its row again. */
    (void)db_exec(db, "DELETE FROM tracking.commits WHERE at < now() - interval '1 day'", "");
}

static const struct db_driver driver = {
    .name = "postgres",
    .many_writers = true,
    .arrays = true,
    .migrations = db_migrations_postgres,
    .prologue = &db_prologue_postgres,
    .advise = postgres_advise,
    .reaches_all = postgres_reaches_all,
    .ready = postgres_ready,
    .begin = postgres_begin,
    .commit = postgres_commit,
    .rollback = postgres_rollback,
    .close = postgres_close,
    .prepare = postgres_prepare,
    .finalize = postgres_finalize,
    .bind_null = postgres_bind_null,
    .bind_text = postgres_bind_text,
    .bind_int = postgres_bind_int,
    .bind_uuid = postgres_bind_uuid,
    .bind_blob = postgres_bind_blob,
    .step = postgres_step,
    .later = postgres_later,
    .ahead = postgres_ahead,
    .step_last = postgres_step_last,
    .column_text = postgres_column_text,
    .column_length = postgres_column_length,
    .column_int = postgres_column_int,
    .column_uuid = postgres_column_text,
    .reset = postgres_reset,
    .changes = postgres_changes,
    .in_transaction = postgres_in_transaction,
    .script = postgres_script,
    .table_exists = postgres_table_exists,
    .scope = postgres_scope,
};

int db_open_postgres(struct db **out, const char *url, char *error, size_t error_size)
{
    char *parse_error = NULL;
    PQconninfoOption *parsed = PQconninfoParse(url, &parse_error);
    if (!parsed) {
        /* libpq's text quotes the URL, which may contain a password. */
        snprintf(error, error_size, "STORE is not a valid PostgreSQL URL");
        PQfreemem(parse_error);
        return DB_E_INVALID;
    }
    PQconninfoFree(parsed);
    struct postgres_db *self = calloc(1, sizeof(*self));
    char *copy = strdup(url);
    char owner[OWNER_SIZE];
    if (!self || !copy) {
        free(self);
        free(copy);
        snprintf(error, error_size, "out of memory");
        return DB_E_OTHER;
    }
    self->base.driver = &driver;
    self->url = copy;
    self->generation = 1;
    owner_self(owner);
    snprintf(self->name, sizeof(self->name), OWNER_SESSION "%.*s", OWNER_SIZE - (int)sizeof(OWNER_SESSION), owner);
    uuid_new_text(self->session);
    *out = &self->base;
    return DB_OK;
}
