/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/why.h The store's part of `ingest-api why`: what its works wait for. */
#ifndef INGEST_STORE_WHY_H
#define INGEST_STORE_WHY_H

#include "base/causes.h"

struct settings;
struct store;

/** Add what blocks the store now. Not for a loop thread: asking a PostgreSQL server can take some seconds. */
void store_why(struct store *store, const struct settings *settings, struct causes *causes);
/** The same without an open store, as far as another process can see it. For the command line. */
void store_why_outside(const struct settings *settings, struct causes *causes);

#endif
