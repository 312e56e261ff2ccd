/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc-http/request.h
 * HTTP server metrics. Each request is counted exactly once, whatever becomes of it.
 *
 * promc_http_begin() fills a fixed-size token on the caller's stack or connection; the first of promc_http_end() and
 * promc_http_abort() finishes it, every later call does nothing. So in-flight never leaks and `http_requests_total`
 * always equals `http_request_duration_seconds_count`.
 *
 * Families: http_request_duration_seconds, http_requests_total {method, route, status_code}, http_requests_in_flight,
 * http_request_size_bytes, http_response_size_bytes {method, route}, http_requests_aborted_total {method, route}.
 *
 * Thread safe, all but promc_http_destroy(). A token may be finished on any thread; where several are at it at once, one of them does it.
 * Finishing is O(1), without a lock or an allocation, for a declared method of a route and a status that it has had before; else the
 * series are looked up, and made if need be, as promc_counter_get() does.
 */
#ifndef PROMC_HTTP_REQUEST_H
#define PROMC_HTTP_REQUEST_H

#include <promc/promc.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a request that matches no route is counted. */
#define PROMC_HTTP_UNMATCHED "<unmatched>"
/** The status an aborted request is counted with (nginx's "client closed request"). */
#define PROMC_HTTP_CLIENT_CLOSED 499

/** Known methods; a verb that is none of them is counted as OTHER. */
enum promc_http_method {
    PROMC_HTTP_OTHER,
    PROMC_HTTP_GET,
    PROMC_HTTP_HEAD,
    PROMC_HTTP_POST,
    PROMC_HTTP_PUT,
    PROMC_HTTP_PATCH,
    PROMC_HTTP_DELETE,
    PROMC_HTTP_OPTIONS,
    PROMC_HTTP_CONNECT,
    PROMC_HTTP_TRACE,
    PROMC_HTTP_METHODS
};

/** Case-sensitive, as RFC 9110 has it. NULL is OTHER. */
PROMC_API enum promc_http_method promc_http_method_of(const char *verb);
/** The label value, e.g. `GET`. Never NULL. */
PROMC_API const char *promc_http_method_name(enum promc_http_method method);

typedef struct promc_http promc_http;

typedef struct promc_http_settings {
    /** Bounds of http_request_duration_seconds; NULL: .005 .01 .025 .05 .1 .25 .5 1 2.5 5 10 30 60. */
    const double *duration_buckets;
    size_t duration_bucket_count;
    /** Bounds of the size histograms; NULL: 100 B … 100 MB in powers of ten. */
    const double *size_buckets;
    size_t size_bucket_count;
    /** Series a family may have. 0: the registry's default. */
    uint32_t max_series;
    /** Must be zero: see promc/version.h. */
    uint64_t reserved[4];
} promc_http_settings;

/**
 * Register the families. Everything is copied.
 * @param[out] out  promc_http_destroy() frees it. NULL after an error; a family that was registered stays.
 * @param settings NULL for the defaults.
 * @return 0, PROMC_E_NOMEM, PROMC_E_VERSION (a reserved word is set), or as promc_histogram_register().
 */
PROMC_API int promc_http_create(promc_http **out, promc_registry *registry, const promc_http_settings *settings);
/** Free it, before its registry is destroyed. NULL is allowed. */
PROMC_API void promc_http_destroy(promc_http *http);

/** A route: the handles of its methods and statuses, found once. Owned by its promc_http. */
typedef struct promc_http_route promc_http_route;

/**
 * Declare a route by its template, e.g. "/api/v1/campaigns/{id}", with the methods it answers (a bit for each:
 * `1u << PROMC_HTTP_GET`); the template is copied. Its series of the statuses 200 and 500 exist from now on, so that rate() sees a first error.
 * @return 0, PROMC_E_INVALID (a NULL, a method that does not exist), PROMC_E_NOMEM. Not for the hot path: once at start.
 */
PROMC_API int promc_http_route_declare(promc_http *http, const char *template_path, uint32_t methods,
                                       promc_http_route **out);
/** The route for everything that matches none. Never NULL. */
PROMC_API promc_http_route *promc_http_route_unmatched(promc_http *http);

/** A request under way. Zero it, or begin it, before anything else; it may be moved, not copied. */
typedef struct promc_http_token {
    promc_http *http; /**< NULL: not begun, or finished */
    uint64_t start_ns;
    uint64_t own[2]; /**< room for the library: see promc/version.h */
} promc_http_token;

/** Start the clock, and count the request in flight. @param http NULL: metrics are off, everything is a no-op. */
PROMC_API void promc_http_begin(promc_http *http, promc_http_token *token);

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
 * promc/exemplar.h for its limits. One that is refused or let go changes nothing about the count.
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
