/* SPDX-License-Identifier: Apache-2.0 */
/* A growing string. */
#ifndef PROMC_TESTKIT_REPORT_H
#define PROMC_TESTKIT_REPORT_H

#include <stdbool.h>
#include <stddef.h>

/* A growing string. Failure is remembered: look at `failed` once, at the end. */
struct report {
    char *text;
    size_t length, room;
    bool failed;
};
void report_add(struct report *report, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
