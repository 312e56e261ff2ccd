/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/decode.h Percent-decoding and query parsing. */
#ifndef INGEST_HTTP_DECODE_H
#define INGEST_HTTP_DECODE_H

#include <stdbool.h>
#include <stddef.h>

/**
 * Decode in[0 … n-1] into out, with a NUL at its end. n + 1 bytes are enough; in and out may be the same.
 * @param plus_is_space whether '+' is a space, as in a query.
 * @return the decoded length, or -1 for an invalid percent-escape, a NUL, or invalid UTF-8.
 */
long percent_decode(const char *in, size_t n, char *out, bool plus_is_space);

#define QUERY_MAX_PARAMS 64

struct query {
    size_t count;
    struct {
        const char *name, *value;
    } pair[QUERY_MAX_PARAMS];
    char text[]; /**< the decoded names and values */
};

enum query_error { QUERY_E_ENCODING = -1, QUERY_E_TOO_MANY = -2, QUERY_E_MEMORY = -3 };

/** Parse what follows the '?'. Free *out with free(); it is NULL for an empty query. @return 0 or an error. */
int query_parse(const char *raw, size_t length, struct query **out);

#endif
