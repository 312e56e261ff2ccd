/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection, as a state machine:
 *
 *     REQUEST ── head read ──> BODY ── discarded ──> ANSWER ── sent ──> REQUEST (the next one), or
 *                                                           └─ the last ──> DRAIN ── client closed ──> closed
 *
 * Every state has a deadline. Only the server's thread touches a connection.
 */
#ifndef PROMC_EXPORTER_CONNECTION_H
#define PROMC_EXPORTER_CONNECTION_H

#include "exporter_internal.h"
#include "http.h"
#include "transport.h"

enum promc_connection_state {
    PROMC_CONNECTION_REQUEST,
    PROMC_CONNECTION_BODY,
    PROMC_CONNECTION_ANSWER,
    PROMC_CONNECTION_DRAIN,
    PROMC_CONNECTION_CLOSED
};

struct promc_connection {
    struct promc_exporter *exporter;
    struct promc_transport transport;
    enum promc_connection_state state;
    uint64_t deadline_ns;
    uint64_t idle_since_ns; /* accepted, or last answered: the longest idle connection is closed first */
    struct promc_exporter_http_scan scan;
    struct promc_exporter_http_request request;
    char *in; /* bytes that were read but not consumed yet */
    size_t in_length, in_room;
    char *head; /* a copy of the request's head, which `request` points into */
    uint64_t body_left;
    char *out; /* to be sent now; PROMC_ANSWER_ROOM bytes while there is a response */
    size_t out_at, out_length;
    const char *fixed; /* a complete body that follows */
    size_t fixed_left;
    char *history;                   /* …if it is the history: freed with the response */
    promc_exposition_scrape *scrape; /* source of the rest; NULL: none */
    bool chunked;                    /* …in chunks */
    bool last;                       /* close the connection after this response */
    bool cut;                        /* …abruptly, so that the client sees that the response is incomplete */
    bool reserve;                    /* it uses the exporter's reserve descriptor */
    bool gone;                       /* the descriptor is no longer ours: other code has closed it */
    uint64_t allowance_ns;           /* how long a response may wait for the client */
    bool announced;                  /* …which the client requested: never extended */
    bool eager;                      /* run it again without poll(): its turn ended before it would block */
    uint64_t progress;               /* bytes sent since the deadline was extended */
};

/* A head and a slice after it; see answer.c. */
#define PROMC_ANSWER_ROOM (64 * 1024)
#define PROMC_HEAD_MAX (64 * 1024)

/* Takes over the descriptor, also on failure. NULL: no memory. */
struct promc_connection *promc_connection_open(struct promc_exporter *exporter, int fd, uint64_t now);
void promc_connection_close(struct promc_connection *connection);
/* Run until it would block. Afterwards it may be CLOSED. */
void promc_connection_run(struct promc_connection *connection, uint64_t now);
/* For poll(): POLLIN or POLLOUT. */
short promc_connection_events(const struct promc_connection *connection);
/* No byte of a request has arrived: it can be closed without harm. */
bool promc_connection_is_idle(const struct promc_connection *connection);

#endif
