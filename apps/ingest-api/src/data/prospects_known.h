/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_known.h For rows to be imported: which addresses the organisation already has, and whether there is room for more. */
#ifndef INGEST_DATA_PROSPECTS_KNOWN_H
#define INGEST_DATA_PROSPECTS_KNOWN_H

#include "data/prospects.h"

/** `fn` is called with each address that is known, in lower case, in any order. In the caller's transaction. @return a code of db.h */
int prospects_known(struct db *db, const char *organisation_id, const struct prospect_input *rows, size_t n,
                    void (*fn)(void *arg, const char *email, size_t length), void *arg);

/**
 * How many the organisation has, this transaction's among them; 0 where there is room for more (usage_has_room). Near `max` nobody else's can come in before this transaction ends, so that all
 * together keep to it: a single row, which locks nothing otherwise, waits there for those who are ahead of it.
 */
int prospects_used(struct db *db, const char *organisation_id, int64_t max, int64_t *used);

#endif
