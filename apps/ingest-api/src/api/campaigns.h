/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/campaigns.h /api/v1/campaigns and what is below it. */
#ifndef INGEST_API_CAMPAIGNS_H
#define INGEST_API_CAMPAIGNS_H

struct route;

/** A table, ended by a route without a path. */
struct route *routes_campaigns(void);

#endif
