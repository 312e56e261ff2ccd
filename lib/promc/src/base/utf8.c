/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>
#include <string.h>

/* Length of the well-formed character at p (1-4), or 0; *bad is then the length of the maximal ill-formed part. */
static size_t utf8_character(const unsigned char *p, size_t left, size_t *bad)
{
    unsigned char lead = p[0];
    *bad = 1;
    if (lead < 0x80)
        return lead != 0;
    size_t need;
    unsigned char
        low = 0x80,
        high = 0xbf; /* range of the second byte: excludes overlong forms, surrogates, and values above U+10FFFF */
    if (lead >= 0xc2 && lead <= 0xdf) {
        need = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        need = 3;
        low = lead == 0xe0 ? 0xa0 : 0x80;
        high = lead == 0xed ? 0x9f : 0xbf;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        need = 4;
        low = lead == 0xf0 ? 0x90 : 0x80;
        high = lead == 0xf4 ? 0x8f : 0xbf;
    } else {
        return 0;
    }
    for (size_t i = 1; i < need; i++) {
        if (i >= left || p[i] < low || p[i] > high) {
            *bad = i;
            return 0;
        }
        low = 0x80;
        high = 0xbf;
    }
    return need;
}

/* Are all eight bytes in 0x01 … 0x7f? */
static bool ascii_word(const char *p)
{
    uint64_t w;
    memcpy(&w, p, sizeof(w));
    const uint64_t ones = UINT64_C(0x0101010101010101), highs = UINT64_C(0x8080808080808080);
    return ((w | (w - ones)) & highs) == 0;
}

bool promc_utf8_valid(const char *text, size_t length)
{
    size_t i = 0, bad;
    while (i < length) {
        if (length - i >= 8 && ascii_word(text + i)) {
            i += 8;
            continue;
        }
        size_t n = utf8_character((const unsigned char *)text + i, length - i, &bad);
        if (n == 0)
            return false;
        i += n;
    }
    return true;
}

size_t promc_utf8_repair(char *out, const char *text, size_t length, size_t limit)
{
    size_t i = 0, o = 0, bad;
    while (i < length) {
        size_t n = utf8_character((const unsigned char *)text + i, length - i, &bad);
        if (o + (n ? n : 3) > limit)
            break;
        memcpy(out + o, n ? text + i : "\xef\xbf\xbd", n ? n : 3);
        o += n ? n : 3;
        i += n ? n : bad;
    }
    return o;
}
