/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file model/labels.h
 * The label values of the service's metrics that other rooms use, each as an enumerator with its text. One enumeration
 * per label, so that a value of another label does not compile.
 */
#ifndef INGEST_MODEL_LABELS_H
#define INGEST_MODEL_LABELS_H

#include <promc/table.h>

#define DB_SCHEMA_VALUES(VALUE) \
    VALUE(DB_SCHEMA_IAM, "iam") \
    VALUE(DB_SCHEMA_CRM, "crm") \
    VALUE(DB_SCHEMA_OUTREACH, "outreach") VALUE(DB_SCHEMA_TRACKING, "tracking") VALUE(DB_SCHEMA_OTHER, "other")
PROMC_LABEL(db_schema, "schema", DB_SCHEMA_VALUES);
/* The operations that the service uses; promc-sql reads them from the SQL text. */
#define DB_OPERATION_VALUES(VALUE) \
    VALUE(DB_SELECT, "select")     \
    VALUE(DB_INSERT, "insert")     \
    VALUE(DB_UPDATE, "update")     \
    VALUE(DB_DELETE, "delete")     \
    VALUE(DB_BEGIN, "begin")       \
    VALUE(DB_COMMIT, "commit")     \
    VALUE(DB_ROLLBACK, "rollback") \
    VALUE(DB_CONNECT, "connect")   \
    VALUE(DB_DDL, "ddl") VALUE(DB_OTHER_OP, "other")
PROMC_LABEL(db_operation, "operation", DB_OPERATION_VALUES);
#define QUEUE_ACTION_VALUES(VALUE) VALUE(QUEUE_PUBLISHED, "published") VALUE(QUEUE_CONSUMED, "consumed")
PROMC_LABEL(queue_action, "action", QUEUE_ACTION_VALUES);
#define QUEUE_FAILURE_VALUES(VALUE)   \
    VALUE(QUEUE_REJECTED, "rejected") \
    VALUE(QUEUE_TIMEOUT, "timeout") VALUE(QUEUE_DEAD_LETTERED, "dead_lettered") VALUE(QUEUE_ERROR, "error")
PROMC_LABEL(queue_failure, "reason", QUEUE_FAILURE_VALUES);
#define PROSPECT_ACTION_VALUES(VALUE)      \
    VALUE(PROSPECT_IMPORTED, "imported")   \
    VALUE(PROSPECT_VALIDATED, "validated") \
    VALUE(PROSPECT_RESEARCHED, "researched") VALUE(PROSPECT_REJECTED, "rejected")
PROMC_LABEL(prospect_action, "action", PROSPECT_ACTION_VALUES);
#define BOUNCE_CLASS_VALUES(VALUE) VALUE(BOUNCE_4XX, "4xx") VALUE(BOUNCE_5XX, "5xx")
PROMC_LABEL(bounce_class, "class", BOUNCE_CLASS_VALUES);
/* The subjects of RFC 3463 in the order of their digits; the last is for a reply without an enhanced status. */
#define BOUNCE_SUBJECT_VALUES(VALUE)         \
    VALUE(BOUNCE_OTHER, "other")             \
    VALUE(BOUNCE_ADDRESS, "address")         \
    VALUE(BOUNCE_MAILBOX, "mailbox")         \
    VALUE(BOUNCE_MAIL_SYSTEM, "mail_system") \
    VALUE(BOUNCE_NETWORK, "network")         \
    VALUE(BOUNCE_PROTOCOL, "protocol")       \
    VALUE(BOUNCE_CONTENT, "content")         \
    VALUE(BOUNCE_POLICY, "policy") VALUE(BOUNCE_UNKNOWN, "unknown")
PROMC_LABEL(bounce_subject, "subject", BOUNCE_SUBJECT_VALUES);
/* The outcome of an attempt to send an e-mail. */
#define EMAIL_ATTEMPT_VALUES(VALUE)                 \
    VALUE(ATTEMPT_ACCEPTED, "accepted")             \
    VALUE(ATTEMPT_DEFERRED, "deferred")             \
    VALUE(ATTEMPT_REFUSED, "refused_recipient")     \
    VALUE(ATTEMPT_REFUSED_SENDER, "refused_sender") \
    VALUE(ATTEMPT_IN_DOUBT, "in_doubt") VALUE(ATTEMPT_UNAVAILABLE, "unavailable")
PROMC_LABEL(email_attempt, "outcome", EMAIL_ATTEMPT_VALUES);
/* The fates of model/states.h in the same order, but without waiting and sending. */
#define EMAIL_FATE_VALUES(VALUE)                       \
    VALUE(FATE_ACCEPTED, "accepted")                   \
    VALUE(FATE_REFUSED_RECIPIENT, "refused_recipient") \
    VALUE(FATE_REFUSED_SENDER, "refused_sender")       \
    VALUE(FATE_IN_DOUBT, "in_doubt") VALUE(FATE_SKIPPED, "skipped")
PROMC_LABEL(email_fate, "fate", EMAIL_FATE_VALUES);
#define REPORT_OUTCOME_VALUES(VALUE) \
    VALUE(REPORT_SENT, "sent")       \
    VALUE(REPORT_FAILED, "failed")   \
    VALUE(REPORT_QUEUE_FULL, "queue_full") VALUE(REPORT_RATE_LIMITED, "rate_limited")
PROMC_LABEL(report_outcome, "outcome", REPORT_OUTCOME_VALUES);
#define CAMPAIGN_OUTCOME_VALUES(VALUE) VALUE(CAMPAIGN_COMPLETED, "completed")
PROMC_LABEL(campaign_outcome, "outcome", CAMPAIGN_OUTCOME_VALUES);

/* Why an e-mail was not sent, as in the store and the API. */
#define NOT_SENT_VALUES(VALUE)                               \
    VALUE(NOT_SENT_CAMPAIGN_COMPLETED, "campaign_completed") \
    VALUE(NOT_SENT_PROSPECT_INVALID, "prospect_invalid")     \
    VALUE(NOT_SENT_NO_DRAFT, "no_draft")                     \
    VALUE(NOT_SENT_DECIDED, "decided")                       \
    VALUE(NOT_SENT_SUPPRESSED, "suppressed") VALUE(NOT_SENT_ROLE_ADDRESS, "role_address")
PROMC_LABEL(not_sent, "reason", NOT_SENT_VALUES);

/* Who or what has suppressed an address. */
#define SUPPRESSION_VALUES(VALUE)         \
    VALUE(SUPPRESSED_BY_API, "api")       \
    VALUE(SUPPRESSED_BY_IMPORT, "import") \
    VALUE(SUPPRESSED_BY_SERVER, "no_mailbox") VALUE(SUPPRESSED_BY_PERSON, "unsubscribed")
PROMC_LABEL(suppression_reason, "reason", SUPPRESSION_VALUES);

/* Limits per organisation: MAX_JOBS, MAX_CAMPAIGNS, MAX_PROSPECTS, MAX_BODY_DISK, MAX_IDEMPOTENCY_KEYS. */
#define ORGANISATION_LIMIT_VALUES(VALUE) \
    VALUE(LIMIT_JOBS, "jobs")            \
    VALUE(LIMIT_CAMPAIGNS, "campaigns")  \
    VALUE(LIMIT_PROSPECTS, "prospects")  \
    VALUE(LIMIT_BODY_DISK, "body_disk") VALUE(LIMIT_IDEMPOTENCY_KEYS, "idempotency_keys")
PROMC_LABEL(organisation_limit, "limit", ORGANISATION_LIMIT_VALUES);

#endif
