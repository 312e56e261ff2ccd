/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/emails_many.h Rows for /send by statements of many rows. */
#ifndef INGEST_DATA_EMAILS_MANY_H
#define INGEST_DATA_EMAILS_MANY_H

#include "data/emails.h"

/**
 * Make sure that each of these prospects has an e-mail that waits: a missing one is created; one that was skipped because of the
 *  prospect or the template waits again. Others stay unchanged.
 */
int emails_open_many(struct db *db, const char *organisation_id, const char *campaign_id,
                     const char (*prospect_ids)[37], size_t n);

#endif
