/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/erase.h DELETE of a prospect and of a campaign, with all data that depends on them. */
#ifndef INGEST_API_ERASE_H
#define INGEST_API_ERASE_H

struct route;
struct route *routes_erase(void);

#endif
