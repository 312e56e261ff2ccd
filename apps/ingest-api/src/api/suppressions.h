/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/suppressions.h /api/v1/suppressions: addresses that get no e-mail. */
#ifndef INGEST_API_SUPPRESSIONS_H
#define INGEST_API_SUPPRESSIONS_H

struct route;
struct route *routes_suppressions(void);

#endif
