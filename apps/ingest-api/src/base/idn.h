/* SPDX-License-Identifier: Apache-2.0 */
/** @file base/idn.h International domain names (IDNA 2008, UTS 46). Thread safe. */
#ifndef INGEST_BASE_IDN_H
#define INGEST_BASE_IDN_H

#include <stddef.h>

/** Longest domain name in ASCII, with its NUL. */
#define IDN_MAX 256

/**
 * Convert a domain to A-labels: bücher.example becomes xn--bcher-kva.example. An ASCII name becomes lower case.
 * @return the length, or 0: it is not a domain name.
 */
size_t idn_to_ascii(const char *domain, size_t length, char out[IDN_MAX]);

#endif
