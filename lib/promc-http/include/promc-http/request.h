/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-http/request.h
 * HTTP server metrics. Each request is counted exactly once, even if it is aborted.
 *
 * promc_http_begin() fills a fixed-size token on the caller's stack or connection; the first of promc_http_end() and
 * promc_http_abort() finishes it, every later call does nothing. So in-flight never leaks and `http_requests_total`
 * always equals `http_request_duration_seconds_count`.
 *
 * Families: http_request_duration_seconds, http_requests_total {method, route, status_code}, http_requests_in_flight,
 * http_request_size_bytes, http_response_size_bytes {method, route}, http_requests_aborted_total {method, route}.
 *
 * Thread safe, except promc_http_destroy(). A token may be finished on any thread; if several try at once, one of them succeeds.
 * Finishing is O(1), without a lock or an allocation, for a declared method of a route and a status that the route has had before. Otherwise the
 * series are looked up, and created if necessary, as in promc_counter_get().
 */
#ifndef PROMC_HTTP_REQUEST_H
#define PROMC_HTTP_REQUEST_H

#include <promc-http/route.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The status an aborted request is counted with (nginx's "client closed request"). */
#define PROMC_HTTP_CLIENT_CLOSED 499

/** A request in progress. Zero it, or begin it, before anything else; it may be moved, but not copied. */
typedef struct promc_http_token {
    promc_http *http; /**< NULL: not begun, or finished */
    uint64_t start_ns;
    uint64_t own[2]; /**< room for the library: see promc/version.h */
} promc_http_token;

/** Start the clock, and count the request in flight. @param http NULL: metrics are off, everything is a no-op. */
PROMC_API void promc_http_begin(promc_http *http, promc_http_token *token);
/** The same for a request whose first byte arrived at `start_ns`, an earlier promc_now_ns(). Does not read the clock. */
PROMC_API void promc_http_begin_at(promc_http *http, promc_http_token *token, uint64_t start_ns);

/**
 * Finish the request. Only the first call on a token counts.
 * @param route NULL: unmatched.  @param status 100 … 999; anything else is counted as 500.
 * @param request_bytes, response_bytes body sizes.
 * @return true if this call finished it.
 */
PROMC_API bool promc_http_end(promc_http_token *token, promc_http_route *route, enum promc_http_method method,
                              int status, uint64_t request_bytes, uint64_t response_bytes);

/**
 * promc_http_end(), with an exemplar (a request or trace id) for http_requests_total and the duration's bucket; see
 * promc/exemplar.h for its limits. The request is counted even if the exemplar is refused or dropped.
 */
PROMC_API bool promc_http_end_exemplar(promc_http_token *token, promc_http_route *route, enum promc_http_method method,
                                       int status, uint64_t request_bytes, uint64_t response_bytes,
                                       const promc_label *labels, size_t label_count);

/** Finish it as aborted: status 499, and http_requests_aborted_total. The same rules. */
PROMC_API bool promc_http_abort(promc_http_token *token, promc_http_route *route, enum promc_http_method method,
                                uint64_t request_bytes, uint64_t response_bytes);

#ifdef __cplusplus
}
#endif
#endif
