/* SPDX-License-Identifier: Apache-2.0 */
/* The exporter as its files see it. Constant once the server runs. */
#ifndef PROMC_EXPORTER_INTERNAL_H
#define PROMC_EXPORTER_INTERNAL_H

#include <promc-exporter/exporter.h>

#include <microhttpd.h>

struct promc_exporter {
    promc_exporter_settings settings; /* complete; `address` is not kept */
    promc_registry *registry;
    bool owns_registry;
    promc_exposition *exposition;
    struct MHD_Daemon *daemon;
    unsigned port;
};

/* Microhttpd's handler; `user` is the exporter. See respond.c. */
enum MHD_Result promc_exporter_respond(void *user, struct MHD_Connection *connection, const char *url,
                                       const char *method, const char *version, const char *body, size_t *body_size,
                                       void **request);

/* The target of a request that begins, kept as *request until promc_exporter_over(). */
void *promc_exporter_target(void *user, const char *uri, struct MHD_Connection *connection);
void promc_exporter_over(void *user, struct MHD_Connection *connection, void **request,
                         enum MHD_RequestTerminationCode code);

/* Set this thread's error text; returns code. */
int promc_exporter_fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A bound and listening socket, close-on-exec and non-blocking, or a negative code. */
int promc_exporter_listen(const char *address, unsigned *port);

/* The live view; see live/. */
extern const char promc_exporter_page[];
extern const size_t promc_exporter_page_size;

#endif
