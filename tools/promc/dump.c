/* SPDX-License-Identifier: Apache-2.0 */
#include "dump.h"

#include <promc/registry.h>

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

static int fault(const char *path, int code)
{
    const char *detail = promc_error_detail();
    fprintf(stderr, "promc: %s: %s%s%s\n", path, promc_strerror(code), *detail ? ": " : "", detail);
    return 1;
}

/* In slices, because an arena may have millions of series. */
static int copy_out(promc_scrape *scrape, const char *path)
{
    static char slice[1 << 12];
    long n;
    while ((n = promc_scrape_read(scrape, slice, sizeof(slice))) > 0)
        if (fwrite(slice, 1, (size_t)n, stdout) != (size_t)n)
            break;
    if (n < 0)
        return fault(path, (int)n);
    if (n > 0 || fflush(stdout) != 0) {
        fprintf(stderr, "promc: standard output: %m\n");
        return 1;
    }
    return 0;
}

/* A damaged arena may contain wild pointers, so reading it may crash. */
static void damaged(int number)
{
    static const char text[] = "promc: the arena is damaged: the output ends at the first unreadable value\n";
    (void)number;
    _exit(write(STDERR_FILENO, text, sizeof(text) - 1) < 0 ? 2 : 1);
}

int dump(const struct dump_options *options)
{
    promc_registry *registry;
    promc_scrape *scrape;
    promc_scrape_settings settings = {
        .format = options->format,
        .escaping = PROMC_ESCAPING_ALLOW_UTF8,
        .names = options->names,
        .name_count = options->name_count,
    };
    /* unbuffered: each slice is written before the next one is read, which may crash */
    (void)setvbuf(stdout, NULL, _IONBF, 0);
    (void)signal(SIGSEGV, damaged);
    (void)signal(SIGBUS, damaged);
    int rc = promc_registry_open_readonly(&registry, options->path);
    if (rc < 0)
        return fault(options->path, rc);
    rc = promc_scrape_begin(registry, &settings, &scrape);
    if (rc < 0) {
        rc = fault(options->path, rc);
    } else {
        rc = copy_out(scrape, options->path);
        promc_scrape_end(scrape);
    }
    promc_registry_destroy(registry);
    return rc;
}
