/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/recover.h Rolling back unfinished imports. */
#ifndef INGEST_IMPORT_RECOVER_H
#define INGEST_IMPORT_RECOVER_H

#include "base/stop.h"

struct store;

/**
 * Roll back, one slice per transaction, the imports of dead processes, and ours that have failed. The next call retries what
 *  fails now (the store is busy).
 */
void import_recover(struct store *store, const struct stop *stop);

#endif
