/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const texts[] = {
    [0] = "no error",
    [-PROMC_E_NOMEM] = "out of memory",
    [-PROMC_E_FULL] = "the arena is full",
    [-PROMC_E_INVALID] = "invalid argument",
    [-PROMC_E_NAME] = "bad metric name",
    [-PROMC_E_LABEL_NAME] = "bad label name",
    [-PROMC_E_LABEL_COUNT] = "wrong number of labels",
    [-PROMC_E_LABEL_VALUE] = "bad label value",
    [-PROMC_E_DUPLICATE] = "duplicate metric name",
    [-PROMC_E_RESERVED] = "reserved or clashing name suffix",
    [-PROMC_E_TYPE] = "metric is of another type",
    [-PROMC_E_BUCKETS] = "bad bucket bounds",
    [-PROMC_E_UNIT] = "unit is not the suffix of the name",
    [-PROMC_E_NOT_FOUND] = "not found",
    [-PROMC_E_FORMAT] = "not an arena of this version",
    [-PROMC_E_IO] = "system error",
    [-PROMC_E_BUSY] = "too many at once",
    [-PROMC_E_TIMEOUT] = "deadline passed",
};

/* Initial-exec like the rest of the library's thread-local data, so that the sum fits the static TLS block. */
static __thread char detail[240] __attribute__((tls_model("initial-exec")));

const char *promc_strerror(int code)
{
    if (code > 0 || code < -(int)(sizeof texts / sizeof *texts - 1))
        return "unknown error";
    return texts[-code];
}

const char *promc_error_detail(void)
{
    return detail;
}

static void set_detail(const char *format, va_list args)
{
    int saved = errno;
    (void)vsnprintf(detail, sizeof detail, format, args);
    /* One line whatever was in the names: control characters would forge log lines. */
    for (char *c = detail; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    }
    errno = saved;
}

void promc_set_error_detail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_detail(format, args);
    va_end(args);
}

int promc_error_set(int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    set_detail(format, args);
    va_end(args);
    return code;
}
