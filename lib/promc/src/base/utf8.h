/* SPDX-License-Identifier: Apache-2.0 */
/* Checking and repairing UTF-8 from outside. No allocation. */
#ifndef PROMC_BASE_UTF8_H
#define PROMC_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Is this valid UTF-8 without NUL? (A NUL would end the sample for readers written in C.) */
bool promc_utf8_valid(const char *text, size_t length);

/* Bytes that promc_utf8_repair() may need. */
#define PROMC_REPAIRED_MAX(n) (3 * (n))

/*
 * Copy, replacing each maximal ill-formed part and each NUL by U+FFFD, at most `limit` bytes,
 * cut at a character's end. @return the length written.
 */
size_t promc_utf8_repair(char *out, const char *text, size_t length, size_t limit);

#endif
