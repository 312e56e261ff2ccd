/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: begun on a pool thread (collectors read files), streamed by the loop in constant memory. */
#include "api/metrics.h"

#include "app.h"
#include "base/settings.h"
#include "http/auth.h"
#include "http/router.h"
#include "http/server.h"
#include "metrics/metrics.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_MAX 32

/* Scrapes whose answer is not complete; a slow reader keeps one open. */
static _Atomic unsigned scrapes;

struct scrape_state {
    promc_scrape_settings settings;
    promc_scrape *scrape;
    const char *names[NAMES_MAX];
};

static void state_free(void *arg)
{
    struct scrape_state *state = arg;
    promc_scrape_end(state->scrape);
    free(state);
    atomic_fetch_sub_explicit(&scrapes, 1, memory_order_relaxed);
}

static long read_slice(void *stream, char *buffer, size_t capacity)
{
    struct scrape_state *state = stream;
    return promc_scrape_read(state->scrape, buffer, capacity);
}

static bool is_allowed(struct request *req, const char *token)
{
    size_t length;
    const char *given = auth_bearer(request_header(req, "Authorization"), &length);
    return given && auth_equal(token, given, length);
}

/** When Prometheus will have stopped waiting; 0: it does not say. */
static uint64_t deadline_of(struct request *req)
{
    const char *text = request_header(req, "X-Prometheus-Scrape-Timeout-Seconds");
    char *rest;
    if (!text || text[0] < '0' || text[0] > '9')
        return 0;
    unsigned long seconds = strtoul(text, &rest, 10); /* the fraction does not matter */
    return seconds > 0 && seconds < 3600 ? promc_now_ns() + seconds * UINT64_C(1000000000) : 0;
}

static int metrics_prepare(struct request *req)
{
    const struct settings *settings = req->app->settings;
    if (settings->metrics_token[0] && !is_allowed(req, settings->metrics_token)) {
        req->www_authenticate = true;
        return respond_error(req, 401, "unauthorized", "The metrics need their token: Authorization: Bearer TOKEN.");
    }
    if (atomic_fetch_add_explicit(&scrapes, 1, memory_order_relaxed) >= settings->metrics_scrapes) {
        atomic_fetch_sub_explicit(&scrapes, 1, memory_order_relaxed);
        req->retry_after = 1;
        return respond_error(req, 503, "too_many_scrapes", "%u scrapes are under way already.",
                             settings->metrics_scrapes);
    }
    struct scrape_state *state = calloc(1, sizeof(*state));
    if (!state) {
        atomic_fetch_sub_explicit(&scrapes, 1, memory_order_relaxed);
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    }
    req->state = state;
    req->state_free = state_free;
    promc_negotiate(request_header(req, "Accept"), &state->settings);
    state->settings.deadline_ns = deadline_of(req);
    state->settings.name_count = request_query_all(req, "name[]", state->names, NAMES_MAX);
    state->settings.names = state->settings.name_count ? state->names : NULL;
    return 0;
}

static int metrics_scrape(struct request *req)
{
    struct scrape_state *state = req->state;
    http_server_settle(req->app->server);
    int rc = promc_scrape_begin(metrics_registry(), &state->settings, &state->scrape);
    if (rc < 0) {
        req->retry_after = 1;
        return respond_error(req, 503, "scrape_failed", "The scrape cannot be begun: %s.", promc_strerror(rc));
    }
    if (strcmp(req->method, "HEAD") == 0) {
        char slice[8192];
        long n;
        while ((n = promc_scrape_read(state->scrape, slice, sizeof(slice))) > 0)
            req->stream_length += (uint64_t)n;
    }
    /* the state is freed with the request, after the last slice */
    return respond_stream(req, 200, promc_content_type(&state->settings), state, read_slice, NULL);
}

struct route *routes_metrics(void)
{
    static const char *const parameters[] = {"name[]", NULL};
    static struct route routes[] = {
        {.method = PROMC_HTTP_GET,
         .path = "/metrics",
         .parameters = parameters,
         .prepare = metrics_prepare,
         .background = metrics_scrape},
        {0},
    };
    return routes;
}
