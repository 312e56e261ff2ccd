/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/emails_many.h Creates the e-mail rows for /send, with statements of many rows. */
#ifndef INGEST_DATA_EMAILS_MANY_H
#define INGEST_DATA_EMAILS_MANY_H

#include "data/emails.h"

/**
 * Create the missing e-mails of these prospects, as waiting. One that was skipped because of the prospect or the
 * template waits again. All others stay unchanged.
 */
int emails_open_many(struct db *db, const char *organisation_id, const char *campaign_id,
                     const char (*prospect_ids)[37], size_t n);

#endif
