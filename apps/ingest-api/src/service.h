/* SPDX-License-Identifier: Apache-2.0 */
/** @file service.h The service from start to stop. */
#ifndef INGEST_SERVICE_H
#define INGEST_SERVICE_H

struct settings;

/** Serve until SIGTERM, SIGINT or, without TLS, SIGHUP; with TLS that reads the certificate again. @return the exit status: 0 after an orderly end. */
int service_run(const struct settings *settings);

#endif
