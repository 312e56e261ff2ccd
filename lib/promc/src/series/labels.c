/* SPDX-License-Identifier: Apache-2.0 */
#include "series/labels.h"
#include "base/escape.h"

#include <string.h>

char *promc_render_name(char *out, const char *name, size_t length)
{
    if (promc_label_is_classic(name, length)) {
        memcpy(out, name, length);
        return out + length;
    }
    *out++ = '"';
    out = promc_escape_label_value(out, name, length);
    *out++ = '"';
    return out;
}

char *promc_render_pair(char *out, const char *name, size_t name_length, const char *value, size_t value_length)
{
    out = promc_render_name(out, name, name_length);
    *out++ = '=';
    *out++ = '"';
    out = promc_escape_label_value(out, value, value_length);
    *out++ = '"';
    return out;
}
