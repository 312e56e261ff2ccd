/* SPDX-License-Identifier: Apache-2.0 */
#include "exporter_internal.h"

#include <stdarg.h>
#include <stdio.h>

int promc_exporter_fail(int code, const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return promc_error_set(code, "%s", text);
}

const char *promc_exporter_error(void)
{
    return promc_error_detail();
}
