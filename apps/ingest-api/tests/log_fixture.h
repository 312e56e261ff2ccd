/* SPDX-License-Identifier: Apache-2.0 */
/** @file log_fixture.h The log goes into a pipe; a test reads it line by line. */
#ifndef INGEST_TESTS_LOG_FIXTURE_H
#define INGEST_TESTS_LOG_FIXTURE_H

#include "base/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka needs the three above */
#include <cmocka.h>
#include <fcntl.h>
#include <jansson.h>
#include <unistd.h>

static int pipe_fds[2];

static inline int open_pipe(void **state)
{
    (void)state;
    log_set_level(LOG_INFO);
    if (pipe2(pipe_fds, O_CLOEXEC) != 0)
        return -1;
    (void)fcntl(pipe_fds[1], F_SETPIPE_SZ, 1 << 20);
    log_set_fd(pipe_fds[1]);
    return 0;
}

static inline int close_pipe(void **state)
{
    (void)state;
    log_set_fd(2);
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    return 0;
}

/** Here one read returns one write: a line must be written by a single write(). */
static inline json_t *read_line(void)
{
    static char line[65536];
    ssize_t n = read(pipe_fds[0], line, sizeof(line));
    assert_true(n > 1 && line[n - 1] == '\n');
    json_error_t error;
    json_t *object = json_loadb(line, (size_t)n, 0, &error);
    if (!object)
        fail_msg("%s: %.*s", error.text, (int)n, line);
    return object;
}

#endif
