/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/email_fate.h"

#include <stddef.h>

/* clang-format off */
#define NOT_TRIED EMAIL_NOT_TRIED
static const struct email_rule rules[] = {
    /* state                event                    next                     action           attempt                  unspent */
    {EMAIL_WAITING,         EMAIL_ON_CLAIM,          EMAIL_SENDING,           EMAIL_ACT_SEND,  NOT_TRIED,               false},
    {EMAIL_WAITING,         EMAIL_ON_REDELIVERY,     EMAIL_SENDING,           EMAIL_ACT_SEND,  NOT_TRIED,               false},
    {EMAIL_WAITING,         EMAIL_ON_SKIP,           EMAIL_SKIPPED,           EMAIL_ACT_DONE,  NOT_TRIED,               false},
    {EMAIL_WAITING,         EMAIL_ON_PUT_OFF,        EMAIL_WAITING,           EMAIL_ACT_DONE,  NOT_TRIED,               false},
    {EMAIL_REFUSED_SENDER,  EMAIL_ON_CLAIM,          EMAIL_SENDING,           EMAIL_ACT_SEND,  NOT_TRIED,               false},
    {EMAIL_REFUSED_SENDER,  EMAIL_ON_REDELIVERY,     EMAIL_SENDING,           EMAIL_ACT_SEND,  NOT_TRIED,               false},
    {EMAIL_REFUSED_SENDER,  EMAIL_ON_SKIP,           EMAIL_SKIPPED,           EMAIL_ACT_DONE,  NOT_TRIED,               false},
    {EMAIL_REFUSED_SENDER,  EMAIL_ON_PUT_OFF,        EMAIL_REFUSED_SENDER,    EMAIL_ACT_DONE,  NOT_TRIED,               false},
    /*
     * A redelivered job finds `sending`: there was a crash between the claim and its outcome. If a job finds it on its
     * first delivery, or claimed by another job (EMAIL_ON_CLAIM, no row), the job is a duplicate, of a campaign that was
     * resumed while an older job was waiting, and ends.
     */
    {EMAIL_SENDING,         EMAIL_ON_REDELIVERY,     EMAIL_SENDING,           EMAIL_ACT_ASK,   NOT_TRIED,               false},
    {EMAIL_SENDING,         EMAIL_ON_ACCEPT,         EMAIL_ACCEPTED,          EMAIL_ACT_DONE,  ATTEMPT_ACCEPTED,        false},
    {EMAIL_SENDING,         EMAIL_ON_REFUSAL,        EMAIL_REFUSED_RECIPIENT, EMAIL_ACT_BURY,  ATTEMPT_REFUSED,         false},
    {EMAIL_SENDING,         EMAIL_ON_DEFERRAL,       EMAIL_WAITING,           EMAIL_ACT_LATER, ATTEMPT_DEFERRED,        false},
    {EMAIL_SENDING,         EMAIL_ON_EXPIRY,         EMAIL_REFUSED_RECIPIENT, EMAIL_ACT_BURY,  ATTEMPT_DEFERRED,        false},
    {EMAIL_SENDING,         EMAIL_ON_SENDER_REFUSAL, EMAIL_REFUSED_SENDER,    EMAIL_ACT_LATER, ATTEMPT_REFUSED_SENDER,  true},
    {EMAIL_SENDING,         EMAIL_ON_AWAY,           EMAIL_WAITING,           EMAIL_ACT_LATER, ATTEMPT_UNAVAILABLE,     true},
    /* We prefer losing one e-mail to sending it twice. */
    {EMAIL_SENDING,         EMAIL_ON_DOUBT,          EMAIL_IN_DOUBT,          EMAIL_ACT_BURY,  ATTEMPT_IN_DOUBT,        false},
    /*
     * It was interrupted, then its campaign was paused or completed: first the transport is asked whether it was sent.
     */
    {EMAIL_SENDING,         EMAIL_ON_HOLD,           EMAIL_WAITING,           EMAIL_ACT_DONE,  NOT_TRIED,               true},
    {EMAIL_SENDING,         EMAIL_ON_SKIP,           EMAIL_SKIPPED,           EMAIL_ACT_DONE,  NOT_TRIED,               true},
    {EMAIL_SENDING,         EMAIL_ON_STOP,           EMAIL_WAITING,           EMAIL_ACT_LEAVE, NOT_TRIED,               true},
};

#define AS_IT_IS(state) [state] = {state, EMAIL_EVENTS, state, EMAIL_ACT_DONE, NOT_TRIED, false}
const struct email_rule *email_fate(enum email_state from, enum email_event event)
{
    static const struct email_rule as_it_is[EMAIL_STATES] = {
        AS_IT_IS(EMAIL_WAITING), AS_IT_IS(EMAIL_SENDING), AS_IT_IS(EMAIL_ACCEPTED), AS_IT_IS(EMAIL_REFUSED_RECIPIENT),
        AS_IT_IS(EMAIL_REFUSED_SENDER), AS_IT_IS(EMAIL_IN_DOUBT), AS_IT_IS(EMAIL_SKIPPED),
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].from == from && rules[i].event == event)
            return &rules[i];
    return &as_it_is[from];
}
/* clang-format on */
