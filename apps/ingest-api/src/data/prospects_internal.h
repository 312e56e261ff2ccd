/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/prospects_internal.h What prospects_arrays.c needs of prospects.c. */
#ifndef INGEST_DATA_PROSPECTS_INTERNAL_H
#define INGEST_DATA_PROSPECTS_INTERNAL_H

#include "data/prospects.h"

/** How an address is stored and looked up. @return its length, or 0 if it is too long. */
size_t prospects_lower_case(const char *in, size_t length, char out[PROSPECT_EMAIL_MAX]);

/** An invalid prospect that an import has touched is imported again; others stay as they are. */
int prospects_import_again(struct db *db, const char *organisation_id, const char *id);

#endif
