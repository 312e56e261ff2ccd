/* SPDX-License-Identifier: Apache-2.0 */
#include "http_internal.h"

#include <stdlib.h>

static const double duration_bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60};
static const double size_bounds[] = {1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8};
#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static int register_sizes(promc_http *http, promc_registry *registry, const promc_http_settings *settings)
{
    promc_histogram_settings size = {
        .family = {.unit = "bytes", .labels = {"method", "route"}, .max_series = settings->max_series},
        .buckets = settings->size_buckets ? settings->size_buckets : size_bounds,
        .bucket_count = settings->size_buckets ? settings->size_bucket_count : COUNT(size_bounds),
    };
    size.family.name = "http_request_size_bytes";
    size.family.help = "Size of request bodies.";
    int rc = promc_histogram_register(registry, &size, &http->request_size);
    size.family.name = "http_response_size_bytes";
    size.family.help = "Size of response bodies.";
    return rc < 0 ? rc : promc_histogram_register(registry, &size, &http->response_size);
}

static int register_families(promc_http *http, promc_registry *registry, const promc_http_settings *settings)
{
    promc_family *in_flight;
    int rc = promc_histogram_register(
        registry,
        &(promc_histogram_settings){
            .family = {.name = "http_request_duration_seconds",
                       .help = "Time from the first byte of a request to the last byte of its response.",
                       .unit = "seconds",
                       .labels = {"method", "route", "status_code"},
                       .max_series = settings->max_series},
            .buckets = settings->duration_buckets ? settings->duration_buckets : duration_bounds,
            .bucket_count = settings->duration_buckets ? settings->duration_bucket_count : COUNT(duration_bounds)},
        &http->duration);
    if (rc == 0)
        rc = promc_counter_register(registry,
                                    &(promc_family_settings){.name = "http_requests_total",
                                                             .help = "Finished requests, including aborted ones.",
                                                             .labels = {"method", "route", "status_code"},
                                                             .max_series = settings->max_series},
                                    &http->requests);
    if (rc == 0)
        rc = promc_updown_register(
            registry, &(promc_family_settings){.name = "http_requests_in_flight", .help = "Requests in progress."},
            &in_flight);
    if (rc == 0)
        rc = promc_updown_get(in_flight, NULL, &http->in_flight);
    if (rc == 0)
        rc = register_sizes(http, registry, settings);
    if (rc == 0)
        rc = promc_counter_register(
            registry,
            &(promc_family_settings){.name = "http_requests_aborted_total",
                                     .help = "Requests aborted because the client closed the connection.",
                                     .labels = {"method", "route"},
                                     .max_series = settings->max_series},
            &http->aborted);
    return rc;
}

int promc_http_create(promc_http **out, promc_registry *registry, const promc_http_settings *settings)
{
    static const promc_http_settings defaults;
    *out = NULL;
    settings = settings ? settings : &defaults;
    int rc = PROMC_RESERVED_CHECK(promc_http_settings, settings);
    if (rc < 0)
        return rc;
    promc_http *http = calloc(1, sizeof(*http));
    if (!http)
        return PROMC_E_NOMEM;
    pthread_mutex_init(&http->lock, NULL);
    rc = register_families(http, registry, settings);
    if (rc == 0)
        rc = promc_http_route_declare(http, PROMC_HTTP_UNMATCHED, 0, &http->unmatched);
    if (rc == 0)
        rc = promc_http_route_reserve(http->unmatched);
    if (rc < 0) {
        promc_http_destroy(http);
        return rc;
    }
    *out = http;
    return 0;
}

void promc_http_destroy(promc_http *http)
{
    if (!http)
        return;
    for (promc_http_route *route = http->routes; route;) {
        promc_http_route *next = route->next;
        promc_http_route_free(route);
        route = next;
    }
    pthread_mutex_destroy(&http->lock);
    free(http);
}
