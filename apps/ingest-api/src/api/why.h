/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/why.h Collects what this process waits for, from all rooms. */
#ifndef INGEST_API_WHY_H
#define INGEST_API_WHY_H

#include "base/causes.h"

struct app;
struct request;

/** Not on a loop thread: it may ask the servers that the process waits for, which can take seconds. */
void why_collect(struct app *app, struct causes *causes);
/** May this client see names of processes, hosts and files? If it may read the metrics (docs/service/security.md). */
bool why_shows_names(struct request *req);

#endif
