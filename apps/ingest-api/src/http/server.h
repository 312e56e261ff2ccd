/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/server.h
 * The HTTP front: N event loops, each a thread with a listening socket of its own (SO_REUSEPORT) and its connections on
 * a libuv loop. With METRICS_LISTEN one more loop serves /metrics and /health* on that address.
 *
 * With TLS_CERT and TLS_KEY every one of them speaks TLS and nothing else.
 *
 * Which file knows what: head.c and chunked.c how a request is written, connection.c when bytes come and go, wire.c the
 * socket and TLS, exchange.c what is done about a request, answer_head.c and outgoing.c how an answer is written.
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

/** Tables of routes, each ended by a route without path, mutable: the router fills them in. */
struct http_routes {
    struct route *tables[HTTP_ROUTES_MAX];
    size_t count;
    size_t monitoring; /**< the first of them, which METRICS_LISTEN serves; the first one of all is served everywhere */
};

/** Bind, and make the loops; nothing is accepted yet. @return 0, or -1 after one clear line in the log. */
int http_server_create(struct http_server **out, struct app *app, const struct http_routes *routes);
/** Start the loops. @return 0, or -1 after one line in the log. */
int http_server_start(struct http_server *server);

/**
 * Read the certificate's files again, for connections to come. One caller at a time.
 * @return 0, also when there is no TLS; or -1 after one line in the log, and the old certificate stays in use.
 */
int http_server_reload(const struct http_server *server);

/**
 * Stop accepting, let what runs finish, answer it with `Connection: close`; returns at once. Thread safe. What is not
 * finished by `deadline_ns` (CLOCK_MONOTONIC) is cut off, requests that are in the store excepted.
 */
void http_server_drain(struct http_server *server, uint64_t deadline_ns);
bool http_server_draining(const struct http_server *server);
/** Wait until every loop has ended, at most until `until_ns`. @return whether they have. */
bool http_server_wait(struct http_server *server, uint64_t until_ns);
/** After http_server_wait() returned true, or instead of http_server_start(). NULL is allowed. */
void http_server_destroy(struct http_server *server);

/**
 * Wait until each loop has come to the end of what it was at, 50 ms at most: what was answered before a scrape is counted in it. It costs a
 * scrape 0.08 ms (p50, idle and under wrk); without it 2 of 600 answered requests were missing from the next scrape (two cores, 2026-11-29).
 */
void http_server_settle(const struct http_server *server);

/** Loops there will be, the one of METRICS_LISTEN included. */
struct settings;
unsigned http_server_loops(const struct settings *settings);

#endif
