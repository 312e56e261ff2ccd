/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc-http/route.h The routes by which requests are counted. Threads: see promc-http/request.h. */
#ifndef PROMC_HTTP_ROUTE_H
#define PROMC_HTTP_ROUTE_H

#include <promc-http/http.h>
#include <promc-http/method.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The route label of a request that matches no route. */
#define PROMC_HTTP_UNMATCHED "<unmatched>"

/** A route: caches the handles of its methods and statuses. Owned by its promc_http. */
typedef struct promc_http_route promc_http_route;

/**
 * Declare a route by its template, e.g. "/api/v1/campaigns/{id}", with the methods it answers (a bit for each:
 * `1u << PROMC_HTTP_GET`); the template is copied. Its series for the statuses 200 and 500 exist from now on, so that rate() sees the first error.
 * @return 0, PROMC_E_INVALID (a NULL, a method that does not exist), PROMC_E_NOMEM. Not for the hot path: once at start.
 */
PROMC_API int promc_http_route_declare(promc_http *http, const char *template_path, uint32_t methods,
                                       promc_http_route **out);
/** The route for requests that match no other. Never NULL. */
PROMC_API promc_http_route *promc_http_route_unmatched(promc_http *http);

#ifdef __cplusplus
}
#endif
#endif
