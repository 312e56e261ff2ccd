/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROMC_HTTP_INTERNAL_H
#define PROMC_HTTP_INTERNAL_H

#include <promc-http/request.h>
#include <pthread.h>

#define STATUS_MIN 100
#define STATUS_MAX 999
#define STATUS_SLOTS 16 /* power of two */

enum { SLOT_EMPTY, SLOT_BEING_FILLED, SLOT_FILLED };

/* The handles of one status. `status` is written last, once: SLOT_EMPTY, SLOT_BEING_FILLED, or the status itself. */
struct status_slot {
    uint32_t status;
    promc_counter requests;
    promc_histogram duration;
};

/* Handles of a method of a route that do not depend on the status. */
struct method_series {
    promc_histogram request_size;
    promc_histogram response_size;
    promc_counter aborted;
};

/*
 * The handles of one method of a route, looked up when the route is declared, for the unmatched route at its first use. `filled` is written
 * last, once. `statuses` has the handles of the statuses; if the slot of a status is taken by another one, it is looked up each time.
 */
struct method_handles {
    uint32_t filled;
    struct method_series series;
    struct status_slot statuses[STATUS_SLOTS];
};

struct promc_http_route {
    promc_http *http;
    struct promc_http_route *next;
    struct method_handles *methods[PROMC_HTTP_METHODS]; /* NULL: not declared, looked up each time */
    char path[];
};

struct promc_http {
    promc_family *duration, *requests, *request_size, *response_size, *aborted;
    promc_updown in_flight;
    pthread_mutex_t lock; /* of the list of routes */
    promc_http_route *routes;
    promc_http_route *unmatched;
};

/* A finished request. */
struct finished {
    enum promc_http_method method;
    int status;
    bool aborted;
    uint64_t request_bytes, response_bytes;
    const promc_label *labels; /* of the exemplar; NULL: none */
    size_t label_count;
};

/* Allocate the handles of all methods, without series yet. @return 0 or PROMC_E_NOMEM */
int promc_http_route_reserve(promc_http_route *route);
void promc_http_route_free(promc_http_route *route);

/* Never fails: beyond the cap it is the overflow series. */
void promc_http_count(promc_http_route *route, const struct finished *request, double seconds);

#endif
