/* SPDX-License-Identifier: Apache-2.0 */
#include "collect/procfs.h"

#include <promc/error.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

long promc_read_file(const char *path, char *buffer, size_t capacity)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return PROMC_E_IO;
    size_t length = 0;
    while (length + 1 < capacity) {
        ssize_t n = read(fd, buffer + length, capacity - 1 - length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            int why = errno;
            close(fd);
            errno = why;
            return PROMC_E_IO;
        }
        if (n == 0)
            break;
        length += (size_t)n;
    }
    close(fd);
    buffer[length] = '\0';
    return (long)length;
}

bool promc_parse_u64(const char **text, uint64_t *out)
{
    const char *p = *text;
    while (*p == ' ' || *p == '\t')
        p++;
    if (*p < '0' || *p > '9')
        return false;
    uint64_t n = 0;
    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
            return false;
    *text = p;
    *out = n;
    return true;
}

bool promc_find_u64(const char *text, const char *key, uint64_t *out)
{
    size_t length = strlen(key);
    for (const char *line = text; line && *line != '\0';) {
        if (strncmp(line, key, length) == 0 && (line[length] == ' ' || line[length] == '\t')) {
            const char *value = line + length;
            return promc_parse_u64(&value, out);
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    return false;
}

bool promc_parse_proc_stat(const char *text, promc_proc_stat *out)
{
    /* Field numbers of proc(5); the bracket closes field 2. */
    enum { MINFLT = 10, MAJFLT = 12, UTIME = 14, STIME = 15, THREADS = 20, START = 22, VSIZE = 23, RSS = 24 };
    uint64_t fields[RSS + 1] = {0};
    const char *p = strrchr(text, ')');
    if (!p)
        return false;
    p++;
    for (int field = 3; field <= RSS; field++) {
        while (*p == ' ')
            p++;
        if (*p == '\0')
            return false;
        const char *number = p;
        bool whole = promc_parse_u64(&number, &fields[field]) && (*number == ' ' || *number == '\n' || *number == '\0');
        if (!whole)
            fields[field] = 0; /* the state letter, or a negative number such as the terminal's */
        while (*p != ' ' && *p != '\0')
            p++;
    }
    *out = (promc_proc_stat){.minor_faults = fields[MINFLT],
                             .major_faults = fields[MAJFLT],
                             .user_ticks = fields[UTIME],
                             .system_ticks = fields[STIME],
                             .threads = fields[THREADS],
                             .start_ticks = fields[START],
                             .virtual_bytes = fields[VSIZE],
                             .resident_pages = fields[RSS]};
    return true;
}
