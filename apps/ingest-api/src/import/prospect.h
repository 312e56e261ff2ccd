/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file import/prospect.h
 * Checks a prospect before it is stored, and writes its custom fields as JSON text. Thread safe.
 */
#ifndef INGEST_IMPORT_PROSPECT_H
#define INGEST_IMPORT_PROSPECT_H

#include "base/arena.h"
#include "base/text.h"
#include "data/prospects.h"

/** Maximum custom fields of one prospect; longest value in characters. */
#define PROSPECT_CUSTOM_MAX 64
#define PROSPECT_CUSTOM_VALUE_MAX 2000

/** Index of a known field by its normalised name, or -1: then it is a custom one. */
int prospect_field_index(const char *name);

enum prospect_check { PROSPECT_GOOD = 0, PROSPECT_REFUSED = 1, PROSPECT_NO_MEMORY = -1 };

/**
 * Trim every field. An empty one becomes absent, or with row->clears an empty text. Line breaks and tabs inside
 * become a blank (in a copy in `arena`). Then check them: email missing, invalid_email; too_long,
 * control_character, invalid_utf8.
 * @param field, reason set with PROSPECT_REFUSED, to constants.
 */
enum prospect_check prospect_normalise(struct prospect_input *row, struct arena *arena, const char **field,
                                       const char **reason);

/** The same for a change of a known prospect, where the address may be absent. */
enum prospect_check prospect_normalise_change(struct prospect_input *row, struct arena *arena, const char **field,
                                              const char **reason);

/** Writes the custom fields of one row as the text of a JSON object. Begin with prospect_custom_begin(). */
struct prospect_custom {
    struct text text;
    unsigned count;
    bool out_of_memory;
    bool clear; /**< an empty value is null: it clears the field */
};
void prospect_custom_begin(struct prospect_custom *custom, struct arena *arena, bool clear);
/**
 * Add a field. A value that is empty after trimming is left out, or null with `clear`. Values may have line breaks and
 * tabs, but no other control characters.
 * @param name normalised (field_name_normalise).
 * @return NULL, or too_long, control_character, invalid_utf8, too_many_fields.
 */
const char *prospect_custom_add(struct prospect_custom *custom, const char *name, const char *value, size_t length);
/** Is only the value dropped for this reason, and the row kept: too_long, too_many_fields? */
bool prospect_custom_may_do_without(const char *reason);
/** The object's text; absent if there was no field. Check out_of_memory after it. */
struct db_text prospect_custom_end(struct prospect_custom *custom);

#endif
