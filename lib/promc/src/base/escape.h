/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file escape.h
 * Escaping for expositions: label values, help texts, and names outside the classic grammar.
 *
 * Every writer needs room for the stated bound at `out`, returns the end of the written text, and NUL-terminates nothing.
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

/** HELP: `\\` and `\n`; in OpenMetrics also `\"`. 0.0.4 parsers would keep that backslash in the text. */
char *promc_escape_help(char *out, const char *text, size_t length, bool openmetrics);

/** Is this `[a-zA-Z_:][a-zA-Z0-9_:]*`? */
bool promc_name_is_classic(const char *name, size_t length);

/** The same for a label: no colon. */
bool promc_label_is_classic(const char *name, size_t length);

/**
 * The name in a scheme. `underscores`: characters outside the classic grammar become `_`. `dots`: `.` is `_dot_`, `_` is `__`
 * (also in classic names), others `__`. `values`: `U__`, `_` is `__`, others `_<hex>_`; classic names stay. `allow-utf-8`:
 * unchanged, unquoted.
 */
char *promc_escape_name(char *out, const char *name, size_t length, enum promc_escaping scheme);
/** A label's name in a scheme, unquoted: the same, but a colon is outside the grammar too. */
char *promc_escape_label_name(char *out, const char *name, size_t length, enum promc_escaping scheme);

/** Is the name unchanged in this scheme? Then nothing needs escaping or quoting. */
bool promc_name_is_plain(const char *name, size_t length, enum promc_escaping scheme);
bool promc_label_is_plain(const char *name, size_t length, enum promc_escaping scheme);

#endif
