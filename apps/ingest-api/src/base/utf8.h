/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/utf8.h Checks of UTF-8 (RFC 3629), for text from outside. Pure functions, thread safe. */
#ifndef INGEST_BASE_UTF8_H
#define INGEST_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/** Length, 1 … 4, of the well-formed sequence at `text`, of which `left` > 0 bytes may be read; 0: malformed. */
size_t utf8_sequence(const char *text, size_t left);

/** Result of utf8_check for valid text. */
#define UTF8_VALID ((size_t)-1)

/**
 * Find the first invalid byte: one that is not part of a well-formed sequence, or NUL. Overlong forms, surrogates and
 * values above U+10FFFF are invalid. @return its offset, or UTF8_VALID. O(length), eight ASCII bytes at a time.
 */
size_t utf8_check(const char *text, size_t length);
/** The number of characters (code points) of valid text, as OpenAPI's maxLength counts them. O(length) */
size_t utf8_characters(const char *text, size_t length);
/** Is it all printable ASCII, so that no further check is needed? Eight bytes at a time. */
bool utf8_is_plain(const char *text, size_t length);
/**
 * Length of the blank at `text`, of which `left` bytes may be read; 0: none. Blanks are separators (space, tab, line
 * ends, no-break and wide spaces) and invisible characters (zero-width characters, soft hyphens, direction marks and
 * embeddings; not the direction overrides).
 */
size_t utf8_blank(const char *text, size_t left);
/** Remove blanks from both ends; a text of blanks only becomes empty. */
void utf8_trim(const char **text, size_t *length);
/** Does the (valid) text contain a character that changes the text direction: an embedding, isolate or override? */
bool utf8_has_direction(const char *text, size_t length);
/** Does the (valid) text contain a C0 control, DEL, or a C1 control (U+0080 … U+009F)? */
bool utf8_has_control(const char *text, size_t length);

#endif
