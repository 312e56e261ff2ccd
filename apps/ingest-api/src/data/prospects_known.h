/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_known.h Which addresses the organisation already has, and how many prospects. For imports. */
#ifndef INGEST_DATA_PROSPECTS_KNOWN_H
#define INGEST_DATA_PROSPECTS_KNOWN_H

#include "data/prospects.h"

/**
 * Call `fn` with each known address of the rows, in lower case, in any order. In the caller's transaction.
 * @return a code of db.h
 */
int prospects_known(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                    void (*fn)(void *arg, const char *email, size_t length), void *arg);

/**
 * The number of the organisation's prospects, including those of this transaction. 0 if there is certainly room
 * (usage_has_room). Near `max` this takes a lock until the transaction ends, so that concurrent transactions do
 * not exceed `max` together.
 */
int prospects_used(struct db *db, const char *organisation_id, int64_t max, int64_t *used);

#endif
