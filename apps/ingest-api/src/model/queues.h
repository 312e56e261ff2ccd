/* SPDX-License-Identifier: Apache-2.0 */
/** @file model/queues.h The queues. RabbitMQ, the store's column and the label `queue` use the same names. */
#ifndef INGEST_MODEL_QUEUES_H
#define INGEST_MODEL_QUEUES_H

enum queue_name { QUEUE_PROSPECT_VALIDATE, QUEUE_PROSPECT_RESEARCH, QUEUE_DRAFT_GENERATE, QUEUE_EMAIL_SEND, QUEUES };
extern const char *const queue_names[QUEUES]; /* prospect.validate prospect.research draft.generate email.send */

#endif
