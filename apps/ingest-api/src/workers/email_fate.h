/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/email_fate.h
 * The fate of an e-mail: state × event → next state, action, counters. Nothing else decides it.
 * docs/service/reliability.md describes it in words. Private to src/workers.
 */
#ifndef INGEST_WORKERS_EMAIL_FATE_H
#define INGEST_WORKERS_EMAIL_FATE_H

#include "model/labels.h"
#include "model/states.h"

#include <stdbool.h>

enum email_event {
    EMAIL_ON_CLAIM,          /**< its job was delivered for the first time */
    EMAIL_ON_REDELIVERY,     /**< delivered again: the worker died, or does not know whether its claim was committed */
    EMAIL_ON_SKIP,           /**< it must not be sent: campaign completed, prospect invalid, no draft */
    EMAIL_ON_PUT_OFF,        /**< its organisation is over its rate, or its campaign is held: another job tries later */
    EMAIL_ON_ACCEPT,         /**< the transport has accepted it */
    EMAIL_ON_REFUSAL,        /**< the transport will never accept it */
    EMAIL_ON_DEFERRAL,       /**< the transport does not accept it now, but may later */
    EMAIL_ON_EXPIRY,         /**< the same, and MAIL_RETRY_FOR is over */
    EMAIL_ON_SENDER_REFUSAL, /**< the transport refused the sender, not the recipient */
    EMAIL_ON_AWAY,           /**< the transport did not answer for a long time */
    EMAIL_ON_DOUBT,          /**< it may have been sent, and nobody can tell */
    EMAIL_ON_HOLD,           /**< its campaign is paused, and it has certainly not been sent */
    EMAIL_ON_STOP,           /**< we are shutting down, and it has certainly not been sent */
    EMAIL_EVENTS
};

enum email_action {
    EMAIL_ACT_SEND,  /**< send it */
    EMAIL_ACT_ASK,   /**< ask the transport whether it was sent; if not, send it */
    EMAIL_ACT_DONE,  /**< the job is done */
    EMAIL_ACT_LATER, /**< the job is done, and another job makes the next attempt */
    EMAIL_ACT_BURY,  /**< the job is a dead letter */
    EMAIL_ACT_LEAVE  /**< the job is given back */
};

#define EMAIL_NOT_TRIED ((enum email_attempt)email_attempt_count)

struct email_rule {
    enum email_state from;
    enum email_event event;
    enum email_state to;
    enum email_action action;
    enum email_attempt attempt; /**< email_attempts_total; EMAIL_NOT_TRIED: not counted */
    bool unspent;               /**< the attempt does not count */
};

/** The row of a combination. Never NULL: without a row the e-mail stays unchanged, and the job is done. */
const struct email_rule *email_fate(enum email_state from, enum email_event event);

#endif
