/* SPDX-License-Identifier: Apache-2.0 */
/** @file db/postgres_internal.h Internals of the PostgreSQL driver. */
#ifndef INGEST_DB_POSTGRES_INTERNAL_H
#define INGEST_DB_POSTGRES_INTERNAL_H

#include "base/owner.h"
#include "db/driver.h"

#include <libpq-fe.h>

enum postgres_state {
    POSTGRES_IDLE,
    POSTGRES_READ,  /**< each statement is a read-only transaction of its own */
    POSTGRES_WRITE, /**< BEGIN is sent with the first statement */
    POSTGRES_BEGUN
};

#define POSTGRES_PARAMETERS 400
#define POSTGRES_SENT 64

struct postgres_stmt;

enum postgres_sent_as {
    POSTGRES_PREPARE, /**< the Parse message, not the statement itself */
    POSTGRES_BEFORE,  /**< must run before another statement; its result matters only if it failed */
    POSTGRES_LATER,   /**< db_exec_later(): nobody waits for its result */
    POSTGRES_NOW      /**< its result is kept in the statement */
};

struct postgres_sent {
    struct postgres_stmt *stmt;
    enum postgres_sent_as as;
    uint64_t ns;
};

/** Statements of the driver itself. */
enum postgres_own {
    POSTGRES_OWN_BEGIN,
    POSTGRES_OWN_COMMIT,
    POSTGRES_OWN_ROLLBACK,
    POSTGRES_OWN_SCOPE,
    POSTGRES_OWN_READ, /**< the scope of one read-only statement */
    POSTGRES_OWN_NUMBER,
    POSTGRES_OWN
};

struct postgres_db {
    struct db base;
    char *url;
    PGconn *conn; /**< NULL: not connected */
    enum postgres_state state;
    char scope[40], scope_sent[40]; /**< organisation id, "*", or "" */
    unsigned generation;            /**< incremented when the connection, with its prepared statements, is lost */
    unsigned names;
    int64_t changes;
    char name[OWNER_SIZE]; /**< of its sessions: OWNER_SESSION */
    char session[40];      /**< this connection's row in tracking.commits, also after a reconnect */
    uint64_t transaction;  /**< the number of the last write transaction */
    unsigned numbering;    /**< generation in which our row of tracking.commits was checked; 0: none */
    uint64_t row_ns;       /**< when our row of tracking.commits was last created or refreshed */
    bool numbered;         /**< the current transaction has sent its number */

    struct postgres_stmt *own[POSTGRES_OWN];  /**< created at first use */
    struct postgres_sent sent[POSTGRES_SENT]; /**< the pipeline, in order; empty: pipeline mode is off */
    int sent_n;
};

struct postgres_parameter {
    const char *value;
    int length, binary;
    char space[24]; /**< of integers and ids */
};

struct postgres_stmt {
    struct db_stmt base;
    char name[16];
    char *text;
    unsigned generation; /**< generation of the connection on which it is prepared; 0: none */
    struct postgres_parameter *parameters;
    int n, row;
    bool ahead; /**< db_ahead(): in progress, or its answer has not been read yet */
    PGresult *result;
};

extern const char *const db_prologue_postgres;

/** Close the connection; its prepared statements and an open transaction are lost. */
void postgres_disconnect(struct postgres_db *self);

/** Make sure that our row of tracking.commits exists. Outside a transaction. */
int postgres_number_ready(struct postgres_db *self);

#endif
