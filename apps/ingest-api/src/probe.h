/* SPDX-License-Identifier: Apache-2.0 */
/** @file probe.h The health of a running server, asked from the command line. */
#ifndef INGEST_PROBE_H
#define INGEST_PROBE_H

struct settings;

/**
 * `health [live|ready]`: asks the server that runs with the same settings, by TLS where that is set, and prints its answer. For the
 * probes of containers: whoever may run the program needs no other client. @param what "live" or "ready". @return 0 when it
 * answered with 200 within four seconds.
 */
int command_health(const struct settings *settings, const char *what);

#endif
