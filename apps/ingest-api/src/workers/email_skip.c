/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/email_skip.h"

#include "base/email_address.h"
#include "base/log.h"
#include "data/emails.h"
#include "data/suppressions.h"

#include <stdio.h>
#include <string.h>

int email_take(struct db *db, struct task *task, enum email_state *was)
{
    struct email_task *email = &task->u.email;
    struct email_claim claim = {.was = EMAIL_WAITING};
    int rc = emails_claim(db, task->job->organisation_id, email->campaign, email->prospect, task->job->id,
                          task->job->attempt, &claim);

    *was = claim.was;
    email->attempts = claim.attempts;
    memcpy(email->id, claim.id, sizeof(email->id));
    return rc;
}

/* The texts of the reasons. */
static const char *const reasons[] = {
    [NOT_SENT_CAMPAIGN_COMPLETED] = "the campaign is completed",
    [NOT_SENT_PROSPECT_INVALID] = "the prospect is invalid",
    [NOT_SENT_NO_DRAFT] = "no draft: ",
    [NOT_SENT_DECIDED] = "a person decided it",
    [NOT_SENT_SUPPRESSED] = "the address is suppressed",
    [NOT_SENT_ROLE_ADDRESS] = "a role address, not a person's",
};

int email_skip(struct db *db, struct task *task, enum not_sent reason, const char *detail)
{
    struct email_task *email = &task->u.email;
    enum email_state was = email->state;
    char error[400];

    if (was == EMAIL_SENDING) {
        email->unless_sent = email->again ? EMAIL_ON_SKIP : EMAIL_EVENTS;
        email->skip = email->again ? reason : EMAIL_NOT_SKIPPED;
        email->rule = email->again ? email_fate(EMAIL_SENDING, EMAIL_ON_REDELIVERY) : NULL;
        return DB_OK;
    }
    (void)snprintf(error, sizeof(error), "not sent: %s%s", reasons[reason], detail);
    int rc = email_take(db, task, &was);
    const struct email_rule *rule = rc == DB_OK ? email_fate(was, EMAIL_ON_SKIP) : NULL;
    if (!rule || !email_claimable(was) || rule->to == was)
        return rc;
    email->skip = reason;
    log_info("e-mail skipped", "s:component", "worker", "s:reqId", task->job->request_id, "s:campaign", email->campaign,
             "s:prospect", email->prospect, "s:reason", error);
    return emails_finish(db, task->job->organisation_id, email->campaign, email->prospect,
                         &(struct email_outcome){.state = rule->to,
                                                 .reason = PROMC_VALUE(not_sent, reason),
                                                 .error = error,
                                                 .as_of_ms = email_skip_ms(email),
                                                 .unspent = true});
}

int64_t email_skip_ms(const struct email_task *email)
{
    return email->source.read_ms > 0 ? draft_source_ms(&email->source) : 0;
}

int email_refuses(struct db *db, struct task *task, const struct person *person)
{
    const char *address = person->field[PROSPECT_EMAIL];

    if (person->status == PROSPECT_STATUS_INVALID || email_address_unusable(address))
        return 1 + NOT_SENT_PROSPECT_INVALID;
    if (email_address_never(address))
        return 1 + NOT_SENT_ROLE_ADDRESS;
    int rc = person->says_no ? suppressions_add(db, task->job->organisation_id, address, SUPPRESSED_BY_IMPORT,
                                                &task->u.email.suppressed)
                             : suppressions_has(db, task->job->organisation_id, address);
    return rc < 0 ? rc : rc == 1 || person->says_no ? 1 + NOT_SENT_SUPPRESSED : DB_OK;
}

const char *email_skip_words(enum not_sent reason)
{
    return reasons[reason];
}
