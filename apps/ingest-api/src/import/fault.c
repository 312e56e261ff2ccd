/* SPDX-License-Identifier: Apache-2.0 */
#include "import/fault.h"

#include <stdarg.h>
#include <stdio.h>

int import_fault_set(struct import_fault *fault, const char *code, const char *format, ...)
{
    va_list args;

    fault->code = code;
    va_start(args, format);
    (void)vsnprintf(fault->message, sizeof(fault->message), format, args);
    va_end(args);
    return IMPORT_ROWS_E_FAULT;
}

enum import_rows_result import_error_set(struct import_error *error, unsigned long line, const char *field,
                                         const char *reason)
{
    error->line = line;
    error->column = 0;
    error->index = -1;
    error->reason = reason;
    (void)snprintf(error->field, sizeof(error->field), "%s", field);
    return IMPORT_ROWS_REJECTED;
}

void import_note(const struct import_notes *notes, const char *field, const char *reason)
{
    struct import_error left_out = notes->at;

    left_out.reason = reason;
    (void)snprintf(left_out.field, sizeof(left_out.field), "%s", field);
    if (notes->note)
        notes->note(notes->arg, &left_out);
}
