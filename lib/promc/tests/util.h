/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the tests of promc and of the libraries around it. */
#ifndef PROMC_TESTS_UTIL_H
#define PROMC_TESTS_UTIL_H

#include <promc/promc.h>

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

/* Prints promc_error_detail() on failure. */
#define assert_ok(call)                                                                     \
    do {                                                                                    \
        int rc_ = (call);                                                                   \
        if (rc_ < 0)                                                                        \
            print_error("%s: %s (%s)\n", #call, promc_strerror(rc_), promc_error_detail()); \
        assert_int_equal(rc_, 0);                                                           \
    } while (0)

/* Compares doubles exactly; cmocka's own macro compares floats. */
#define assert_same(a, b)                                        \
    do {                                                         \
        double a_ = (double)(a), b_ = (double)(b);               \
        if (a_ != b_)                                            \
            print_error("%s is %.17g, not %.17g\n", #a, a_, b_); \
        assert_true(a_ == b_);                                   \
    } while (0)

/* The call fails with this code, and the detail contains this text. */
#define assert_fails(call, code, text)                            \
    do {                                                          \
        assert_int_equal((call), (code));                         \
        if (!strstr(promc_error_detail(), (text)))                \
            print_error("detail is: %s\n", promc_error_detail()); \
        assert_non_null(strstr(promc_error_detail(), (text)));    \
    } while (0)

/* Waits for a state without a time limit; meson's time-out ends a test that hangs. Never wait for a fixed time. */
#define wait_until(condition)                                        \
    do {                                                             \
        while (!(condition))                                         \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); \
    } while (0)

/* glibc for riscv64 refuses robust mutexes of processes under qemu-user, which has none; then promc refuses shared arenas. */
static inline bool shared_arenas_work(void)
{
    if (!getenv("PROMC_EMULATOR"))
        return true;
    pthread_mutex_t mutex;
    pthread_mutexattr_t robust;
    pthread_mutexattr_init(&robust);
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&robust, PTHREAD_PROCESS_SHARED);
    return pthread_mutex_init(&mutex, &robust) == 0;
}

static inline void needs_shared_arenas(void)
{
    if (shared_arenas_work())
        return;
    print_message("skipped: no robust mutexes under this emulator\n");
    skip();
}

static inline promc_registry *new_registry(const promc_registry_settings *settings)
{
    promc_registry *registry;
    assert_ok(promc_registry_create(&registry, settings));
    return registry;
}

static inline promc_family *new_counter(promc_registry *registry, const char *name, const char *label)
{
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = name, .labels = {label}}, &family));
    return family;
}

/*
 * The exposition in this format; the caller frees it.
 * noinline: otherwise gcc 12 warns of a dangling pointer after strstr() in the inlined result.
 */
static __attribute__((noinline, unused)) char *scrape(promc_registry *registry, enum promc_format format)
{
    char *text;
    assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.format = format}, &text, NULL));
    return text;
}

static inline char *scrape_text(promc_registry *registry)
{
    return scrape(registry, PROMC_FORMAT_TEXT);
}

static inline char *scrape_openmetrics(promc_registry *registry)
{
    return scrape(registry, PROMC_FORMAT_OPENMETRICS);
}

/* Is this in the exposition? Prints the exposition if not; frees it. */
static inline bool contains(char *exposition, const char *part)
{
    bool found = strstr(exposition, part) != NULL;
    if (!found)
        print_error("no %s in\n%s\n", part, exposition);
    free(exposition);
    return found;
}

/* Is this whole line in the text? Prints the text if not. */
static inline bool exposes(promc_registry *registry, const char *line)
{
    char wanted[1024];
    snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    return contains(scrape_text(registry), wanted);
}

/* Nothing of this is in the text. */
static inline void assert_hides(promc_registry *registry, const char *part)
{
    char *text = scrape_text(registry);
    assert_null(strstr(text, part));
    free(text);
}

#endif
