/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file client.h
 * Many HTTP requests at a time from one thread (libcurl's multi interface), and clients that hang up in the middle of a request.
 */
#ifndef DEMO_CLIENT_H
#define DEMO_CLIENT_H

#include <stddef.h>

struct client;

struct client_request {
    const char *method;       /**< "GET", "POST", … */
    const char *path;         /**< path and query */
    const char *key;          /**< API key, or NULL: no Authorization */
    const char *content_type; /**< NULL with a NULL body */
    const char *body;         /**< copied; NULL for none */
    size_t body_length;
};

/** @param status of the answer; 0: no answer, `body` says why. `body` is NUL-terminated and valid during the call only. */
typedef void (*client_done)(void *arg, long status, const char *body, size_t length, double seconds);

/** @param url e.g. "http://127.0.0.1:3000"; @return 0 or -1 (out of memory, no libcurl). */
int client_open(struct client **out, const char *url);
/** Drops requests in flight. */
void client_close(struct client *client);

/** Begin a request; `done` is called once from a later client_turn(). @return 0 or -1: out of memory. */
int client_send(struct client *client, const struct client_request *request, client_done done, void *arg);
/** Advance the requests; waits up to timeout_ms for activity. */
void client_turn(struct client *client, int timeout_ms);
/** Requests begun and not done. */
unsigned client_in_flight(const struct client *client);

/**
 * A client that hangs up: sends the head of a POST with `Expect: 100-continue`, waits until the server asks for the body,
 * sends a part of it and resets the connection. After the 100 the server knows the request and must count it.
 * Blocks for up to ten seconds.
 * @return 1: hung up after the 100; 0: there was no 100; -1 with errno: no connection.
 */
int client_hang_up(const char *url, const char *path, const char *key);

#endif
