/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop. */
#include "exporter_internal.h"
#include "history.h"
#include "transport.h"

#ifdef PROMC_EXPORTER_GZIP
#include <promc-exporter/gzip.h>
#endif

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_CONNECTIONS 65536
#define HISTORY_SECONDS 600
#define MOST_HISTORY_SECONDS 3600

static int make_registry(promc_exporter *exporter)
{
    int error = promc_registry_create(&exporter->registry, NULL);
    if (error != 0)
        return error;
    exporter->owns_registry = true;
    static int (*const collectors[])(promc_registry *) = {promc_collect_process, promc_collect_malloc,
                                                          promc_collect_cgroup, promc_collect_scheduler,
                                                          promc_collect_pressure};
    for (size_t i = 0; i < sizeof(collectors) / sizeof(collectors[0]); i++) {
        error = collectors[i](exporter->registry);
        if (error != 0)
            return error;
    }
    return 0;
}

static int make_exposition(promc_exporter *exporter)
{
    promc_exposition_settings settings = {.max_scrapes = exporter->settings.max_scrapes,
                                          .more = exporter->settings.more_registries,
                                          .more_count = exporter->settings.more_registry_count};
#ifdef PROMC_EXPORTER_GZIP
    settings.compressor = exporter->settings.no_compression ? NULL : promc_exporter_gzip();
#endif
    return promc_exposition_create(&exporter->exposition, exporter->registry, &settings);
}

static int make_history(promc_exporter *exporter)
{
    const promc_compressor *gzip = NULL;
    uint64_t seconds = exporter->settings.history_seconds;
    if (exporter->settings.no_live_view)
        return 0;
#ifdef PROMC_EXPORTER_GZIP
    gzip = promc_exporter_gzip();
#endif
    exporter->history =
        promc_history_create(exporter->registry, seconds != 0 ? (unsigned)seconds : HISTORY_SECONDS, gzip);
    if (!exporter->history)
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for an exporter");
    if (seconds != 0)
        promc_history_start(exporter->history);
    return 0;
}

/* Allocate the arrays whose sizes depend on the settings. */
static int make_room(promc_exporter *exporter)
{
    size_t most = exporter->settings.max_connections;
    exporter->connections = calloc(most, sizeof(struct promc_connection *));
    exporter->polls = calloc(1 + PROMC_LISTENERS + most, sizeof(struct pollfd));
    exporter->clients = malloc((most + 1) * sizeof(int));
    exporter->token = exporter->settings.token ? strdup(exporter->settings.token) : NULL;
    if (!exporter->connections || !exporter->polls || !exporter->clients ||
        (exporter->settings.token && !exporter->token))
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for an exporter");
    for (size_t i = 0; i <= most; i++)
        exporter->clients[i] = -1;
    return 0;
}

static int start(promc_exporter *exporter)
{
    int error = make_room(exporter);
    if (error == 0)
        error = promc_tls_create(&exporter->tls, &exporter->settings);
    if (error == 0) {
        promc_exporter_remember(exporter); /* before it has descriptors: another thread may fork at any time */
        error = promc_exporter_listen(exporter);
    }
    if (error == 0 && !exporter->registry)
        error = make_registry(exporter);
    if (error == 0)
        error = make_exposition(exporter);
    if (error == 0)
        error = make_history(exporter);
    if (error == 0)
        error = promc_exporter_take_fds(exporter);
    if (error == 0)
        error = promc_exporter_serve(exporter);
    exporter->settings.address = exporter->settings.token = NULL;
    exporter->settings.tls_certificate_file = exporter->settings.tls_key_file = NULL;
    exporter->settings.tls_client_ca_file = NULL;
    exporter->settings.more_registries = NULL;
    return error;
}

static int check(const promc_exporter_settings *settings)
{
    if (PROMC_RESERVED_CHECK(promc_exporter_settings, settings) != 0)
        return promc_exporter_fail(PROMC_E_VERSION, "%s", promc_error_detail());
    if (settings->max_scrapes > 32)
        return promc_exporter_fail(PROMC_E_INVALID, "max_scrapes is %u, must be at most 32", settings->max_scrapes);
    if (settings->max_connections > MOST_CONNECTIONS) {
        return promc_exporter_fail(PROMC_E_INVALID, "max_connections is %u, must be at most %d",
                                   settings->max_connections, MOST_CONNECTIONS);
    }
    if (settings->history_seconds > MOST_HISTORY_SECONDS) {
        return promc_exporter_fail(PROMC_E_INVALID, "history_seconds is %llu, must be at most %d",
                                   (unsigned long long)settings->history_seconds, MOST_HISTORY_SECONDS);
    }
    if (settings->token && settings->token[0] == '\0')
        return promc_exporter_fail(PROMC_E_INVALID, "the token is empty");
    return 0;
}

static int create(promc_exporter **out, const promc_exporter_settings *settings)
{
    *out = NULL;
    int error = check(settings);
    promc_exporter *exporter = error == 0 ? calloc(1, sizeof(*exporter)) : NULL;
    if (!exporter)
        return error != 0 ? error : promc_exporter_fail(PROMC_E_NOMEM, "no memory for an exporter");
    exporter->settings = *settings;
    exporter->settings.max_scrapes = settings->max_scrapes != 0 ? settings->max_scrapes : 4;
    exporter->settings.max_connections = settings->max_connections != 0 ? settings->max_connections : 64;
    exporter->settings.idle_seconds = settings->idle_seconds != 0 ? settings->idle_seconds : 10;
    exporter->registry = settings->registry;
    exporter->reserve = exporter->wake[0] = exporter->wake[1] = -1;
    exporter->owner = getpid();
    for (size_t i = 0; i < PROMC_LISTENERS; i++)
        exporter->listeners[i] = -1;
    error = start(exporter);
    if (error != 0) {
        int why = errno;
        promc_exporter_stop(exporter);
        errno = why;
        return error;
    }
    *out = exporter;
    return 0;
}

int promc_exporter_create_2(promc_exporter **out, const promc_exporter_settings *settings)
{
    if (!out || !settings)
        return promc_exporter_fail(PROMC_E_INVALID, "promc_exporter_create: out and settings must not be NULL");
    return create(out, settings);
}

/* For programs compiled before the settings grew: theirs end where `token` begins. */
#undef promc_exporter_create
PROMC_API int promc_exporter_create(promc_exporter **out, const void *settings);
int promc_exporter_create(promc_exporter **out, const void *settings)
{
    promc_exporter_settings now = {.address = NULL};
    if (!out || !settings)
        return promc_exporter_create_2(out, NULL);
    memcpy(&now, settings, offsetof(promc_exporter_settings, token));
    return create(out, &now);
}

promc_exporter *promc_exporter_start(const char *address)
{
    promc_exporter *exporter;
    (void)promc_exporter_create_2(&exporter, &(promc_exporter_settings){.address = address});
    return exporter;
}

promc_registry *promc_exporter_registry(promc_exporter *exporter)
{
    return exporter ? exporter->registry : NULL;
}

unsigned promc_exporter_port(const promc_exporter *exporter)
{
    return exporter->port;
}

/* In a forked child there is no thread, and the descriptors are already closed. */
static void stop_thread(promc_exporter *exporter)
{
    if (exporter->owner != getpid())
        return;
    if (exporter->started)
        promc_exporter_end(exporter);
    promc_exporter_forget(exporter);
    if (exporter->clients)
        promc_exporter_drop_fds(exporter);
    promc_exporter_unlink(exporter);
}

void promc_exporter_stop(promc_exporter *exporter)
{
    if (!exporter)
        return;
    stop_thread(exporter);
    promc_exposition_destroy(exporter->exposition);
    promc_history_destroy(exporter->history);
    promc_tls_destroy(exporter->tls);
    if (exporter->owns_registry)
        promc_registry_destroy(exporter->registry);
    free(exporter->connections);
    free(exporter->polls);
    free(exporter->clients);
    free(exporter->token);
    free(exporter->unix_path);
    free(exporter);
}
