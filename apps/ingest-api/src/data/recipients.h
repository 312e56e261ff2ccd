/* SPDX-License-Identifier: Apache-2.0 */
/** @file data/recipients.h The recipients of a campaign: its e-mails with the prospects' addresses, page by page. */
#ifndef INGEST_DATA_RECIPIENTS_H
#define INGEST_DATA_RECIPIENTS_H

#include "data/emails.h"

#define RECIPIENTS_PAGE_MAX 500

struct recipient {
    const char *address;
    struct email email;
};
/** Return non-zero to stop. */
typedef int (*recipient_fn)(void *arg, const struct recipient *recipient);

/** In order of prospect id, starting after `after`. @param state enum email_state or -1 for any. As prospects_page. */
int recipients_page(struct db *db, const char *organisation_id, const char *campaign_id, const char *after,
                    unsigned limit, int state, recipient_fn fn, void *arg, bool *more);
/** The recipient with this prospect id. @return DB_OK after one call of fn, or DB_E_NOT_FOUND. */
int recipients_get(struct db *db, const char *organisation_id, const char *campaign_id, const char *prospect_id,
                   recipient_fn fn, void *arg);

#endif
