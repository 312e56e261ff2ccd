/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/router.h
 * The route table: matching is done before authentication, so that a 401 is counted on the template
 * and never shows a raw path. HEAD is answered wherever GET is.
 */
#ifndef INGEST_HTTP_ROUTER_H
#define INGEST_HTTP_ROUTER_H

#include "http/request.h"
#include <promc-http/request.h>

enum route_access { ACCESS_OPEN, ACCESS_ORGANISATION };
enum route_store {
    STORE_NONE,  /**< answered in prepare */
    STORE_READ,  /**< execute runs in a read transaction */
    STORE_WRITE  /**< execute runs in a write transaction; a status ≥ 400 rolls it back */
};

struct route {
    enum promc_http_method method;
    const char *path;          /**< template, e.g. "/api/v1/campaigns/{id}" */
    enum route_access access;
    enum route_store store;
    size_t max_body;           /**< bytes; 0: the route takes no body */
    const char *const *content_types; /**< accepted media types, NULL-terminated; NULL with max_body 0 */
    /** Loop thread. Return 0 to go on to execute, or the status answered. May be NULL. */
    int (*prepare)(struct request *req);
    /** Store thread, inside a transaction. Returns the status answered. NULL with STORE_NONE. */
    int (*execute)(struct request *req, struct db *db);
    bool instrumented;         /**< false for /metrics and /health*: not user traffic */
    promc_http_route *metrics; /**< set at start; shared by the methods of one template */
};

/** The routes of each file in routes/; each returns a table ended by path NULL, mutable (metrics is filled in). */
struct route *routes_health(void);
struct route *routes_metrics(void);
struct route *routes_prospects(void);
struct route *routes_campaigns(void);

#endif
