/* SPDX-License-Identifier: Apache-2.0 */
/* Start and stop. The server's thread is libmicrohttpd's. */
#include "exporter_internal.h"

#include <promc-exporter/gzip.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Request line and headers; past it libmicrohttpd answers 431. */
#define HEADER_BYTES (16 * 1024)

static _Thread_local char last_error[320];

int promc_exporter_fail(int code, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(last_error, sizeof(last_error), format, arguments);
    va_end(arguments);
    return code;
}

const char *promc_exporter_error(void)
{
    return last_error;
}

/* Of promc itself: its text is better than ours. */
static int fail_as_promc(int code)
{
    return promc_exporter_fail(code, "%s: %s", promc_strerror(code), promc_error_detail());
}

static int make_registry(promc_exporter *exporter)
{
    int error = promc_registry_create(&exporter->registry, NULL);
    if (error != 0) {
        return fail_as_promc(error);
    }
    exporter->owns_registry = true;
    static int (*const collectors[])(promc_registry *) = {promc_collect_process, promc_collect_malloc,
                                                          promc_collect_cgroup, promc_collect_scheduler,
                                                          promc_collect_pressure};
    for (size_t i = 0; i < sizeof(collectors) / sizeof(collectors[0]); i++) {
        error = collectors[i](exporter->registry);
        if (error != 0) {
            return fail_as_promc(error);
        }
    }
    return 0;
}

static int make_exposition(promc_exporter *exporter)
{
    const promc_exposition_settings settings = {.max_scrapes = exporter->settings.max_scrapes,
                                                .compressor =
                                                    exporter->settings.no_compression ? NULL : promc_exporter_gzip()};
    int error = promc_exposition_create(&exporter->exposition, exporter->registry, &settings);
    return error != 0 ? fail_as_promc(error) : 0;
}

/* Signals are the program's business: the server's thread is born with all of them blocked. */
static struct MHD_Daemon *start_daemon(promc_exporter *exporter, int fd)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_USE_ITC, 0, NULL, NULL, promc_exporter_respond, exporter,
        MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, exporter->settings.max_connections,
        MHD_OPTION_CONNECTION_TIMEOUT, exporter->settings.idle_seconds, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HEADER_BYTES, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_URI_LOG_CALLBACK, promc_exporter_target, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, promc_exporter_over, NULL, MHD_OPTION_END);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return daemon;
}

static int start(promc_exporter *exporter, const promc_exporter_settings *settings)
{
    int fd = promc_exporter_listen(settings->address, &exporter->port);
    if (fd < 0) {
        return fd;
    }
    int error = exporter->registry != NULL ? 0 : make_registry(exporter);
    if (error == 0) {
        error = make_exposition(exporter);
    }
    if (error == 0) {
        exporter->daemon = start_daemon(exporter, fd);
        error = exporter->daemon != NULL
                    ? 0
                    : promc_exporter_fail(PROMC_E_IO, "%s: the server's thread cannot be started", settings->address);
    }
    if (error != 0) {
        close(fd);
    }
    return error;
}

int promc_exporter_create(promc_exporter **out, const promc_exporter_settings *settings)
{
    if (out == NULL || settings == NULL) {
        return promc_exporter_fail(PROMC_E_INVALID, "promc_exporter_create: out and settings must not be NULL");
    }
    *out = NULL;
    if (settings->max_scrapes > 32) {
        return promc_exporter_fail(PROMC_E_INVALID, "max_scrapes is %u; at most 32", settings->max_scrapes);
    }
    promc_exporter *exporter = calloc(1, sizeof(*exporter));
    if (exporter == NULL) {
        return promc_exporter_fail(PROMC_E_NOMEM, "no memory for an exporter");
    }
    exporter->settings = *settings;
    exporter->settings.address = NULL;
    exporter->settings.max_scrapes = settings->max_scrapes != 0 ? settings->max_scrapes : 4;
    exporter->settings.max_connections = settings->max_connections != 0 ? settings->max_connections : 64;
    exporter->settings.idle_seconds = settings->idle_seconds != 0 ? settings->idle_seconds : 30;
    exporter->registry = settings->registry;
    int error = start(exporter, settings);
    if (error != 0) {
        int why = errno;
        promc_exporter_stop(exporter);
        errno = why;
        return error;
    }
    *out = exporter;
    return 0;
}

promc_exporter *promc_exporter_start(const char *address)
{
    promc_exporter *exporter;
    (void)promc_exporter_create(&exporter, &(promc_exporter_settings){.address = address});
    return exporter;
}

promc_registry *promc_exporter_registry(promc_exporter *exporter)
{
    return exporter != NULL ? exporter->registry : NULL;
}

unsigned promc_exporter_port(const promc_exporter *exporter)
{
    return exporter->port;
}

void promc_exporter_stop(promc_exporter *exporter)
{
    if (exporter == NULL) {
        return;
    }
    if (exporter->daemon != NULL) {
        MHD_stop_daemon(exporter->daemon); /* closes the socket, ends the responses, joins the thread */
    }
    promc_exposition_destroy(exporter->exposition);
    if (exporter->owns_registry) {
        promc_registry_destroy(exporter->registry);
    }
    free(exporter);
}
