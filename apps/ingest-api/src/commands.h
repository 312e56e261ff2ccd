/* SPDX-License-Identifier: Apache-2.0 */
/** @file commands.h What the program does besides serving. Results go to standard output, logs to standard error. */
#ifndef INGEST_COMMANDS_H
#define INGEST_COMMANDS_H

#include <stdbool.h>

struct settings;

/**
 * `org create NAME`: prints {"organisation_id": …, "name": …, "api_key": …} on one line. The key is shown here and
 * nowhere else. May run beside a running server. @return the exit status.
 */
int command_org_create(const struct settings *settings, const char *name);

/** `metrics`: the reference of all metrics, as Markdown or JSON, from the table. @return the exit status. */
int command_metrics(bool json);

#endif
