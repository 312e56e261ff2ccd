/* SPDX-License-Identifier: Apache-2.0 */
/** @file store/check.h What store_close() needs of store/check.c. Private to src/store. */
#ifndef INGEST_STORE_CHECK_H
#define INGEST_STORE_CHECK_H

struct store;

/** Interrupt store_look_through() and wait for its end. */
void store_look_through_end(struct store *store);

#endif
