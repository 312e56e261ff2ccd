/* SPDX-License-Identifier: Apache-2.0 */
/** @file service.h Runs the service from start to stop. */
#ifndef INGEST_SERVICE_H
#define INGEST_SERVICE_H

struct settings;

/**
 * Serve until SIGTERM or SIGINT. SIGHUP reads the certificate again; without TLS it ends the service too. @return the
 * exit status: 0 after an orderly end.
 */
int service_run(const struct settings *settings);

#endif
