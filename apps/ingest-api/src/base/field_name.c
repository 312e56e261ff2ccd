/* SPDX-License-Identifier: Apache-2.0 */
#include "base/field_name.h"
#include "base/utf8.h"

#include <stdbool.h>

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

size_t field_name_normalise(const char *name, size_t length, char out[FIELD_NAME_MAX + 1])
{
    size_t n = 0;

    out[0] = '\0';
    while (length > 0 && blank(*name)) {
        name++;
        length--;
    }
    while (length > 0 && blank(name[length - 1]))
        length--;
    if (utf8_check(name, length) != UTF8_VALID || utf8_has_control(name, length))
        return 0;
    for (size_t i = 0; i < length; i++) {
        char c = name[i];
        if (c == '{' || c == '}' || c == '"' || n == FIELD_NAME_MAX) {
            out[0] = '\0';
            return 0;
        }
        if (c == ' ' || c == '-') {
            if (n > 0 && out[n - 1] == '_' && (name[i - 1] == ' ' || name[i - 1] == '-'))
                continue;
            c = '_';
        } else if (c >= 'A' && c <= 'Z') {
            c = (char)(c - 'A' + 'a');
        }
        out[n++] = c;
    }
    out[n] = '\0';
    return n;
}
