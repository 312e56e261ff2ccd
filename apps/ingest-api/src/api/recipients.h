/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/recipients.h /api/v1/campaigns/{id}/recipients: a campaign's recipients and the fates of their e-mails. */
#ifndef INGEST_API_RECIPIENTS_H
#define INGEST_API_RECIPIENTS_H

struct route;
struct route *routes_recipients(void);

#endif
