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

static int find_method(const promc_http_route *route, enum promc_http_method method, struct method_series *out)
{
    const char *values[] = {promc_http_method_name(method), route->path};
    int rc = promc_histogram_get(route->http->request_size, values, &out->request_size);
    if (rc == 0)
        rc = promc_histogram_get(route->http->response_size, values, &out->response_size);
    if (rc == 0)
        rc = promc_counter_get(route->http->aborted, values, &out->aborted);
    return rc;
}

/* Claim an empty slot. @return false: filled, or being filled. */
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

/* For a status that has no slot, or whose series were removed: find or create its series, in a temporary slot. */
static __attribute__((noinline)) struct status_slot
look_up_status(const promc_http_route *route, enum promc_http_method method, int status, struct status_slot *slot)
{
    struct status_slot found = {0};
    if (find_status(route, method, status, &found.requests, &found.duration) == 0 && slot)
        remember(slot, status, found.requests, found.duration);
    return found;
}

static __attribute__((noinline)) struct method_series look_up_method(const promc_http_route *route,
                                                                     enum promc_http_method method)
{
    struct method_handles *known = route->methods[method];
    struct method_series found = {0};
    if (find_method(route, method, &found) == 0 && known && claim(&known->filled)) {
        known->series = found;
        __atomic_store_n(&known->filled, SLOT_FILLED, __ATOMIC_RELEASE);
    }
    return found;
}

/* Only for a filled slot: no handle in it is zero. */
static bool is_live(promc_series_ref ref)
{
    return __atomic_load_n(&promc_ref_live(ref)->word, __ATOMIC_RELAXED) == ref.word;
}

static bool is_status(const struct status_slot *slot, int status)
{
    return slot && __atomic_load_n(&slot->status, __ATOMIC_ACQUIRE) == (uint32_t)status &&
           is_live(slot->requests.ref) && is_live(slot->duration.ref);
}

/* NULL: not filled, or a series was removed. */
static const struct method_series *filled_series(const struct method_handles *handles, bool aborted)
{
    if (!handles || __atomic_load_n(&handles->filled, __ATOMIC_ACQUIRE) != SLOT_FILLED)
        return NULL;
    const struct method_series *series = &handles->series;
    bool live = is_live(series->request_size.ref) && is_live(series->response_size.ref) &&
                (!aborted || is_live(series->aborted.ref));
    return live ? series : NULL;
}

static void count_status(const struct status_slot *handles, const struct finished *request, double seconds)
{
    bool kept = false;
    if (request->labels)
        kept = promc_histogram_observe_exemplar(handles->duration, seconds, request->labels, request->label_count) == 0;
    else
        promc_histogram_observe(handles->duration, seconds);
    /* The buckets have the same rate limit as the counter. Checking the counter's limit too would double the cost. */
    if (PROMC_UNLIKELY(kept))
        (void)promc_counter_add_exemplar(handles->requests, 1, request->labels, request->label_count);
    else
        promc_counter_inc(handles->requests);
}

/* A filled slot is never written again, so it can be used in place. */
void promc_http_count(promc_http_route *route, const struct finished *request, double seconds)
{
    struct method_handles *known = route->methods[request->method];
    struct status_slot *slot = known ? &known->statuses[(unsigned)request->status % STATUS_SLOTS] : NULL, status;
    const struct method_series *series = filled_series(known, request->aborted);
    struct method_series looked_up;
    if (PROMC_UNLIKELY(!is_status(slot, request->status))) {
        status = look_up_status(route, request->method, request->status, slot);
        slot = &status;
    }
    if (PROMC_UNLIKELY(!series)) {
        looked_up = look_up_method(route, request->method);
        series = &looked_up;
    }
    count_status(slot, request, seconds);
    promc_histogram_observe(series->request_size, (double)(int64_t)request->request_bytes);
    promc_histogram_observe(series->response_size, (double)(int64_t)request->response_bytes);
    if (PROMC_UNLIKELY(request->aborted))
        promc_counter_inc(series->aborted);
}

int promc_http_route_reserve(promc_http_route *route)
{
    for (int i = 0; i < PROMC_HTTP_METHODS; i++)
        if (!route->methods[i] && !(route->methods[i] = calloc(1, sizeof(*route->methods[i]))))
            return PROMC_E_NOMEM;
    return 0;
}

static int declare_method(promc_http_route *route, enum promc_http_method method)
{
    static const int from_the_start[] = {200, 500};
    struct method_handles *handles = calloc(1, sizeof(*handles));
    if (!handles)
        return PROMC_E_NOMEM;
    route->methods[method] = handles;
    int rc = find_method(route, method, &handles->series);
    handles->filled = rc == 0 ? SLOT_FILLED : SLOT_EMPTY;
    for (size_t i = 0; rc == 0 && i < sizeof(from_the_start) / sizeof(*from_the_start); i++) {
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
    promc_http_route *route = calloc(1, sizeof(*route) + length + 1);
    if (!route)
        return PROMC_E_NOMEM;
    route->http = http;
    memcpy(route->path, template_path, length + 1);
    int rc = 0;
    for (int i = 0; rc == 0 && i < PROMC_HTTP_METHODS; i++)
        if (methods & 1u << i)
            rc = declare_method(route, (enum promc_http_method)i);
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
