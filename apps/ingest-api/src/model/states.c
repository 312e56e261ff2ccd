/* SPDX-License-Identifier: Apache-2.0 */
#include "model/states.h"

#include "model/names.h"

const char *const prospect_status_names[PROSPECT_STATUSES] = {"imported", "validated", "invalid", "researched"};
const char *const campaign_status_names[CAMPAIGN_STATUSES] = {"draft", "active", "paused", "completed"};
const char *const draft_state_names[DRAFT_STATES] = {"generated", "failed"};
const char *const email_state_names[EMAIL_STATES] = {"waiting",        "sending",  "accepted", "refused_recipient",
                                                     "refused_sender", "in_doubt", "skipped"};

int prospect_status_from_name(const char *name)
{
    return name_index(prospect_status_names, PROSPECT_STATUSES, name);
}

int email_state_from_name(const char *name)
{
    return name_index(email_state_names, EMAIL_STATES, name);
}

int campaign_status_from_name(const char *name)
{
    return name_index(campaign_status_names, CAMPAIGN_STATUSES, name);
}
