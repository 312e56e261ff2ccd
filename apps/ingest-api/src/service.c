/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: metrics, store, queue, mailer, listening sockets (a busy port is found before any work begins), workers,
 * loops.
 * Stop, the other way round: loops drain and workers finish side by side, then what they used is closed.
 */
#include "service.h"

#include "api/campaigns.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/prospects.h"
#include "base/app.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/settings.h"
#include "http/rate_limit.h"
#include "http/server.h"
#include "mail/mailer.h"
#include "metrics/metrics.h"
#include "observe.h"
#include "queue/queue.h"
#include "report/report.h"
#include "store/store.h"
#include "workers/workers.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <uv.h>

#define SECOND UINT64_C(1000000000)
/* requests that are in the store when the time is over get this long to come back; then the process ends as it is */
#define LAST_SECONDS 10
/* free memory that each thread's part of the heap keeps; more goes back to the system */
#define SPARE_MEMORY (128 * 1024)

struct service {
    struct app app;
    struct workers *workers;
    struct observer *observer;
    struct http_server *server;
    bool metrics;
    struct error_reports *reports; /* NULL: none are made */
};

static sigset_t stop_signals(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    return set;
}

/** For the store, the outbox and the bodies of large requests. */
static int make_data_dir(const char *path)
{
    if (directory_make(path, 0750) == 0)
        return 0;
    log_error("DATA_DIR cannot be made or written to", "s:path", path, "s:error", strerror(errno));
    return -1;
}

static void warn_of_overrides(void)
{
    const char *name = metrics_registry() ? promc_overrides_unused(metrics_registry()) : NULL;
    if (name)
        log_warn("PROMC_OVERRIDES names a metric that does not exist: is it misspelt?", "s:metric", name);
}

static struct http_routes routes_of(const struct settings *settings)
{
    struct http_routes routes = {.tables = {routes_health()}, .count = 1, .monitoring = 1};
    if (settings->metrics_enabled) {
        routes.tables[routes.count++] = routes_metrics();
        routes.monitoring++;
    }
    if (settings->role & ROLE_API) {
        routes.tables[routes.count++] = routes_prospects();
        routes.tables[routes.count++] = routes_campaigns();
    }
    return routes;
}

static int start(struct service *service, const struct settings *settings)
{
    struct app *app = &service->app;
    struct http_routes routes = routes_of(settings);
    app->settings = settings;
    metrics_keep_in(settings->metrics_arena);
    metrics_limit_scrapes(settings->metrics_scrapes);
    if (make_data_dir(settings->data_dir) < 0 ||
        metrics_init(settings->metrics_enabled, http_server_loops(settings)) < 0)
        return -1;
    service->metrics = true;
    if (error_reports_open(&service->reports, settings) < 0)
        return -1;
    app->health = health_create();
    if (settings->rate_limit)
        app->rate_limit = rate_limit_create(settings->rate_limit);
    if (!app->health || (settings->rate_limit && !app->rate_limit)) {
        log_error("no memory to start");
        return -1;
    }
    if (store_open(&app->store, settings) < 0 || queue_open(&app->queue, settings, app->store) < 0 ||
        mailer_open(&app->mailer, settings) < 0 || http_server_create(&service->server, app, &routes) < 0 ||
        queue_start_stats(app->queue) < 0)
        return -1;
    if (observer_start(&service->observer, app) < 0)
        return -1;
    if ((settings->role & ROLE_WORKER) && workers_start(&service->workers, app) < 0)
        return -1;
    warn_of_overrides();
    return http_server_start(service->server);
}

/** @return whether every loop came to its end. */
static bool finish(struct service *service, uint64_t deadline_ns)
{
    sigset_t signals = stop_signals();
    /* a second signal cuts the waiting short */
    while (!http_server_wait(service->server, promc_now_ns() + SECOND / 10)) {
        if (promc_now_ns() > deadline_ns)
            break;
        if (sigtimedwait(&signals, NULL, &(struct timespec){0}) > 0) {
            log_warn("second signal: not waiting for clients any longer");
            deadline_ns = promc_now_ns();
            http_server_drain(service->server, deadline_ns);
            break;
        }
    }
    return http_server_wait(service->server, promc_now_ns() + LAST_SECONDS * SECOND);
}

static void *stop_workers(void *workers)
{
    workers_stop(workers);
    return NULL;
}

/** @return the exit status. */
static int stop(struct service *service)
{
    struct app *app = &service->app;
    pthread_t stopper;
    bool apart = false;
    if (service->server) {
        uint64_t deadline = promc_now_ns() + app->settings->shutdown_timeout_s * SECOND;
        http_server_drain(service->server, deadline);
        apart = service->workers && pthread_create(&stopper, NULL, stop_workers, service->workers) == 0;
        if (!finish(service, deadline)) {
            log_error("requests are still in the store after the last deadline: ending without them");
            return 1; /* threads still use everything: nothing can be freed */
        }
        http_server_destroy(service->server);
    }
    if (apart)
        pthread_join(stopper, NULL);
    else
        workers_stop(service->workers);
    observer_stop(service->observer);
    if (app->queue)
        queue_close(app->queue);
    if (app->store)
        store_close(app->store);
    if (app->mailer)
        mailer_close(app->mailer);
    rate_limit_destroy(app->rate_limit);
    health_destroy(app->health);
    error_reports_close(service->reports);
    if (service->metrics)
        metrics_destroy();
    uv_library_shutdown();
    return 0;
}

static const char *role_name(enum role role)
{
    return role == ROLE_ALL ? "all" : role == ROLE_API ? "api" : "worker";
}

/** With TLS a SIGHUP is for the certificate: what renews it sends that. @return the signal to end by. */
static int wait_for_the_end(const struct service *service, const sigset_t *signals)
{
    int number = 0;
    for (;;) {
        if (sigwait(signals, &number) != 0)
            continue;
        if (number != SIGHUP || !service->app.settings->tls_cert[0])
            return number;
        if (http_server_reload(service->server) == 0)
            log_info("the certificate was read again", "s:component", "tls");
    }
}

int service_run(const struct settings *settings)
{
    struct service service = {0};
    sigset_t signals = stop_signals();
    int signal_number = 0;

    /* Set to its default, it stays there: else one large block that is freed raises it, for every thread and for good. */
    mallopt(M_TRIM_THRESHOLD, SPARE_MEMORY);
    /* before any thread exists, so that all of them inherit it; signals are waited for below */
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    if (start(&service, settings) < 0) {
        (void)stop(&service);
        return 1;
    }
    log_info("ingest-api serves", "s:role", role_name(settings->role), "s:host", settings->host, "u:port",
             (uint64_t)settings->port, "u:loops", (uint64_t)settings->loops, "s:metrics",
             !settings->metrics_enabled    ? "off"
             : settings->metrics_listen[0] ? settings->metrics_listen
                                           : "/metrics",
             "b:tls", settings->tls_cert[0] != '\0', "s:version", build_version(), "s:revision", build_revision());
    signal_number = wait_for_the_end(&service, &signals);
    log_info("stopping", "s:signal",
             signal_number == SIGTERM  ? "SIGTERM"
             : signal_number == SIGINT ? "SIGINT"
                                       : "SIGHUP",
             "u:timeout", (uint64_t)settings->shutdown_timeout_s);
    int status = stop(&service);
    log_info("stopped", "i:status", (int64_t)status);
    return status;
}
