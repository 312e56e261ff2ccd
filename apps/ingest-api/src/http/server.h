/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/server.h
 * The HTTP front: N event loops, each a thread with a listening socket of its own (SO_REUSEPORT) and a libmicrohttpd
 * daemon on a libuv loop. With METRICS_LISTEN one more loop serves /metrics and /health* on that address.
 *
 * With TLS_CERT and TLS_KEY every one of them speaks TLS and nothing else.
 *
 * Memory: libmicrohttpd keeps MAX_HEADER_BYTES and 4 KiB for each connection, and zeroes it after each request; with
 * what the kernel and we need that is about 24 kB, so 10,000 idle connections are about 240 MB.
 */
#ifndef INGEST_HTTP_SERVER_H
#define INGEST_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct app;
struct http_server;

/** Bind, and make the loops; nothing is accepted yet. @return 0, or -1 after one clear line in the log. */
int http_server_create(struct http_server **out, struct app *app);
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
 * Wait until each loop has been through the turn it is in, at most 50 ms: whatever a client has received whole before
 * the call has then been counted. For the scrape, so that counters are exact and not one request behind. Not on a loop.
 */
void http_server_settle(const struct http_server *server);

/** Loops there will be, the one of METRICS_LISTEN included. */
struct settings;
unsigned http_server_loops(const struct settings *settings);

#endif
