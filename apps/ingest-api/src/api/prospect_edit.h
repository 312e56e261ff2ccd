/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/prospect_edit.h Creates or changes one prospect: POST /api/v1/prospects, PATCH /api/v1/prospects/{id}. */
#ifndef INGEST_API_PROSPECT_EDIT_H
#define INGEST_API_PROSPECT_EDIT_H

struct route;

/** A table, ended by a route without a path. */
struct route *routes_prospect_edit(void);

#endif
