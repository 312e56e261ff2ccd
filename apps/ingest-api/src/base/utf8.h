/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/utf8.h Well-formed UTF-8 (RFC 3629), for text that comes from outside. Pure functions, thread safe. */
#ifndef INGEST_BASE_UTF8_H
#define INGEST_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** Length, 1 … 4, of the well-formed sequence at `text`, of which `left` > 0 bytes may be read; 0: malformed. */
size_t utf8_sequence(const char *text, size_t left);

/** Result of utf8_check when all is well. */
#define UTF8_VALID ((size_t)-1)

/**
 * Offset of the first byte that is not part of a well-formed sequence (overlong forms, surrogates and values above
 * U+10FFFF are refused), or of the first NUL; UTF8_VALID when there is none. O(length), eight ASCII bytes at a time.
 */
size_t utf8_check(const char *text, size_t length);
/** True if the (valid) text holds a C0 control, DEL, or a C1 control (U+0080 … U+009F). */
bool utf8_has_control(const char *text, size_t length);

#endif
