/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/field_name.h The names of a prospect's fields: columns of an import, {{fields}} of a template. Pure functions. */
#ifndef INGEST_BASE_FIELD_NAME_H
#define INGEST_BASE_FIELD_NAME_H

#include <stddef.h>

#define FIELD_NAME_MAX 64 /* bytes */

/**
 * The name of a field as it is stored and looked up: trimmed, ASCII letters lower case, runs of blanks and '-' one '_'.
 * @return its length, or 0 if it is empty, longer than FIELD_NAME_MAX bytes, or holds braces, quotes, controls or
 *         invalid UTF-8.
 */
size_t field_name_normalise(const char *name, size_t length, char out[FIELD_NAME_MAX + 1]);

#endif
