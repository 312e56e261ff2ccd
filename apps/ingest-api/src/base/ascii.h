/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/ascii.h ASCII letters, independent of the locale. */
#ifndef INGEST_BASE_ASCII_H
#define INGEST_BASE_ASCII_H

/** Convert A to Z to lower case; leave everything else unchanged. */
static inline char ascii_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

#endif
