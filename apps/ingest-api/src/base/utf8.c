/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)
#define LOW_BITS UINT64_C(0x0101010101010101)

/* True if the eight bytes are all in 0x01 … 0x7f. The zero test may be fooled only by bytes >= 0x80, which fail anyway. */
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
