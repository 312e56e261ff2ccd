/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/preview.h GET /api/v1/campaigns/{id}/preview?prospect=: the exact e-mail that this person would get. */
#ifndef INGEST_API_PREVIEW_H
#define INGEST_API_PREVIEW_H

struct route;
struct route *routes_preview(void);

#endif
