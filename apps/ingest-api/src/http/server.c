/* SPDX-License-Identifier: Apache-2.0 */
#include "http/server.h"

#include "base/app.h"
#include "base/settings.h"
#include "http/connection.h"
#include "http/listener.h"
#include "http/tls.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define LOOPS_MAX 65
/* descriptors that are not client connections: store, queue, log, epoll sets, body files … */
#define OTHER_FILES 256

struct http_server {
    struct app *app;
    struct router *router;         /* of the main port */
    struct router *metrics_router; /* of METRICS_LISTEN, or NULL */
    struct loop *loops[LOOPS_MAX];
    unsigned count, started;
    _Atomic bool draining;
};

unsigned http_server_loops(const struct settings *settings)
{
    return settings->loops + (settings->metrics_listen[0] != '\0');
}

static unsigned connections_allowed(const struct settings *settings)
{
    unsigned long files = listener_raise_file_limit();
    unsigned long room = files > 2 * OTHER_FILES ? files - OTHER_FILES : files / 2;
    if (settings->max_connections <= room)
        return settings->max_connections;
    log_warn("MAX_CONNECTIONS is more than the limit on open files allows", "u:wanted",
             (uint64_t)settings->max_connections, "u:allowed", (uint64_t)room);
    return (unsigned)room;
}

/* With METRICS_LISTEN the monitoring tables are served there, and the health checks on both ports. */
static int make_routers(struct http_server *server, const struct http_routes *routes)
{
    struct route *tables[HTTP_ROUTES_MAX];
    size_t count = 0;
    bool apart = server->app->settings->metrics_listen[0] != '\0';
    for (size_t i = 0; i < routes->monitoring; i++)
        tables[count++] = routes->tables[i];
    if (apart && router_create(&server->metrics_router, tables, count, NULL) < 0)
        return -1;
    if (apart)
        count = 1;
    for (size_t i = routes->monitoring; i < routes->count; i++)
        tables[count++] = routes->tables[i];
    return router_create(&server->router, tables, count, metrics_http());
}

static int add_loop(struct http_server *server, const struct router *router, int listener, unsigned max_connections)
{
    struct loop *loop = calloc(1, sizeof(*loop));
    if (!loop) {
        close(listener);
        log_error("no memory for an event loop");
        return -1;
    }
    loop->app = server->app;
    loop->owner = &connection_owner;
    loop->router = router;
    loop->monitoring = router == server->metrics_router;
    loop->listener = listener;
    loop->max_connections = max_connections;
    loop->index = server->count;
    server->loops[server->count++] = loop;
    return loop_init(loop);
}

static int make_loops(struct http_server *server)
{
    const struct settings *settings = server->app->settings;
    unsigned allowed = connections_allowed(settings);
    int listeners[LOOPS_MAX];
    if (listener_open(settings->host, settings->port, listeners, settings->loops) < 0)
        return -1;
    for (unsigned i = 0; i < settings->loops; i++) {
        if (add_loop(server, server->router, listeners[i], (allowed + settings->loops - 1) / settings->loops) < 0) {
            for (i++; i < settings->loops; i++)
                close(listeners[i]);
            return -1;
        }
    }
    if (!server->metrics_router)
        return 0;
    char host[64];
    uint16_t port = settings_metrics_address(settings, host);
    if (listener_open(host, port, listeners, 1) < 0)
        return -1;
    return add_loop(server, server->metrics_router, listeners[0], 64);
}

static int load_certificate(const struct settings *settings)
{
    if (!settings->tls_cert[0])
        return 0;
    return tls_load(settings->tls_cert, settings->tls_key);
}

int http_server_reload(const struct http_server *server)
{
    return load_certificate(server->app->settings);
}

int http_server_create(struct http_server **out, struct app *app, const struct http_routes *routes)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (!server) {
        log_error("no memory for the HTTP server");
        return -1;
    }
    server->app = app;
    app->server = server;
    if (load_certificate(app->settings) < 0 || make_routers(server, routes) < 0 || make_loops(server) < 0) {
        http_server_destroy(server);
        app->server = NULL;
        return -1;
    }
    *out = server;
    return 0;
}

int http_server_start(struct http_server *server)
{
    for (; server->started < server->count; server->started++)
        if (loop_start(server->loops[server->started]) < 0)
            return -1;
    return 0;
}

void http_server_drain(struct http_server *server, uint64_t deadline_ns)
{
    atomic_store_explicit(&server->draining, true, memory_order_release);
    for (unsigned i = 0; i < server->started; i++)
        loop_drain(server->loops[i], deadline_ns);
}

bool http_server_draining(const struct http_server *server)
{
    return atomic_load_explicit(&server->draining, memory_order_acquire);
}

bool http_server_wait(struct http_server *server, uint64_t until_ns)
{
    const struct timespec nap = {.tv_nsec = 2000000};
    for (unsigned i = 0; i < server->started; i++) {
        while (!atomic_load_explicit(&server->loops[i]->ended, memory_order_acquire)) {
            if (promc_now_ns() > until_ns)
                return false;
            nanosleep(&nap, NULL);
        }
    }
    return true;
}

void http_server_destroy(struct http_server *server)
{
    if (!server)
        return;
    for (unsigned i = 0; i < server->started; i++)
        pthread_join(server->loops[i]->thread, NULL);
    for (unsigned i = 0; i < server->count; i++) {
        loop_destroy(server->loops[i]);
        free(server->loops[i]);
    }
    router_destroy(server->router);
    router_destroy(server->metrics_router);
    tls_unload();
    free(server);
}

void http_server_settle(const struct http_server *server)
{
    uint64_t until = promc_now_ns() + 50000000;
    for (unsigned i = 0; i < server->count; i++)
        loop_settle(server->loops[i], until);
}
