/* SPDX-License-Identifier: Apache-2.0 */
/** @file probe.h The health of a running server, asked from the command line. */
#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

#include "base/text.h"

#define PROBE_URL 160
#define PROBE_ERROR 256

struct settings;

/**
 * Ask the server that runs with the same settings. Between libcurl_open() and libcurl_close().
 * @param path after the address, "/health/ready"; METRICS_TOKEN is sent if `names` is set, to METRICS_LISTEN if there is one
 * @param url the requested URL, for a message
 * @param body receives the answer
 * @param error receives the reason if there is no answer
 * @return the status of its answer, or -1
 */
int probe_ask(const struct settings *settings, const char *path, bool names, char url[PROBE_URL], struct text *body,
              char error[PROBE_ERROR]);

/**
 * `health [live|ready]`: asks the server that runs with the same settings, over TLS if that is set, and prints its answer. For
 * container probes: they need no other client. @param what "live" or "ready". @return 0 if it
 * answered with 200 within four seconds.
 */
int command_health(const struct settings *settings, const char *what);

#endif
