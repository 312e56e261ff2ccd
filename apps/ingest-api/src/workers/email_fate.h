/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file workers/email_fate.h
 * What becomes of an e-mail: state × event → next state, what is done now, what is counted. Nothing else decides it.
 * Private to src/workers.
 */
#ifndef INGEST_WORKERS_EMAIL_FATE_H
#define INGEST_WORKERS_EMAIL_FATE_H

#include "model/states.h"

enum email_event {
    EMAIL_CLAIMED,     /**< its turn has come */
    EMAIL_REDELIVERED, /**< its turn has come again: who had it before may have died, or not know how its claim ended */
    EMAIL_SKIPPED,     /**< it is not to be sent: campaign completed, prospect invalid, no draft */
    EMAIL_PUT_OFF,     /**< its organisation is past its rate: another job has its turn */
    EMAIL_ACCEPTED,    /**< the transport has it */
    EMAIL_REFUSED,     /**< the transport will never take it */
    EMAIL_DEFERRED,    /**< the transport did not take it for now */
    EMAIL_EXHAUSTED,   /**< the same, and this was the last attempt */
    EMAIL_DOUBTED,     /**< it may have been sent, and nobody can tell */
    EMAIL_HELD,        /**< its campaign is paused, and it has certainly not been sent */
    EMAIL_STOPPED,     /**< we are shutting down, and it has certainly not been sent */
    EMAIL_EVENTS
};

enum email_action {
    EMAIL_ACT_SEND,  /**< hand it over */
    EMAIL_ACT_ASK,   /**< ask the transport whether it has it; if not, hand it over */
    EMAIL_ACT_DONE,  /**< the job is done */
    EMAIL_ACT_RETRY, /**< the job comes again, later; when attempts are used up it is a dead letter */
    EMAIL_ACT_BURY,  /**< the job is a dead letter */
    EMAIL_ACT_LEAVE  /**< the job is left to its lease */
};

enum email_count {
    EMAIL_COUNT_NONE,
    EMAIL_COUNT_SENT,  /**< emails_sent_total{success="true"} */
    EMAIL_COUNT_FAILED /**< emails_sent_total{success="false"} */
};

struct email_rule {
    enum email_state from;
    enum email_event event;
    enum email_state to;
    enum email_action action;
    enum email_count count;
};

/** The row for it; never NULL: what the table does not have leaves the e-mail as it is, and the job is done. */
const struct email_rule *email_fate(enum email_state from, enum email_event event);

#endif
