/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start, in this order: metrics, store, queue, mailer, listening sockets (so that a busy port is found before any
 * work begins), workers, loops.
 * Stop, in reverse order: loops drain and workers finish in parallel, then everything they use is closed.
 */
#include "service.h"

#include "api/campaigns.h"
#include "api/drafts.h"
#include "api/erase.h"
#include "api/health.h"
#include "api/metrics.h"
#include "api/preview.h"
#include "api/prospect_edit.h"
#include "api/prospects.h"
#include "api/recipients.h"
#include "api/suppressions.h"
#include "api/unsubscribe.h"
#include "base/app.h"
#include "base/backends.h"
#include "base/directory.h"
#include "base/log.h"
#include "base/settings.h"
#include "confinement.h"
#include "data/secrets.h"
#include "http/auth.h"
#include "http/rate_limit.h"
#include "http/server.h"
#include "mail/mailer.h"
#include "metrics/bounds.h"
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
#include <sys/resource.h>
#include <uv.h>

#define SECOND UINT64_C(1000000000)
/* requests that are in the store at the deadline get this many seconds to return; then the process exits anyway */
#define LAST_SECONDS 10
/* free memory kept by each malloc arena; more goes back to the system */
#define SPARE_MEMORY (128 * 1024)

struct service {
    struct app app;
    struct workers *workers;
    struct observer *observer;
    struct http_server *server;
    bool metrics;
    struct error_reports *reports; /* NULL: no SENTRY_DSN */
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

/* Create DATA_DIR, for the store, the outbox and the bodies of large requests. */
static int make_data_dir(const char *path)
{
    if (directory_make(path, 0750) == 0)
        return 0;
    log_error("DATA_DIR cannot be created or written", "s:path", path, "s:error", strerror(errno));
    return -1;
}

static void warn_of_overrides(void)
{
    const char *name = metrics_registry() ? promc_overrides_unused(metrics_registry()) : NULL;
    if (name)
        log_warn("PROMC_OVERRIDES names a metric that does not exist: is it misspelt?", "s:metric", name);
}

static void warn_of_bound(const struct metrics_bound *lost)
{
    log_warn("PROMC_OVERRIDES removes a bucket bound that alerts need: they cannot fire for this instance", "s:metric",
             lost->metric, "f:bound", lost->bound, "s:alerts", lost->alerts);
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
        routes.tables[routes.count++] = routes_prospect_edit();
        routes.tables[routes.count++] = routes_campaigns();
        routes.tables[routes.count++] = routes_recipients();
        routes.tables[routes.count++] = routes_drafts();
        routes.tables[routes.count++] = routes_preview();
        routes.tables[routes.count++] = routes_erase();
        routes.tables[routes.count++] = routes_suppressions();
        routes.tables[routes.count++] = routes_unsubscribe();
    }
    return routes;
}

/* Workers need a role for all organisations. */
static int check_reach(const struct app *app)
{
    if (store_reaches_all(app->store) || !(app->settings->role & ROLE_WORKER))
        return 0;
    log_error(
        "STORE's role acts for one organisation at a time, which is enough for --role=api; a worker's must be one that"
        " `ingest-api migrate --all=ROLE` has named",
        "s:component", "store");
    return -1;
}

static int read_secret(void *arg, struct db *db)
{
    struct app *app = arg;
    return secrets_get(db, "unsubscribe", app->unsubscribe_key);
}

/* Read the secret that signs unsubscribe links: the setting, or a generated one that all processes share. */
static int read_key(struct app *app)
{
    const char *secret = app->settings->unsubscribe_secret;
    if (*secret)
        return auth_hash(secret, strlen(secret), app->unsubscribe_key) ? 0 : -1;
    int rc = store_run(app->store, STORE_MODE_WRITE, read_secret, app);
    if (rc < 0)
        log_error("the secret for the unsubscribe links cannot be read or created", "s:error", db_error_name(rc));
    if (app->settings->role & ROLE_WORKER && !*app->settings->public_url &&
        backend_of_mail(app->settings->mail_url, NULL) != MAIL_IS_FILE)
        log_warn("PUBLIC_URL is not set: e-mails have no unsubscribe link, and providers may refuse them");
    return rc < 0 ? -1 : 0;
}

static int start(struct service *service, const struct settings *settings)
{
    struct app *app = &service->app;
    struct http_routes routes = routes_of(settings);
    app->settings = settings;
    metrics_keep_in(settings->metrics_arena);
    metrics_limit_scrapes(settings->metrics_scrapes);
    metrics_watch_data_dir(settings->data_dir);
    if (make_data_dir(settings->data_dir) < 0 || confinement_begin(settings) < 0 ||
        metrics_init(settings->metrics_enabled, http_server_loops(settings)) < 0)
        return -1;
    service->metrics = true;
    if (error_reports_open(&service->reports, settings) < 0)
        return -1;
    app->health = health_create();
    if (settings->rate_limit)
        app->rate_limit = rate_limit_create(settings->rate_limit);
    if (!app->health || (settings->rate_limit && !app->rate_limit)) {
        log_error("out of memory at the start");
        return -1;
    }
    if (store_open(&app->store, settings) < 0 || check_reach(app) < 0 || read_key(app) < 0 ||
        queue_open(&app->queue, settings, app->store) < 0 || mailer_open(&app->mailer, settings) < 0 ||
        http_server_create(&service->server, app, &routes) < 0 || queue_start_stats(app->queue) < 0)
        return -1;
    if (observer_start(&service->observer, app) < 0)
        return -1;
    if ((settings->role & ROLE_WORKER) && workers_start(&service->workers, app) < 0)
        return -1;
    warn_of_overrides();
    metrics_bounds_check(warn_of_bound);
    store_look_through(app->store, settings);
    return http_server_start(service->server);
}

/* Wait for the loops. @return whether all have ended. */
static bool finish(struct service *service, uint64_t deadline_ns)
{
    sigset_t signals = stop_signals();
    /* a second signal cuts the wait short */
    while (!http_server_wait(service->server, promc_now_ns() + SECOND / 10)) {
        if (promc_now_ns() > deadline_ns)
            break;
        if (sigtimedwait(&signals, NULL, &(struct timespec){0}) > 0) {
            log_warn("second signal: no longer waiting for clients");
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

/* @return the exit status. */
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
            log_error("requests are still in the store after the last deadline: exiting without them");
            return 1; /* nothing can be freed, because threads still use it */
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

/* Wait for a signal that ends the service. With TLS a SIGHUP reads the certificate again: renewal tools send it. */
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

/*
 * glibc reserves 64 MiB of address space for each malloc arena. If address space is limited (ulimit -v), nothing would
 * be left for thread stacks, and libuv would abort. So use one arena then.
 */
static void spare_address_space(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        mallopt(M_ARENA_MAX, 1);
}

int service_run(const struct settings *settings)
{
    struct service service = {0};
    sigset_t signals = stop_signals();
    int signal_number = 0;

    /* setting it also keeps it fixed: by default freeing a large block raises it permanently, for every thread */
    mallopt(M_TRIM_THRESHOLD, SPARE_MEMORY);
    spare_address_space();
    /* block the signals before any thread exists, so that all threads inherit it; we wait for them below */
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
