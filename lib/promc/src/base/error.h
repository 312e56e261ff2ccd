/* SPDX-License-Identifier: Apache-2.0 */
/* How a function of promc fails: a code for the program, one line of English for the person (promc/error.h). */
#ifndef PROMC_BASE_ERROR_H
#define PROMC_BASE_ERROR_H

#include <promc/error.h>

/* Set the thread's error detail. */
void promc_set_error_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, and the code is its value: `return promc_fail(PROMC_E_NAME, "…", …)`. A macro, so that a compiler sees which it is. */
#define promc_fail(code, ...) (promc_set_error_detail(__VA_ARGS__), (code))

#endif
