/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/recover.h Rolls back unfinished imports. */
#ifndef INGEST_IMPORT_RECOVER_H
#define INGEST_IMPORT_RECOVER_H

#include "base/stop.h"

struct store;

/**
 * Roll back the imports of dead processes, and our own failed ones, one slice per transaction. What fails now, for
 * example because the store is busy, is retried by the next call.
 */
void import_recover(struct store *store, const struct stop *stop);

#endif
