/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file escape.h
 * What text must look like inside an exposition: label values, help texts, and names outside the classic grammar.
 *
 * Every writer takes `out` with room for the stated bound, returns the end of what it wrote, and NUL-terminates nothing.
 * Pure functions: thread safe, no allocation, no failure. O(length).
 */
#ifndef PROMC_BASE_ESCAPE_H
#define PROMC_BASE_ESCAPE_H

#include <promc/scrape.h>

#include <stdbool.h>
#include <stddef.h>

/** Room for an escaped label value or help text of n bytes. */
#define PROMC_ESCAPED_TEXT_MAX(n) (2 * (n))
/** Room for an escaped name of n bytes: `U__` and `_fffd_` for every byte. */
#define PROMC_ESCAPED_NAME_MAX(n) (6 * (n) + 3)

/** `\\`, `\"` and `\n`: label values in every text format, and quoted names. */
char *promc_escape_label_value(char *out, const char *text, size_t length);

/** HELP: `\\` and `\n`; in OpenMetrics also `\"`. The 0.0.4 parsers would show that backslash to the reader. */
char *promc_escape_help(char *out, const char *text, size_t length, bool openmetrics);

/** Is this `[a-zA-Z_:][a-zA-Z0-9_:]*`? */
bool promc_name_is_classic(const char *name, size_t length);

/** The same for a label: no colon. */
bool promc_label_is_classic(const char *name, size_t length);

/**
 * The name under a scheme. `underscores`: what the classic grammar does not allow becomes `_`. `dots`: `.` is `_dot_`, `_` is `__`
 * (in classic names too), others `__`. `values`: `U__`, `_` is `__`, others `_<hex>_`; classic names stay. `allow-utf-8`:
 * as it is, unquoted.
 */
char *promc_escape_name(char *out, const char *name, size_t length, enum promc_escaping scheme);
/** A label's name under a scheme, unquoted: the same, but a colon is no letter of the grammar either. */
char *promc_escape_label_name(char *out, const char *name, size_t length, enum promc_escaping scheme);

/** Is the name's spelling the same under this scheme? Then nothing need be escaped or quoted. */
bool promc_name_is_plain(const char *name, size_t length, enum promc_escaping scheme);
bool promc_label_is_plain(const char *name, size_t length, enum promc_escaping scheme);

#endif
