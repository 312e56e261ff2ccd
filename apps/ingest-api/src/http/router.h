/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/router.h
 * The route table. A request is matched before it is authenticated, so that a 401 is counted under the route's template
 * and a raw path never becomes a label. HEAD is answered wherever GET is.
 */
#ifndef INGEST_HTTP_ROUTER_H
#define INGEST_HTTP_ROUTER_H

#include "http/request.h"
#include <promc-http/request.h>

enum route_access { ACCESS_OPEN, ACCESS_ORGANISATION };
enum route_store {
    STORE_NONE, /**< answered in prepare */
    STORE_READ, /**< execute runs in a read transaction */
    STORE_WRITE /**< execute runs in a write transaction; a status ≥ 400 rolls it back */
};

/** Which setting limits the body. */
enum route_body {
    BODY_NONE,  /**< the route takes no body */
    BODY_JSON,  /**< MAX_JSON_BYTES */
    BODY_IMPORT /**< MAX_IMPORT_BYTES */
};

struct route {
    enum promc_http_method method;
    bool instrumented; /**< false for /metrics and /health*: not user traffic */
    const char *path;  /**< template, e.g. "/api/v1/campaigns/{id}" */
    enum route_access access;
    enum route_store store;
    enum route_body body;
    const char *const *content_types;  /**< accepted media types, NULL-terminated; NULL: JSON only */
    bool (*charset)(const char *name); /**< does the route read this charset? NULL: UTF-8 only */
    /** Loop thread. Returns 0 to go on to execute, or the status answered. May be NULL. */
    int (*prepare)(struct request *req);
    /** Store thread, inside a transaction. Returns the status answered. NULL with STORE_NONE. */
    int (*execute)(struct request *req, struct db *db);
    promc_http_route *metrics; /**< set at start; shared by the methods of one template */
    /** Pool thread, only with STORE_NONE, after prepare returned 0. Returns the status answered. May be NULL. */
    int (*background)(struct request *req);
    /**
     * The query parameters of the route, NULL-terminated; NULL: none. Any other is refused, and so is a repeated one
     * unless its name ends in "[]".
     */
    const char *const *parameters;
};

struct router;

enum router_result { ROUTER_FOUND, ROUTER_NOT_FOUND, ROUTER_METHOD, ROUTER_BAD_PATH };

struct router_match {
    struct route *route; /**< never NULL; ROUTER_METHOD: one of the template; other failures: the unmatched one */
    const char *params[REQUEST_MAX_PARAMS]; /**< in `storage` */
    const char *allow; /**< e.g. "GET, HEAD, POST": methods of the template; NULL if no template matched */
};

/**
 * Compile the tables (each ends with a route without path) and declare their templates to
 * `http` (NULL: metrics are off).
 * @return 0, or -1 after one line in the log (a repeated or invalid template, no memory).
 */
int router_create(struct router **out, struct route *const *tables, size_t count, promc_http *http);
void router_destroy(struct router *router);

/**
 * Match a raw path, segment by segment. Each segment is percent-decoded after splitting, so %2F is never a separator.
 * ROUTER_BAD_PATH: an invalid percent-escape, a NUL or invalid UTF-8.
 * A literal segment takes precedence over a parameter. Thread safe. O(templates with as many segments).
 */
enum router_result router_match(const struct router *router, enum promc_http_method method, const char *path,
                                char *storage, size_t storage_size, struct router_match *out);

#endif
