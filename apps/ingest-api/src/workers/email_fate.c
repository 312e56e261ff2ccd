/* SPDX-License-Identifier: Apache-2.0 */
#include "workers/email_fate.h"

#include <stddef.h>

/* clang-format off */
static const struct email_rule rules[] = {
    /* state          event              next           action           counted */
    {EMAIL_PENDING,   EMAIL_CLAIMED,     EMAIL_SENDING, EMAIL_ACT_SEND,  EMAIL_COUNT_NONE},
    {EMAIL_PENDING,   EMAIL_REDELIVERED, EMAIL_SENDING, EMAIL_ACT_SEND,  EMAIL_COUNT_NONE},
    /* Not counted: nothing was handed to the transport. */
    {EMAIL_PENDING,   EMAIL_SKIPPED,     EMAIL_FAILED,  EMAIL_ACT_DONE,  EMAIL_COUNT_NONE},
    {EMAIL_PENDING,   EMAIL_PUT_OFF,     EMAIL_PENDING, EMAIL_ACT_DONE,  EMAIL_COUNT_NONE},
    /* A crash between the claim and its record. On its first delivery it is a double instead (a campaign resumed while its older
     * job was still waiting) and leaves: the table has no row for that. */
    {EMAIL_SENDING,   EMAIL_REDELIVERED, EMAIL_SENDING, EMAIL_ACT_ASK,   EMAIL_COUNT_NONE},
    {EMAIL_SENDING,   EMAIL_ACCEPTED,    EMAIL_SENT,    EMAIL_ACT_DONE,  EMAIL_COUNT_SENT},
    {EMAIL_SENDING,   EMAIL_REFUSED,     EMAIL_FAILED,  EMAIL_ACT_BURY,  EMAIL_COUNT_FAILED},
    {EMAIL_SENDING,   EMAIL_DEFERRED,    EMAIL_PENDING, EMAIL_ACT_RETRY, EMAIL_COUNT_NONE},
    {EMAIL_SENDING,   EMAIL_EXHAUSTED,   EMAIL_FAILED,  EMAIL_ACT_RETRY, EMAIL_COUNT_FAILED},
    /* We prefer losing one e-mail to sending it twice. */
    {EMAIL_SENDING,   EMAIL_DOUBTED,     EMAIL_FAILED,  EMAIL_ACT_BURY,  EMAIL_COUNT_FAILED},
    /* Interrupted, and then its campaign was paused or completed: whether it was sent is asked all the same. */
    {EMAIL_SENDING,   EMAIL_HELD,        EMAIL_PENDING, EMAIL_ACT_DONE,  EMAIL_COUNT_NONE},
    {EMAIL_SENDING,   EMAIL_SKIPPED,     EMAIL_FAILED,  EMAIL_ACT_DONE,  EMAIL_COUNT_NONE},
    {EMAIL_SENDING,   EMAIL_STOPPED,     EMAIL_PENDING, EMAIL_ACT_LEAVE, EMAIL_COUNT_NONE},
};

const struct email_rule *email_fate(enum email_state from, enum email_event event)
{
    static const struct email_rule as_it_is[EMAIL_STATES] = {
        {EMAIL_PENDING, EMAIL_EVENTS, EMAIL_PENDING, EMAIL_ACT_DONE, EMAIL_COUNT_NONE},
        {EMAIL_SENDING, EMAIL_EVENTS, EMAIL_SENDING, EMAIL_ACT_DONE, EMAIL_COUNT_NONE},
        {EMAIL_SENT,    EMAIL_EVENTS, EMAIL_SENT,    EMAIL_ACT_DONE, EMAIL_COUNT_NONE},
        {EMAIL_FAILED,  EMAIL_EVENTS, EMAIL_FAILED,  EMAIL_ACT_DONE, EMAIL_COUNT_NONE},
    };
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (rules[i].from == from && rules[i].event == event)
            return &rules[i];
    return &as_it_is[from];
}
/* clang-format on */
