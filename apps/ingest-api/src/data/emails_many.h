/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/emails_many.h Rows for /send by statements of many rows. */
#ifndef INGEST_DATA_EMAILS_MANY_H
#define INGEST_DATA_EMAILS_MANY_H

#include "data/emails.h"

/** emails_create() for many prospects at once. @param fresh how many were not there yet; may be NULL. */
int emails_create_many(struct db *db, const char *organisation_id, const char *campaign_id,
                       const char (*prospect_ids)[37], size_t n, uint64_t *fresh);

#endif
