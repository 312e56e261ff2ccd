/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/mman.h>

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
    [-PROMC_E_VERSION] = "compiled for a newer promc",
};

#define DETAIL_BYTES 240

/*
 * A thread's text is behind a pthread key. Static TLS is scarce in a process, so a plugin with promc takes only what promc's fast path
 * needs. The text is in pages and not from malloc(), because an error may occur in a signal handler.
 */
static pthread_key_t detail_key;
static bool key_made;

static void free_detail(void *detail)
{
    munmap(detail, DETAIL_BYTES);
}

static __attribute__((constructor)) void make_key(void)
{
    key_made = pthread_key_create(&detail_key, free_detail) == 0;
}

/* A plugin may be unloaded before the end of a thread that had an error in it. */
static __attribute__((destructor)) void delete_key(void)
{
    if (key_made)
        (void)pthread_key_delete(detail_key);
    key_made = false;
}

/* NULL: no memory. */
static char *make_detail(void)
{
    char *detail = key_made ? pthread_getspecific(detail_key) : NULL;
    if (detail || !key_made)
        return detail;
    void *page = mmap(NULL, DETAIL_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return NULL;
    if (pthread_setspecific(detail_key, page) == 0)
        return page;
    free_detail(page);
    return NULL;
}

const char *promc_strerror(int code)
{
    if (code > 0 || code < -(int)(sizeof(texts) / sizeof(*texts) - 1))
        return "unknown error";
    return texts[-code];
}

const char *promc_error_detail(void)
{
    const char *detail = key_made ? pthread_getspecific(detail_key) : NULL;
    return detail ? detail : "";
}

static void set_detail(const char *format, va_list args)
{
    int saved = errno;
    char *detail = make_detail();
    if (detail)
        (void)vsnprintf(detail, DETAIL_BYTES, format, args);
    /* Always one line: control characters in names could forge log lines. */
    for (char *c = detail; c && *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
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
