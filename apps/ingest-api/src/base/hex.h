/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/hex.h Bytes as hexadecimal digits and back. Inline, because a page of rows has hundreds of ids. */
#ifndef INGEST_BASE_HEX_H
#define INGEST_BASE_HEX_H

#include <stdbool.h>
#include <stddef.h>

/** Lower case. `out` gets 2 × n characters and a NUL. */
static inline void hex_format(const unsigned char *bytes, size_t n, char *out)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/** The value of a digit in either case; -1 for everything else, NUL included. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/** 2 × n digits. @return false at the first invalid character; nothing after it is read. */
static inline bool hex_parse(const char *text, unsigned char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        int high = hex_digit(text[2 * i]), low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
        if (low < 0)
            return false;
        bytes[i] = (unsigned char)(high << 4 | low);
    }
    return true;
}

#endif
