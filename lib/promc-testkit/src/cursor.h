/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor in one line of an exposition, and its tokens. It never passes the end of its line. */
#ifndef PROMC_TESTKIT_CURSOR_H
#define PROMC_TESTKIT_CURSOR_H

#include "model.h"

struct cursor {
    const char *start, *at, *end; /* of the line, without its line feed */
    enum promc_format format;
    size_t line; /* 1 … */
    char *fault; /* empty until an error */
    size_t fault_size;
};

/* Set the error text for this line. @return PROMC_E_INVALID. */
int refuse(struct cursor *cursor, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The code after a function returned NULL: PROMC_E_INVALID if it set an error text, else PROMC_E_NOMEM. */
int refused(const struct cursor *cursor);

/* Is this byte next? */
bool sees(const struct cursor *cursor, char byte);
/* If this byte is next, skip it. */
bool skips(struct cursor *cursor, char byte);

/* These consume a token and return it as a malloc()ed string; NULL: see refused(). */
char *take_name(struct cursor *cursor, bool colon); /* [a-zA-Z_][a-zA-Z0-9_]*, with `colon` also `:` */
char *take_quoted(struct cursor *cursor);           /* unescaped, without its quotes */
char *take_help(struct cursor *cursor);             /* the rest of the line, unescaped */
char *take_word(struct cursor *cursor);             /* up to the next blank */

/*
 * A number as promc writes it, in any locale: `realnumber` of the OpenMetrics ABNF, or `NaN`, `+Inf`, `-Inf` in just this spelling.
 * Never hexadecimal, `_`, or a blank.
 */
bool parse_number(const char *text, double *out);
/* OpenMetrics: seconds, finite. 0.0.4: whole milliseconds. */
bool parse_stamp(const char *text, enum promc_format format, struct stamp *out);

bool utf8_valid(const char *text, const char *end);
/* How many code points. */
size_t utf8_length(const char *text);

#endif
