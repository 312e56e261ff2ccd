/* SPDX-License-Identifier: Apache-2.0 */
/* GET /metrics: begun on a pool thread (collectors read files), streamed by the loop in constant memory. */
#include "api/metrics.h"

#include "base/app.h"
#include "base/clock.h"
#include "base/settings.h"
#include "http/auth.h"
#include "http/decode.h"
#include "http/router.h"
#include "http/server.h"
#include "metrics/metrics.h"

#include <stdatomic.h>
#include <string.h>

/* Most lines of one header, since a proxy adds one and not dozens; most parameters of a query. */
#define LINES_MAX 16
#define NAMES_MAX QUERY_MAX_PARAMS

static _Atomic int64_t last_scrape_ms, scrape_distance_ms; /* between the last two */

static void scrape_close(void *scrape)
{
    promc_exposition_close(scrape);
}

static long read_slice(void *scrape, char *buffer, size_t capacity)
{
    return promc_exposition_read(scrape, buffer, capacity);
}

bool metrics_token_given(struct request *req)
{
    size_t length;
    const char *given = auth_bearer(request_header(req, "Authorization"), &length);
    return given && auth_equal(req->app->settings->metrics_token, given, length);
}

/* Two Prometheus servers that scrape in turn count as one that scrapes more often. */
static void note_scrape(void)
{
    int64_t now = clock_wall_ms(), last = atomic_exchange_explicit(&last_scrape_ms, now, memory_order_relaxed);
    if (last && now > last)
        atomic_store_explicit(&scrape_distance_ms, now - last, memory_order_relaxed);
}

int64_t metrics_last_scrape_ms(int64_t *distance_ms)
{
    *distance_ms = atomic_load_explicit(&scrape_distance_ms, memory_order_relaxed);
    return atomic_load_explicit(&last_scrape_ms, memory_order_relaxed);
}

static promc_exposition_field lines_of(struct request *req, const char *name, const char *lines[LINES_MAX])
{
    size_t n = 0;
    for (const char *line = request_header(req, name); line && n < LINES_MAX;
         line = request_header_next(req, name, line))
        lines[n++] = line;
    return (promc_exposition_field){lines, n};
}

static int open_scrape(struct request *req, promc_exposition_scrape **scrape)
{
    const char *accept[LINES_MAX], *encoding[LINES_MAX], *names[NAMES_MAX];
    promc_exposition_request asked = {
        .accept = lines_of(req, "Accept", accept),
        .accept_encoding = lines_of(req, "Accept-Encoding", encoding),
        .scrape_timeout = request_header(req, "X-Prometheus-Scrape-Timeout-Seconds"),
        .names = {names, request_query_all(req, "name[]", names, NAMES_MAX)},
        .head = strcmp(req->method, "HEAD") == 0,
    };
    return promc_exposition_open(metrics_exposition(), &asked, scrape);
}

/* The exposition has refused the scrape: answer in the format of this API. */
static int refuse(struct request *req, const promc_exposition_head *head)
{
    if (head->status == 400)
        return respond_error(req, 400, "bad_query", "%s.", head->error);
    req->retry_after = 1;
    return respond_error(req, head->status, "scrape_failed", "The scrape cannot begin: %s.", head->error);
}

static int metrics_prepare(struct request *req)
{
    const struct settings *settings = req->app->settings;
    promc_exposition_scrape *scrape;
    if (settings->metrics_token[0] && !metrics_token_given(req)) {
        req->www_authenticate = true;
        return respond_error(req, 401, "unauthorized", "The metrics require a token: Authorization: Bearer TOKEN.");
    }
    if (open_scrape(req, &scrape) < 0)
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    req->state = scrape;
    req->state_free = scrape_close; /* with the request, after the last slice */
    const promc_exposition_head *head = promc_exposition_get_head(scrape);
    if (head->status == 503) {
        req->retry_after = 1;
        return respond_error(req, 503, "too_many_scrapes", "%u scrapes are already in progress.",
                             settings->metrics_scrapes);
    }
    return head->status == 200 ? 0 : refuse(req, head);
}

static int metrics_scrape(struct request *req)
{
    promc_exposition_scrape *scrape = req->state;
    const promc_exposition_head *head;
    if (request_header(req, "X-Prometheus-Scrape-Timeout-Seconds")) /* a person with curl is not Prometheus */
        note_scrape();
    http_server_settle(req->app->server);
    promc_exposition_begin(scrape);
    head = promc_exposition_get_head(scrape);
    if (head->status != 200)
        return refuse(req, head);
    req->fields = head->headers;
    req->field_count = head->header_count;
    return respond_stream(req, 200, NULL, scrape, read_slice, NULL);
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
