/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/process.h"
#include "base/atomic.h"
#include "base/platform.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint64_t self_start;

uint64_t promc_self(void)
{
    return (uint64_t)(uint32_t)getpid() << 32 | promc_thread_number();
}

/*
 * Fields 3 (state) and 22 (start time) of /proc/PID/stat. The command name may contain spaces and brackets: fields are
 * counted from the last ')'. Only calls that are allowed in a signal handler.
 */
static bool read_stat(uint32_t pid, char *state, uint64_t *start)
{
    char path[32] = "/proc/", digits[12];
    char *p = path + 6;
    int n = 0;
    do
        digits[n++] = (char)('0' + pid % 10);
    while ((pid /= 10) != 0);
    while (n > 0)
        *p++ = digits[--n];
    memcpy(p, "/stat", 6);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    char text[1024];
    ssize_t got = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (got <= 0)
        return false;
    text[got] = '\0';
    const char *field = strrchr(text, ')');
    if (!field || field[1] != ' ')
        return false;
    *state = field[2];
    for (int i = 2; i < 22 && field; i++)
        field = strchr(field + 1, ' ');
    *start = 0;
    for (field = field ? field + 1 : ""; *field >= '0' && *field <= '9'; field++)
        *start = *start * 10 + (uint64_t)(*field - '0');
    return true;
}

uint64_t promc_self_start(void)
{
    uint64_t start = promc_load(&self_start);
    if (start == 0) {
        char state;
        if (!read_stat(promc_pid(promc_self()), &state, &start))
            start = 0;
        promc_store(&self_start, start);
    }
    return start;
}

void promc_self_reset(void)
{
    promc_store(&self_start, 0);
}

bool promc_process_alive(uint64_t owner, uint64_t start)
{
    uint32_t pid = promc_pid(owner);
    if (pid == 0 || pid == promc_pid(promc_self()))
        return true;
    if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
        return false;
    char state;
    uint64_t started;
    if (!read_stat(pid, &state, &started))
        return true;
    return state != 'Z' && state != 'X' && (start == 0 || started == 0 || started == start);
}

bool promc_thread_alive(uint64_t owner)
{
    return promc_thread_exists(promc_pid(owner), promc_tid(owner));
}
