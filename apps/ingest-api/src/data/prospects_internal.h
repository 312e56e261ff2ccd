/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_internal.h Shared by the files about prospects. */
#ifndef INGEST_DATA_PROSPECTS_INTERNAL_H
#define INGEST_DATA_PROSPECTS_INTERNAL_H

#include "data/prospects.h"

/** Lower-case an address, as it is stored and looked up. @return its length, or 0 if it is too long. */
size_t prospects_lower_case(const char *in, size_t length, char out[PROSPECT_EMAIL_MAX]);
/** The same for a row's address. @return 0 also if it has none. */
size_t prospects_lower_email(const struct prospect_input *row, char out[PROSPECT_EMAIL_MAX]);

/**
 * Take the organisation's import lock until the transaction ends. A transaction that changes many prospects must take
 * it first: two that locked the same rows in different orders would deadlock. As db_exec_later().
 */
int prospects_lock_imports(struct db *db, const char *organisation_id);

#endif
