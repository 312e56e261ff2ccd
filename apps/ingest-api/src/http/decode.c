/* SPDX-License-Identifier: Apache-2.0 */
#include "http/decode.h"

#include "base/hex.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

long percent_decode(const char *in, size_t n, char *out, bool plus_is_space)
{
    size_t length = 0;
    for (size_t i = 0; i < n; i++) {
        char c = in[i];
        if (c == '%') {
            unsigned char byte;
            if (n - i <= 2 || !hex_parse(in + i + 1, &byte, 1))
                return -1;
            c = (char)byte;
            i += 2;
        } else if (c == '+' && plus_is_space) {
            c = ' ';
        }
        if (c == '\0')
            return -1;
        out[length++] = c;
    }
    out[length] = '\0';
    return utf8_check(out, length) == UTF8_VALID ? (long)length : -1;
}

int query_parse(const char *raw, size_t length, struct query **out)
{
    *out = NULL;
    if (length == 0)
        return 0;
    /* each pair needs at most two NULs in place of its separator */
    struct query *query = malloc(sizeof(*query) + length + 2 * QUERY_MAX_PARAMS + 2);
    if (!query)
        return QUERY_E_MEMORY;
    query->count = 0;
    char *to = query->text;
    int rc = 0;
    for (size_t at = 0; at < length && rc == 0;) {
        const char *pair = raw + at, *end = memchr(pair, '&', length - at);
        size_t n = end ? (size_t)(end - pair) : length - at;
        at += n + 1;
        if (n == 0)
            continue;
        const char *equals = memchr(pair, '=', n);
        size_t name_length = equals ? (size_t)(equals - pair) : n;
        if (query->count == QUERY_MAX_PARAMS) {
            rc = QUERY_E_TOO_MANY;
            break;
        }
        long name = percent_decode(pair, name_length, to, true);
        if (name < 0) {
            rc = QUERY_E_ENCODING;
            break;
        }
        char *value = to + name + 1;
        long value_length = percent_decode(equals ? equals + 1 : "", equals ? n - name_length - 1 : 0, value, true);
        if (value_length < 0) {
            rc = QUERY_E_ENCODING;
            break;
        }
        query->pair[query->count].name = to;
        query->pair[query->count].value = value;
        query->count++;
        to = value + value_length + 1;
    }
    if (rc < 0) {
        free(query);
        return rc;
    }
    *out = query;
    return 0;
}
