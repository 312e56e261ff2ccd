/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/header.h The header row of a CSV: decides which field each column is. */
#ifndef INGEST_IMPORT_HEADER_H
#define INGEST_IMPORT_HEADER_H

#include "base/field_name.h"
#include "import/csv.h"

#include <jansson.h>

enum { COLUMN_CUSTOM = -1, COLUMN_LEFT_OUT = -2 };

struct column {
    int field;                     /**< enum prospect_field, or one of the above */
    char name[FIELD_NAME_MAX + 1]; /**< of the field; "" if it is ignored */
    const char *reason;            /**< why it is ignored: blank_name, name_too_long, invalid_name, repeated_name */
    char *given;                   /**< the name as in the file, cut if it is long */
};

/** All zero: an empty header. */
struct header {
    struct column *columns;
    size_t count;       /**< number of columns */
    size_t width;       /**< maximum cells of a row: `count`, or more if there are more than CSV_MAX_FIELDS */
    size_t email;       /**< the column; `count` if there is none */
    size_t email_twice; /**< another column with exactly the same name; 0: none */
    unsigned long line;
};

/** How good the row is as a header: the rank of its best column for the address (column_names.h), or UINT_MAX. */
unsigned header_rank(const struct csv *csv);
/** Use the row as the header. @return false without memory. */
bool header_read(struct header *header, const struct csv *csv);
/** [{"column", "name", "field", "custom_field", "reason"}]: the use of each column. NULL without memory. */
json_t *header_describe(const struct header *header);
void header_free(struct header *header);

#endif
