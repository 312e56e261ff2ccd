/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One client's connection, as a state that each event moves on:
 *
 *     REQUEST ── head whole ──> BODY ── swallowed ──> ANSWER ── sent ──> REQUEST (the next one), or
 *                                                            └─ the last ──> DRAIN ── the client has ended ──> closed
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
    uint64_t
        idle_since_ns; /* of the first request awaited, or the last answer sent; while REQUEST and nothing came: it may go first */
    struct promc_exporter_http_scan scan;
    struct promc_exporter_http_request request;
    char *in; /* what is read and not used up */
    size_t in_length, in_room;
    char *head; /* a copy of the request's head, which `request` points into */
    uint64_t body_left;
    char *out; /* what is to be sent now; of PROMC_ANSWER_ROOM bytes while there is an answer */
    size_t out_at, out_length;
    const char *fixed; /* a body behind it that is whole */
    size_t fixed_left;
    char *history;                   /* …and is the history: freed with the answer */
    promc_exposition_scrape *scrape; /* more comes from here; NULL: no */
    bool chunked;                    /* …in chunks */
    bool last;                       /* the connection ends with this answer */
    bool cut;                        /* …without an orderly end, so that the client knows that it has not all */
    bool reserve;                    /* it stands on the exporter's reserve descriptor */
    bool gone;                       /* the descriptor is not ours any more: somebody has closed it */
    uint64_t allowance_ns;           /* how long an answer may wait for the client */
    bool announced;                  /* …which the client has said itself: it is not put off */
    bool eager;                      /* there is more to do, of which poll() does not know */
    uint64_t progress;               /* bytes sent since the deadline was put off */
};

/* Head and a slice behind it; see answer.c. */
#define PROMC_ANSWER_ROOM (64 * 1024)
#define PROMC_HEAD_MAX (64 * 1024)

/* Takes the descriptor in any case. NULL: no memory. */
struct promc_connection *promc_connection_open(struct promc_exporter *exporter, int fd, uint64_t now);
void promc_connection_close(struct promc_connection *connection);
/* Go on as far as it goes without waiting. Afterwards it may be CLOSED. */
void promc_connection_run(struct promc_connection *connection, uint64_t now);
/* For poll(): POLLIN or POLLOUT. */
short promc_connection_events(const struct promc_connection *connection);
/* Nothing of a request is there: it can go without harm. */
bool promc_connection_is_idle(const struct promc_connection *connection);

#endif
