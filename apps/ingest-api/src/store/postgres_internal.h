/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/postgres_internal.h The inside of the PostgreSQL driver. */
#ifndef INGEST_STORE_POSTGRES_INTERNAL_H
#define INGEST_STORE_POSTGRES_INTERNAL_H

#include "store/driver.h"
#include "store/owner.h"

#include <libpq-fe.h>

enum postgres_state {
    POSTGRES_IDLE,
    POSTGRES_READ,  /**< to be begun with the first statement, read only */
    POSTGRES_WRITE, /**< to be begun with the first statement */
    POSTGRES_BEGUN
};

struct postgres_db {
    struct db base;
    char *url;
    PGconn *conn; /**< NULL: not connected */
    enum postgres_state state;
    char scope[40], scope_sent[40]; /**< organisation id, "*", or "" */
    unsigned generation;            /**< rises when the connection is lost, and with it what was prepared */
    unsigned names;
    int64_t changes;
    char name[OWNER_SIZE]; /**< of its sessions: OWNER_SESSION */
    char session[40];      /**< this connection in tracking.commits, also when it was made anew */
    uint64_t transaction;  /**< the number of the last write transaction */
    unsigned numbering;    /**< generation for which the statement that numbers is prepared; 0: none */
    uint64_t row_ns;       /**< when our row of tracking.commits was last made or said to be in use */
    bool numbered;         /**< the present one has written its number */
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
    unsigned generation; /**< of the connection that it is prepared on; 0: none */
    struct postgres_parameter *parameters;
    int n, row;
    PGresult *result;
};

extern const char *const db_prologue_postgres;

/** BEGIN and the scope, where the next statement needs them. */
int postgres_before_statement(struct postgres_db *self);

#endif
