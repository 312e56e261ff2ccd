/* SPDX-License-Identifier: Apache-2.0 */
/** @file reference.h Writes docs/service/metrics.md. */
#ifndef INGEST_REFERENCE_H
#define INGEST_REFERENCE_H

#include <stdbool.h>

/** `metrics`: prints the reference of all metrics, as Markdown or JSON. */
int command_metrics(bool json);

#endif
