/* SPDX-License-Identifier: Apache-2.0 */
#include "report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void report_add(struct report *report, const char *format, ...)
{
    va_list arguments;
    if (report->failed)
        return;
    va_start(arguments, format);
    int wanted = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (wanted < 0) {
        report->failed = true;
        return;
    }
    size_t need = report->length + (size_t)wanted + 1;
    if (need > report->room) {
        size_t room = need * 2;
        char *text = realloc(report->text, room);
        if (!text) {
            report->failed = true;
            return;
        }
        report->text = text;
        report->room = room;
    }
    va_start(arguments, format);
    (void)vsnprintf(report->text + report->length, (size_t)wanted + 1, format, arguments);
    va_end(arguments);
    report->length += (size_t)wanted;
}
