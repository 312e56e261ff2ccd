/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/recipients.h The recipients of a campaign and the fates of their e-mails: /api/v1/campaigns/{id}/recipients. */
#ifndef INGEST_API_RECIPIENTS_H
#define INGEST_API_RECIPIENTS_H

struct route;
struct route *routes_recipients(void);

#endif
