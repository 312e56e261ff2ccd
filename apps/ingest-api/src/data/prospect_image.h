/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file data/prospect_image.h
 * A row of crm.prospects before an import changed it, stored in the undo record of a slice (data/imports.h).
 */
#ifndef INGEST_DATA_PROSPECT_IMAGE_H
#define INGEST_DATA_PROSPECT_IMAGE_H

#include "base/text.h"
#include "db/db.h"

#include <jansson.h>

/** The columns of an image, in a SELECT. */
#define PROSPECT_IMAGE \
    "updated_at, first_name, last_name, company, title, phone, website, country, custom, status, status_reason"

/** Append an image. @param first the column of `stmt` where PROSPECT_IMAGE begins @param images growing */
void prospect_image_add(struct text *images, const char *id, struct db_stmt *stmt, int first);
/** Restore the row, unless somebody has changed it since the import did, at `at_ms`. As db_exec_later(). */
int prospect_image_restore(struct db *db, const char *organisation_id, int64_t at_ms, const json_t *image);

#endif
