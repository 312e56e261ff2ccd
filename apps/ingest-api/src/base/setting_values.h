/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/setting_values.h
 * Reads an environment variable, or a secret's file, into a field of struct settings. settings.c checks the values.
 */
#ifndef INGEST_BASE_SETTING_VALUES_H
#define INGEST_BASE_SETTING_VALUES_H

#include "base/settings.h"

#include <stddef.h>
#include <stdint.h>

/** The errors of the configuration, one line each. Lines that do not fit are still counted. */
struct report {
    char *text;
    size_t size, length;
    int faults;
};
void report_fault(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

enum number_type { NUMBER_UNSIGNED, NUMBER_SIZE, NUMBER_U16, NUMBER_BOOL };

struct number {
    const char *name;
    enum number_type type;
    size_t offset;
    uint64_t minimum, maximum, fallback;
};

/** Set the field to the variable's value; to the fallback if it is not set, or after an error, which is reported. */
void setting_number(struct settings *settings, const struct number *number, struct report *report);

struct string {
    const char *name;
    size_t offset, size;
    const char *fallback;
    bool secret; /**< may be given by NAME_FILE; never shown */
};

/** The same for a text. */
void setting_string(struct settings *settings, const struct string *string, struct report *report);

#endif
