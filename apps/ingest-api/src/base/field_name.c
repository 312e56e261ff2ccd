/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field_name.h"
#include "base/ascii.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

#ifdef HAVE_UNISTRING
#include <unicase.h>
#include <uninorm.h>

/* Compose (NFC) and case-fold a text. @return the length, or 0: it does not fit. */
static size_t fold(const char *text, size_t length, char *out, size_t size)
{
    size_t n = size;
    uint8_t *folded = u8_casefold((const uint8_t *)text, length, NULL, UNINORM_NFC, (uint8_t *)out, &n);

    if (folded && folded != (uint8_t *)out) { /* it did not fit */
        free(folded);
        return 0;
    }
    return folded ? n : 0;
}
#else
static size_t fold(const char *text, size_t length, char *out, size_t size)
{
    if (length > size)
        return 0;
    memcpy(out, text, length);
    return length;
}
#endif

/* Make runs of blanks one '_' and ASCII lower case. @return the length, 0 if it is not a name. */
static size_t squeeze(const char *name, size_t length, char out[FIELD_NAME_MAX + 1])
{
    size_t n = 0;
    bool gap = false; /* the last character was a blank or '-' */

    for (size_t i = 0, step; i < length; i += step) {
        char c = name[i];
        size_t blank = utf8_blank(name + i, length - i);
        step = blank ? blank : 1;
        if (c == '{' || c == '}' || c == '"' || n == FIELD_NAME_MAX)
            return 0;
        if (blank || c == '-') {
            if (!gap)
                out[n++] = '_';
            gap = true;
            continue;
        }
        gap = false;
        out[n++] = ascii_lower(c);
    }
    return n;
}

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] >= 0x80)
            return false;
    return true;
}

static bool has_bad_control(const char *name, size_t length)
{
    for (size_t i = 0, step; i < length; i += step) {
        step = utf8_sequence(name + i, length - i); /* the text is valid */
        if (name[i] != '\t' && utf8_has_control(name + i, step))
            return true;
    }
    return utf8_has_direction(name, length);
}

size_t field_name_normalise(const char *name, size_t length, char out[FIELD_NAME_MAX + 1])
{
    char folded[2 * FIELD_NAME_MAX];

    out[0] = '\0';
    utf8_trim(&name, &length);
    if (utf8_check(name, length) != UTF8_VALID || has_bad_control(name, length))
        return 0;
    if (!is_ascii(name, length)) {
        length = fold(name, length, folded, sizeof(folded));
        name = folded;
    }
    size_t n = squeeze(name, length, out);
    if (utf8_characters(out, n) > FIELD_NAME_CHARACTERS)
        n = 0;
    out[n] = '\0';
    return n;
}
