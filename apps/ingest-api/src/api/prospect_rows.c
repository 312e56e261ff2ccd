/* SPDX-License-Identifier: Apache-2.0 */
#include "api/prospect_rows.h"

#include <stdlib.h>

#define ROW_BYTES 384 /* length of an ordinary row */

static void add_member(struct text *text, const char *name, const char *value)
{
    text_add(text, ",\"");
    text_add(text, name);
    text_add(text, "\":");
    text_add_json(text, value, value ? strlen(value) : 0, SIZE_MAX);
}

/* JSON that the service itself has stored. */
static void add_json(struct text *text, const char *name, const char *json, const char *otherwise)
{
    text_add(text, ",\"");
    text_add(text, name);
    text_add(text, "\":");
    text_add(text, json ? json : otherwise);
}

static void add_time(struct text *text, const char *name, int64_t ms)
{
    text_add(text, ",\"");
    text_add(text, name);
    text_add(text, ms > 0 ? "\":\"" : "\":null");
    if (ms > 0) {
        text_add_iso_time(text, ms);
        text_add(text, "\"");
    }
}

static void add_row(struct text *text, const struct prospect *row)
{
    text_add(text, "{\"id\":\"");
    text_add(text, row->id);
    text_add(text, "\"");
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        add_member(text, prospect_field_names[i], row->field[i]);
    add_json(text, "custom_fields", row->custom, "{}");
    add_member(text, "status", prospect_status_names[row->status]);
    add_member(text, "status_reason", row->status_reason);
    add_json(text, "research", row->research, "null");
    add_time(text, "created_at", row->created_ms);
    add_time(text, "updated_at", row->updated_ms);
    text_add(text, "}");
}

bool prospect_rows_begin(struct prospect_rows *rows, const char *opening, size_t expected)
{
    *rows = (struct prospect_rows){.count = 0};
    text_init_growing(&rows->text, strlen(opening) + (expected + 1) * ROW_BYTES);
    text_add(&rows->text, opening);
    return !rows->text.overflow;
}

bool prospect_rows_add(struct prospect_rows *rows, const struct prospect *row)
{
    if (rows->count++ > 0)
        text_add(&rows->text, ",");
    add_row(&rows->text, row);
    memcpy(rows->last_id, row->id, sizeof(rows->last_id));
    return !rows->text.overflow;
}

char *prospect_rows_end(struct prospect_rows *rows, const char *closing, size_t *length)
{
    text_add(&rows->text, closing);
    *length = rows->text.length;
    return text_take(&rows->text);
}

void prospect_rows_free(struct prospect_rows *rows)
{
    free(rows->text.data);
    rows->text.data = NULL;
}
