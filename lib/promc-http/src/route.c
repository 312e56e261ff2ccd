/* SPDX-License-Identifier: Apache-2.0 */
#include "http_internal.h"

#include <stdlib.h>
#include <string.h>

/* "404"; status is within STATUS_MIN … STATUS_MAX. */
static void status_text(int status, char text[4])
{
    text[0] = (char)('0' + status / 100);
    text[1] = (char)('0' + status / 10 % 10);
    text[2] = (char)('0' + status % 10);
    text[3] = '\0';
}

static int find_status(const promc_http_route *route, enum promc_http_method method, int status,
                       promc_counter *requests, promc_histogram *duration)
{
    char text[4];
    status_text(status, text);
    const char *values[] = {promc_http_method_name(method), route->path, text};
    int rc = promc_counter_get(route->http->requests, values, requests);
    int rc2 = promc_histogram_get(route->http->duration, values, duration);
    return rc < 0 ? rc : rc2;
}

static int find_method(const promc_http_route *route, enum promc_http_method method, struct method_handles *out)
{
    const char *values[] = {promc_http_method_name(method), route->path};
    int rc = promc_histogram_get(route->http->request_size, values, &out->request_size);
    if (rc == 0)
        rc = promc_histogram_get(route->http->response_size, values, &out->response_size);
    if (rc == 0)
        rc = promc_counter_get(route->http->aborted, values, &out->aborted);
    return rc;
}

/* Whether it is empty and nobody else is at it: ours to fill. */
static bool claim(uint32_t *slot)
{
    uint32_t empty = SLOT_EMPTY;
    return __atomic_compare_exchange_n(slot, &empty, SLOT_BEING_FILLED, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void remember(struct status_slot *slot, int status, promc_counter requests, promc_histogram duration)
{
    if (!claim(&slot->status))
        return;
    slot->requests = requests;
    slot->duration = duration;
    __atomic_store_n(&slot->status, (uint32_t)status, __ATOMIC_RELEASE);
}

static void status_handles(promc_http_route *route, enum promc_http_method method, int status, promc_counter *requests,
                           promc_histogram *duration)
{
    struct method_handles *known = route->methods[method];
    struct status_slot *slot = known ? &known->statuses[(unsigned)status % STATUS_SLOTS] : NULL;
    if (slot && __atomic_load_n(&slot->status, __ATOMIC_ACQUIRE) == (uint32_t)status &&
        promc_series_is_live(slot->requests.ref) && promc_series_is_live(slot->duration.ref)) {
        *requests = slot->requests;
        *duration = slot->duration;
        return;
    }
    if (find_status(route, method, status, requests, duration) == 0 && slot)
        remember(slot, status, *requests, *duration);
}

/* Removed series are made again: a handle that has gone stale is looked up. */
static void method_handles(promc_http_route *route, enum promc_http_method method, struct method_handles *out)
{
    struct method_handles *known = route->methods[method];
    if (known && __atomic_load_n(&known->filled, __ATOMIC_ACQUIRE) == SLOT_FILLED &&
        promc_series_is_live(known->request_size.ref) && promc_series_is_live(known->response_size.ref) &&
        promc_series_is_live(known->aborted.ref)) {
        out->request_size = known->request_size;
        out->response_size = known->response_size;
        out->aborted = known->aborted;
        return;
    }
    if (find_method(route, method, out) < 0 || !known || !claim(&known->filled))
        return;
    known->request_size = out->request_size;
    known->response_size = out->response_size;
    known->aborted = out->aborted;
    __atomic_store_n(&known->filled, SLOT_FILLED, __ATOMIC_RELEASE);
}

void promc_http_count(promc_http_route *route, const struct finished *request, double seconds)
{
    promc_counter requests;
    promc_histogram duration;
    struct method_handles handles;
    status_handles(route, request->method, request->status, &requests, &duration);
    method_handles(route, request->method, &handles);
    if (request->labels) {
        (void)promc_counter_add_exemplar(requests, 1, request->labels, request->label_count);
        (void)promc_histogram_observe_exemplar(duration, seconds, request->labels, request->label_count);
    } else {
        promc_counter_inc(requests);
        promc_histogram_observe(duration, seconds);
    }
    promc_histogram_observe(handles.request_size, (double)request->request_bytes);
    promc_histogram_observe(handles.response_size, (double)request->response_bytes);
    if (request->aborted)
        promc_counter_inc(handles.aborted);
}

int promc_http_route_reserve(promc_http_route *route)
{
    for (int i = 0; i < PROMC_HTTP_METHODS; i++) {
        if (!route->methods[i] && !(route->methods[i] = calloc(1, sizeof *route->methods[i])))
            return PROMC_E_NOMEM;
    }
    return 0;
}

static int declare_method(promc_http_route *route, enum promc_http_method method)
{
    static const int from_the_start[] = {200, 500};
    struct method_handles *handles = calloc(1, sizeof *handles);
    if (!handles)
        return PROMC_E_NOMEM;
    route->methods[method] = handles;
    int rc = find_method(route, method, handles);
    handles->filled = rc == 0 ? SLOT_FILLED : SLOT_EMPTY;
    for (size_t i = 0; rc == 0 && i < sizeof from_the_start / sizeof *from_the_start; i++) {
        promc_counter requests;
        promc_histogram duration;
        int status = from_the_start[i];
        rc = find_status(route, method, status, &requests, &duration);
        if (rc == 0)
            remember(&handles->statuses[status % STATUS_SLOTS], status, requests, duration);
    }
    return rc;
}

void promc_http_route_free(promc_http_route *route)
{
    for (int i = 0; i < PROMC_HTTP_METHODS; i++)
        free(route->methods[i]);
    free(route);
}

int promc_http_route_declare(promc_http *http, const char *template_path, uint32_t methods, promc_http_route **out)
{
    *out = NULL;
    if (!http || !template_path || methods >> PROMC_HTTP_METHODS != 0)
        return PROMC_E_INVALID;
    size_t length = strlen(template_path);
    promc_http_route *route = calloc(1, sizeof *route + length + 1);
    if (!route)
        return PROMC_E_NOMEM;
    route->http = http;
    memcpy(route->path, template_path, length + 1);
    int rc = 0;
    for (int i = 0; rc == 0 && i < PROMC_HTTP_METHODS; i++) {
        if (methods & 1u << i)
            rc = declare_method(route, (enum promc_http_method)i);
    }
    if (rc < 0) {
        promc_http_route_free(route);
        return rc;
    }
    pthread_mutex_lock(&http->lock);
    route->next = http->routes;
    http->routes = route;
    pthread_mutex_unlock(&http->lock);
    *out = route;
    return 0;
}

promc_http_route *promc_http_route_unmatched(promc_http *http)
{
    return http->unmatched;
}
