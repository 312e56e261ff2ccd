/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/server.h
 * The HTTP server: N event loops, each a thread with its own listening socket (SO_REUSEPORT) and its own
 * connections. With METRICS_LISTEN one more loop serves /metrics and /health* on that address. With TLS_CERT and
 * TLS_KEY all of them speak only TLS.
 *
 * Where to look: head.c and chunked.c parse requests, wire.c reads and writes the socket (plain or TLS), connection.c
 * drives one connection, exchange.c and exchange_work.c process one request, answer_head.c, outgoing.c and
 * streaming.c send the answer.
 */
#ifndef INGEST_HTTP_SERVER_H
#define INGEST_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct app;
struct route;
struct http_server;

#define HTTP_ROUTES_MAX 16

/** Tables of routes. Each ends with a route without path. The router fills in their `metrics`. */
struct http_routes {
    struct route *tables[HTTP_ROUTES_MAX];
    size_t count;
    size_t monitoring; /**< METRICS_LISTEN serves that many first tables, the main port the first of these */
};

/** Bind the ports and create the loops; nothing is accepted yet. @return 0, or -1 after one clear line in the log. */
int http_server_create(struct http_server **out, struct app *app, const struct http_routes *routes);
/** Start the loops. @return 0, or -1 after one line in the log. */
int http_server_start(struct http_server *server);

/**
 * Read the certificate's files again, for new connections. One caller at a time.
 * @return 0, also without TLS; or -1 after one line in the log, and the old certificate stays in use.
 */
int http_server_reload(const struct http_server *server);

/**
 * Stop accepting, and finish the requests in flight, with `Connection: close`. Returns at once. Thread safe. Requests
 * that have not ended by `deadline_ns` (CLOCK_MONOTONIC) are cut off, except those in the store.
 */
void http_server_drain(struct http_server *server, uint64_t deadline_ns);
bool http_server_draining(const struct http_server *server);
/** Wait until every loop has ended, at most until `until_ns`. @return whether they have. */
bool http_server_wait(struct http_server *server, uint64_t until_ns);
/** After http_server_wait() returned true, or if http_server_start() was never called. NULL is allowed. */
void http_server_destroy(struct http_server *server);

/**
 * Wait until each loop has ended its current turn, at most 50 ms, so that a scrape counts every request that was
 * answered before it. Costs a scrape 0.08 ms (p50, idle and under wrk); without it 2 of 600 answered requests were
 * missing from the next scrape (two cores, 2026-11-29).
 */
void http_server_settle(const struct http_server *server);

/** The number of loops, including that of METRICS_LISTEN. */
struct settings;
unsigned http_server_loops(const struct settings *settings);

#endif
