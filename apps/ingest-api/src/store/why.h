/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/why.h What the store's works are waiting for. */
#ifndef INGEST_STORE_WHY_H
#define INGEST_STORE_WHY_H

#include "base/causes.h"

struct settings;
struct store;

/** Adds the current obstacle. Not for a loop thread: it may ask a PostgreSQL server, for some seconds. */
void store_why(struct store *store, const struct settings *settings, struct causes *causes);
/** The same without an open store, as far as it is visible from outside: for the command line. */
void store_why_outside(const struct settings *settings, struct causes *causes);

#endif
