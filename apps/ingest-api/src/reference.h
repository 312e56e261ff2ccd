/* SPDX-License-Identifier: Apache-2.0 */
/** @file reference.h docs/service/metrics.md, from the program itself. */
#ifndef INGEST_REFERENCE_H
#define INGEST_REFERENCE_H

#include <stdbool.h>

/** `metrics`: the reference of all metrics, as Markdown or JSON, from the table. */
int command_metrics(bool json);

#endif
