/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/objects.h Maps a JSON object to a prospect. Not thread safe. */
#ifndef INGEST_IMPORT_OBJECTS_H
#define INGEST_IMPORT_OBJECTS_H

#include "base/arena.h"
#include "data/prospects.h"
#include "import/fault.h"

#include <stdint.h>

#define OBJECT_NO_PLACE SIZE_MAX

/**
 * Map an object to the fields, without checking the values. Keys are compared like column names, also those in
 * `custom_fields: {…}`; firstName is first_name, unless that is present too. Numbers keep their text.
 * @param clear  null and "" clear a field; otherwise they count as absent.
 * @param error set with IMPORT_ROWS_REJECTED; `position` is the byte of the error in the text (from 0), or
 * OBJECT_NO_PLACE if the text is valid JSON. Its line is 0.
 * @param noted  for dropped values.
 * @return IMPORT_ROWS_ROW, IMPORT_ROWS_REJECTED or IMPORT_ROWS_E_NOMEM
 */
enum import_rows_result object_map(const char *text, size_t length, bool clear, struct arena *arena,
                                   struct prospect_input *row, struct import_error *error, size_t *position,
                                   const struct import_notes *noted);

#endif
