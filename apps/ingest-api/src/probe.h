/* SPDX-License-Identifier: Apache-2.0 */
/** @file probe.h Asks a running server for its health, from the command line. */
#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

#include "base/text.h"

#define PROBE_URL 160
#define PROBE_ERROR 256

struct settings;

/**
 * Ask the server that runs with the same settings. Only between libcurl_open() and libcurl_close().
 * @param path for example "/health/ready"
 * @param names also ask for names: sends METRICS_TOKEN, to METRICS_LISTEN if that is set
 * @param url receives the requested URL, for a message
 * @param body receives the answer
 * @param error receives the reason if there is no answer
 * @return the status of the answer, or -1
 */
int probe_ask(const struct settings *settings, const char *path, bool names, char url[PROBE_URL], struct text *body,
              char error[PROBE_ERROR]);

/**
 * `health [live|ready]`: asks the server that runs with the same settings, over TLS if that is set, and prints its
 * answer. With it a container needs no other client for its probes. @param what "live" or "ready". @return 0 if the
 * server answered with 200 within four seconds.
 */
int command_health(const struct settings *settings, const char *what);

#endif
