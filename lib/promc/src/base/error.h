/* SPDX-License-Identifier: Apache-2.0 */
/* How functions of promc fail: a code for the program, one line of English for people (promc/error.h). */
#ifndef PROMC_BASE_ERROR_H
#define PROMC_BASE_ERROR_H

#include <promc/error.h>

/* Set the thread's error detail. */
void promc_set_error_detail(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sets the detail and evaluates to the code: `return promc_fail(PROMC_E_NAME, "…", …)`. A macro, so that compilers and analysers see the value. */
#define promc_fail(code, ...) (promc_set_error_detail(__VA_ARGS__), (code))

#endif
