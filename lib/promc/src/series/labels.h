/* SPDX-License-Identifier: Apache-2.0 */
/* Label values: made UTF-8, cut to the limit, rendered. No allocation. */
#ifndef PROMC_SERIES_LABELS_H
#define PROMC_SERIES_LABELS_H

#include <promc/family.h>

/* Is this valid UTF-8 without NUL? (A NUL would end the sample for readers written in C.) */
bool promc_utf8_valid(const char *text, size_t length);

/* Bytes that promc_utf8_repair() may need. */
#define PROMC_REPAIRED_MAX(n) (3 * (n))

/*
 * Copy with each maximal ill-formed part, and each NUL, replaced by U+FFFD, and at most `limit` bytes,
 * cut at a character's end. @return the length written.
 */
size_t promc_utf8_repair(char *out, const char *text, size_t length, size_t limit);

/* A name as it stands before `=`: as it is in the classic grammar, else quoted and escaped. out: 2 × length + 2. */
char *promc_render_name(char *out, const char *name, size_t length);
/* `name="value"`; out: 2 × (both) + 5. */
char *promc_render_pair(char *out, const char *name, size_t name_length, const char *value, size_t value_length);

#endif
