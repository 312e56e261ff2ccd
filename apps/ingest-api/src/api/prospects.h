/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/prospects.h /api/v1/prospects and what is below it. */
#ifndef INGEST_API_PROSPECTS_H
#define INGEST_API_PROSPECTS_H

struct route;

/** A table, ended by a route without a path. */
struct route *routes_prospects(void);

#endif
