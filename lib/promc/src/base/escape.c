/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdint.h>
#include <string.h>

static char *escape_text(char *out, const char *text, size_t length, bool quotes)
{
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '\\' || c == '\n' || (quotes && c == '"')) {
            *out++ = '\\';
            c = c == '\n' ? 'n' : c;
        }
        *out++ = c;
    }
    return out;
}

char *promc_escape_label_value(char *out, const char *text, size_t length)
{
    return escape_text(out, text, length, true);
}

char *promc_escape_help(char *out, const char *text, size_t length, bool openmetrics)
{
    return escape_text(out, text, length, openmetrics);
}

/* The two grammars: a metric's name may contain colons, a label's name may not. */
enum grammar { METRIC, LABEL };

static bool is_classic_byte(unsigned char c, bool first, enum grammar grammar)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || (c == ':' && grammar == METRIC) ||
           (!first && c >= '0' && c <= '9');
}

static bool is_classic(const char *name, size_t length, enum grammar grammar)
{
    for (size_t i = 0; i < length; i++)
        if (!is_classic_byte((unsigned char)name[i], i == 0, grammar))
            return false;
    return length > 0;
}

bool promc_name_is_classic(const char *name, size_t length)
{
    return is_classic(name, length, METRIC);
}

bool promc_label_is_classic(const char *name, size_t length)
{
    return is_classic(name, length, LABEL);
}

/* Read one UTF-8 character. @return its bytes (≥ 1); for invalid bytes *out is U+FFFD and the length 1. */
static size_t decode_utf8(const char *text, size_t length, uint32_t *out)
{
    static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char lead = (unsigned char)text[0];
    size_t bytes = lead < 0x80 ? 1 : lead >> 5 == 6 ? 2 : lead >> 4 == 14 ? 3 : lead >> 3 == 30 ? 4 : 0;
    uint32_t rune = bytes <= 1 ? lead : lead & (0x7fu >> bytes);
    bool valid = bytes != 0 && bytes <= length;
    for (size_t i = 1; valid && i < bytes; i++) {
        valid = ((unsigned char)text[i] & 0xc0) == 0x80;
        rune = rune << 6 | ((unsigned char)text[i] & 0x3f);
    }
    if (!valid || rune < smallest[bytes] || rune > 0x10ffff || (rune >= 0xd800 && rune <= 0xdfff)) {
        *out = 0xfffd;
        return 1;
    }
    *out = rune;
    return bytes;
}

static char *put_hex(char *out, uint32_t n)
{
    int shift = 20;
    while (shift > 0 && n >> shift == 0)
        shift -= 4;
    for (; shift >= 0; shift -= 4)
        *out++ = "0123456789abcdef"[n >> shift & 15];
    return out;
}

/* The replacement of a character that is not simply copied. */
static char *put_replacement(char *out, uint32_t rune, enum promc_escaping scheme)
{
    switch (scheme) {
    case PROMC_ESCAPING_DOTS:
        memcpy(out, "_dot_", 5);
        if (rune == '.')
            return out + 5;
        memcpy(out, "__", 2);
        return out + 2;
    case PROMC_ESCAPING_VALUES:
        *out++ = '_';
        if (rune != '_')
            out = put_hex(out, rune);
        *out++ = '_';
        return out;
    default:
        *out++ = '_';
        return out;
    }
}

static bool is_plain(const char *name, size_t length, enum promc_escaping scheme, enum grammar grammar)
{
    return is_classic(name, length, grammar) && (scheme != PROMC_ESCAPING_DOTS || !memchr(name, '_', length));
}

static char *escape_name(char *out, const char *name, size_t length, enum promc_escaping scheme, enum grammar grammar)
{
    if (scheme == PROMC_ESCAPING_ALLOW_UTF8 || is_plain(name, length, scheme, grammar)) {
        memcpy(out, name, length);
        return out + length;
    }
    if (scheme == PROMC_ESCAPING_VALUES) {
        memcpy(out, "U__", 3);
        out += 3;
    }
    bool keep_underscores = scheme == PROMC_ESCAPING_UNDERSCORES;
    for (size_t i = 0; i < length;) {
        uint32_t rune;
        size_t bytes = decode_utf8(name + i, length - i, &rune);
        bool first = i == 0; /* `values` has its prefix before it, but the schemes are defined on the name itself */
        if (rune < 0x80 && is_classic_byte((unsigned char)rune, first, grammar) && (rune != '_' || keep_underscores))
            *out++ = (char)rune;
        else
            out = put_replacement(out, rune, scheme);
        i += bytes;
    }
    return out;
}

bool promc_name_is_plain(const char *name, size_t length, enum promc_escaping scheme)
{
    return is_plain(name, length, scheme, METRIC);
}

bool promc_label_is_plain(const char *name, size_t length, enum promc_escaping scheme)
{
    return is_plain(name, length, scheme, LABEL);
}

char *promc_escape_name(char *out, const char *name, size_t length, enum promc_escaping scheme)
{
    return escape_name(out, name, length, scheme, METRIC);
}

char *promc_escape_label_name(char *out, const char *name, size_t length, enum promc_escaping scheme)
{
    return escape_name(out, name, length, scheme, LABEL);
}
