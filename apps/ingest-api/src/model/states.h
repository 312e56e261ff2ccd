/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model/states.h
 * The states of what the service keeps, with their names: those of the store's columns and of the API's JSON. What leads from
 * one to the next is said where it is done: data/prospects.h, data/campaigns.h, data/drafts.h, data/emails.h.
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

enum email_state { EMAIL_PENDING, EMAIL_SENDING, EMAIL_SENT, EMAIL_FAILED, EMAIL_STATES };
extern const char *const email_state_names[EMAIL_STATES];

#endif
