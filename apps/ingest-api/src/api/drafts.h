/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/drafts.h A campaign's drafts: list, read, render again, delete. */
#ifndef INGEST_API_DRAFTS_H
#define INGEST_API_DRAFTS_H

struct route;
struct route *routes_drafts(void);

#endif
