/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promhttp.h
 * /metrics with libmicrohttpd. The program links libmicrohttpd itself, since it stops the daemon with MHD_stop_daemon().
 *
 * GET and HEAD of /metrics are answered in text 0.0.4 with its Content-Type, in slices of constant memory; / with `OK`; other paths with 404,
 * other methods with 405. Up to 32 scrapes at once; one more is answered with 503.
 */
#ifndef PROMHTTP_H
#define PROMHTTP_H

#include "prom_collector_registry.h"
#include <microhttpd.h>
#include <string.h>

PROM_BEGIN

/** Set the registry to show. NULL, or without this call: the default registry at the time of the scrape. Thread safe. */
PROM_API void promhttp_set_active_collector_registry(prom_collector_registry_t *active_registry);
/** MHD_start_daemon() with these arguments. @return NULL: it cannot start, e.g. because the port is in use. */
PROM_API struct MHD_Daemon *promhttp_start_daemon(unsigned int flags, unsigned short port, MHD_AcceptPolicyCallback apc,
                                                  void *apc_cls);

PROM_END

#endif
