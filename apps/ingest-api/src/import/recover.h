/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/recover.h Imports that did not end are taken back. */
#ifndef INGEST_IMPORT_RECOVER_H
#define INGEST_IMPORT_RECOVER_H

#include "base/stop.h"

struct store;

/** Take back, a slice a transaction, the imports whose process is dead, and ours that have failed. What cannot be done now (the
 *  store is busy) is done at the next call. */
void import_recover(struct store *store, const struct stop *stop);

#endif
