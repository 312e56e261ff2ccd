/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS UINT64_C(0x0101010101010101)

/* Are all eight bytes in 0x01 … 0x7f? The test for zero is wrong only for bytes >= 0x80, which fail anyway. */
static bool all_ascii(const char *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return ((word | (word - LOW_BITS)) & HIGH_BITS) == 0;
}

static bool continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

/* Table 3-7 of the Unicode standard. */
size_t utf8_sequence(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;

    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4)
        return 0;
    if (p[0] < 0xe0)
        return left >= 2 && continuation(p[1]) ? 2 : 0;
    if (p[0] < 0xf0) {
        if (left < 3 || !continuation(p[1]) || !continuation(p[2]))
            return 0;
        return (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] > 0x9f) ? 0 : 3;
    }
    if (left < 4 || !continuation(p[1]) || !continuation(p[2]) || !continuation(p[3]))
        return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
}

size_t utf8_check(const char *text, size_t length)
{
    size_t at = 0;

    while (at < length) {
        if (length - at >= 8 && all_ascii(text + at)) {
            at += 8;
            continue;
        }
        size_t n = utf8_sequence(text + at, length - at);
        if (n == 0 || text[at] == '\0')
            return at;
        at += n;
    }
    return UTF8_VALID;
}

size_t utf8_characters(const char *text, size_t length)
{
    size_t n = 0;

    for (size_t i = 0; i < length; i++)
        n += !continuation((unsigned char)text[i]);
    return n;
}

bool utf8_has_control(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c < 0x20 || c == 0x7f)
            return true;
        if (c == 0xc2 && i + 1 < length && (unsigned char)text[i + 1] < 0xa0)
            return true;
    }
    return false;
}

bool utf8_is_plain(const char *text, size_t length)
{
    uint64_t word = LOW_BITS * ' ';
    size_t at = 0;

    for (; length - at >= 8; at += 8) {
        memcpy(&word, text + at, sizeof(word));
        /* finds bytes below ' ', from 0x80, and 0x7f; a borrow or carry comes only from a byte that fails itself */
        if (((word - LOW_BITS * ' ') | word | (word + LOW_BITS)) & HIGH_BITS)
            return false;
    }
    for (; at < length; at++)
        if (text[at] < ' ' || text[at] == 0x7f)
            return false;
    return true;
}

/* The blanks that begin with 0xe2: U+2000 … U+200F, U+2028 … U+202C, U+202F, U+205F, U+2060, U+2066 … U+2069. */
static bool is_general_blank(const unsigned char *p)
{
    if (p[1] == 0x80)
        return p[2] <= 0x8f || (p[2] >= 0xa8 && p[2] <= 0xac) || p[2] == 0xaf;
    return p[1] == 0x81 && (p[2] == 0x9f || p[2] == 0xa0 || (p[2] >= 0xa6 && p[2] <= 0xa9));
}

size_t utf8_blank(const char *text, size_t left)
{
    const unsigned char *p = (const unsigned char *)text;

    if (left == 0)
        return 0;
    if (p[0] < 0x80)
        return p[0] == ' ' || p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
    if (p[0] == 0xc2)
        return left >= 2 && (p[1] == 0xa0 || p[1] == 0xad) ? 2 : 0;
    if (left < 3)
        return 0;
    bool blank = (p[0] == 0xe2 && is_general_blank(p)) || (p[0] == 0xe1 && p[1] == 0x9a && p[2] == 0x80) ||
                 (p[0] == 0xe1 && p[1] == 0xa0 && p[2] == 0x8e) || (p[0] == 0xe3 && p[1] == 0x80 && p[2] == 0x80) ||
                 (p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf);
    return blank ? 3 : 0;
}

/* The length of the blank that ends at text + length; 0: none. */
static size_t blank_before(const char *text, size_t length)
{
    for (size_t n = 1; n <= 3 && n <= length; n++)
        if (utf8_blank(text + length - n, n) == n)
            return n;
    return 0;
}

void utf8_trim(const char **text, size_t *length)
{
    size_t n;

    while (*length > 0 && (unsigned char)(**text - '!') > '~' - '!' && (n = utf8_blank(*text, *length)) > 0) {
        *text += n;
        *length -= n;
    }
    while (*length > 0 && (unsigned char)((*text)[*length - 1] - '!') > '~' - '!' &&
           (n = blank_before(*text, *length)) > 0)
        *length -= n;
}

bool utf8_has_direction(const char *text, size_t length)
{
    for (size_t i = 0; i + 2 < length; i++) {
        const unsigned char *p = (const unsigned char *)text + i;
        if (p[0] == 0xe2 &&
            ((p[1] == 0x80 && p[2] >= 0xaa && p[2] <= 0xae) || (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
            return true;
    }
    return false;
}
