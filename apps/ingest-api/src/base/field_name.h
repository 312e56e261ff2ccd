/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/field_name.h Names of a prospect's fields, in imports and in templates. Pure functions. */
#ifndef INGEST_BASE_FIELD_NAME_H
#define INGEST_BASE_FIELD_NAME_H

#include <stddef.h>

#define FIELD_NAME_CHARACTERS 64
#define FIELD_NAME_MAX (3 * FIELD_NAME_CHARACTERS) /* bytes */

/**
 * Normalise the name of a field, as it is stored and looked up: trimmed, composed (NFC) and case-folded, with runs of
 * blanks and '-' as one '_'. Without libunistring only ASCII letters are folded, and nothing is composed.
 * @return its length, or 0 if it is empty, longer than FIELD_NAME_CHARACTERS or FIELD_NAME_MAX, or contains braces,
 *         quotes, control characters, characters that change the text direction, or invalid UTF-8.
 */
size_t field_name_normalise(const char *name, size_t length, char out[FIELD_NAME_MAX + 1]);

#endif
