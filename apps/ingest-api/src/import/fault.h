/* SPDX-License-Identifier: Apache-2.0 */
/** @file import/fault.h Errors of an import: of the whole body, or of one row. */
#ifndef INGEST_IMPORT_FAULT_H
#define INGEST_IMPORT_FAULT_H

#include "base/field_name.h"

enum import_rows_result {
    IMPORT_ROWS_END = 0,
    IMPORT_ROWS_ROW = 1,
    IMPORT_ROWS_REJECTED = 2,
    IMPORT_ROWS_E_FAULT = -1,
    IMPORT_ROWS_E_NOMEM = -2
};

/** An error of the whole body: the answer is 400. */
struct import_fault {
    const char *code; /**< snake_case constant */
    char message[320];
};

/** A refused row, or a dropped value of a row. */
struct import_error {
    unsigned long line;   /**< on which the row begins, from 1 */
    unsigned long column; /**< in a CSV the cell's number, in JSON the byte in the line, from 1; 0: not known */
    long index;           /**< of the element in JSON, from 0; -1 in a CSV */
    char field[FIELD_NAME_MAX + 1]; /**< "" for the whole row */
    const char *reason;             /**< snake_case constant */
};

/** Receives the dropped values: too_long, too_many_fields. The row is imported without them. */
struct import_notes {
    void (*note)(void *arg, const struct import_error *left_out); /**< NULL: nobody wants to know */
    void *arg;
    struct import_error at; /**< the place of the current row */
};
void import_note(const struct import_notes *notes, const char *field, const char *reason);

/** @return IMPORT_ROWS_E_FAULT */
int import_fault_set(struct import_fault *fault, const char *code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/** Fill in an error, without column and index. @return IMPORT_ROWS_REJECTED */
enum import_rows_result import_error_set(struct import_error *error, unsigned long line, const char *field,
                                         const char *reason);

#endif
