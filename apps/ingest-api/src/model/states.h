/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model/states.h
 * The states of the service's objects, with their names in the store's columns and the API's JSON. The transitions are
 * described where they happen: data/prospects.h, data/campaigns.h, data/drafts.h, data/emails.h.
 */
#ifndef INGEST_MODEL_STATES_H
#define INGEST_MODEL_STATES_H

enum prospect_status {
    PROSPECT_STATUS_IMPORTED,
    PROSPECT_STATUS_VALIDATED,
    PROSPECT_STATUS_INVALID,
    PROSPECT_STATUS_RESEARCHED,
    PROSPECT_STATUSES
};
extern const char *const prospect_status_names[PROSPECT_STATUSES];
int prospect_status_from_name(const char *name); /**< -1 if unknown */

enum campaign_status {
    CAMPAIGN_STATUS_DRAFT,
    CAMPAIGN_STATUS_ACTIVE,
    CAMPAIGN_STATUS_PAUSED,
    CAMPAIGN_STATUS_COMPLETED,
    CAMPAIGN_STATUSES
};
extern const char *const campaign_status_names[CAMPAIGN_STATUSES];
int campaign_status_from_name(const char *name); /**< -1 if unknown */

enum draft_state { DRAFT_GENERATED, DRAFT_FAILED, DRAFT_STATES };
extern const char *const draft_state_names[DRAFT_STATES];

/** The fates of an e-mail; accepted, refused_recipient and skipped are final. workers/email_fate.c decides them. */
enum email_state {
    EMAIL_WAITING,           /**< waits for its first or its next attempt */
    EMAIL_SENDING,           /**< claimed; its outcome is not recorded yet */
    EMAIL_ACCEPTED,          /**< the transport has accepted it */
    EMAIL_REFUSED_RECIPIENT, /**< the server will never accept it, or did not accept it for days */
    EMAIL_REFUSED_SENDER,    /**< the server refused us, not the recipient: sent when that is fixed */
    EMAIL_IN_DOUBT,          /**< it may have been sent, and nobody knows: a person decides */
    EMAIL_SKIPPED,           /**< must not be sent; the row has the reason */
    EMAIL_STATES
};
extern const char *const email_state_names[EMAIL_STATES];
int email_state_from_name(const char *name); /**< -1 if unknown */

#endif
