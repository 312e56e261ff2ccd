/* SPDX-License-Identifier: Apache-2.0 */
#include "data/prospect_image.h"

#include <string.h>

/* The columns of PROSPECT_IMAGE after the first. The members of the undo record have the same names. */
static const char *const names[] = {"first_name", "last_name", "company", "title",  "phone",
                                    "website",    "country",   "custom",  "status", "status_reason"};
#define NAMES ((int)(sizeof(names) / sizeof(names[0])))

void prospect_image_add(struct text *images, const char *id, struct db_stmt *stmt, int first)
{
    text_add(images, images->length ? ",{\"id\":\"" : "{\"id\":\"");
    text_add(images, id);
    text_add(images, "\",\"updated_at\":");
    text_add_i64(images, db_column_int(stmt, first));
    for (int i = 0; i < NAMES; i++) {
        const char *value = db_column_text(stmt, first + 1 + i);
        text_add(images, ",\"");
        text_add(images, names[i]);
        text_add(images, "\":");
        text_add_json(images, value, value ? strlen(value) : 0, SIZE_MAX);
    }
    text_add(images, "}");
}

/*
 * Of the statuses an import changes only `invalid`. Another one may have been set by a job since then, which would not
 * come again.
 */
int prospect_image_restore(struct db *db, const char *organisation_id, int64_t at_ms, const json_t *image)
{
    const char *value[NAMES];
    for (int i = 0; i < NAMES; i++)
        value[i] = json_string_value(json_object_get(image, names[i]));
    return db_exec_later(
        db,
        "UPDATE crm.prospects SET updated_at = $4, first_name = $5, last_name = $6, company = $7, title = $8,"
        " phone = $9, website = $10, country = $11, custom = $12,"
        " status_reason = CASE $13 WHEN 'invalid' THEN $14 ELSE status_reason END,"
        " status = CASE $13 WHEN 'invalid' THEN 'invalid' ELSE status END"
        " WHERE organisation_id = $1 AND id = $2 AND updated_at = $3",
        "uuiissssssssss", organisation_id, json_string_value(json_object_get(image, "id")), at_ms,
        (int64_t)json_integer_value(json_object_get(image, "updated_at")), value[0], value[1], value[2], value[3],
        value[4], value[5], value[6], value[7], value[8], value[9]);
}
