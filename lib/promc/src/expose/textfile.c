/* SPDX-License-Identifier: Apache-2.0 */
#include <promc/textfile.h>

#include "arena/registry.h"

#include <promc/scrape.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_MOST 4000
#define SLICE (16 * 1024)

static int write_all(int fd, const char *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(fd, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return PROMC_E_IO;
        data += n;
        length -= (size_t)n;
    }
    return 0;
}

static int write_scrape(promc_scrape *scrape, int fd)
{
    char slice[SLICE];
    int error = 0;
    for (long n = 1; error == 0 && n > 0;) {
        n = promc_scrape_read(scrape, slice, sizeof(slice));
        error = n < 0 ? (int)n : write_all(fd, slice, (size_t)n);
    }
    return error;
}

/* umask(2) can only be read by setting it, which would affect other threads; so read it from /proc. */
static mode_t file_mode(void)
{
    char line[128];
    unsigned mask = 022;
    FILE *status = fopen("/proc/self/status", "re");
    while (status && fgets(line, sizeof(line), status)) {
        if (strncmp(line, "Umask:", 6) == 0) {
            mask = (unsigned)strtoul(line + 6, NULL, 8);
            break;
        }
    }
    if (status)
        fclose(status);
    return (mode_t)(0644 & ~mask);
}

/* mkstemp() creates the file with mode 0600, and node_exporter could not read it. */
static int fill_temporary(promc_scrape *scrape, int fd)
{
    int error = write_scrape(scrape, fd);
    if (error == 0 && (fchmod(fd, file_mode()) != 0 || fsync(fd) != 0))
        error = PROMC_E_IO;
    return error;
}

static int replace(promc_scrape *scrape, const char *path)
{
    char temporary[PATH_MOST + 8];
    snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);
    int fd = mkostemp(temporary, O_CLOEXEC);
    if (fd < 0)
        return promc_fail(PROMC_E_IO, "%s: %s", temporary, strerror(errno));
    int error = fill_temporary(scrape, fd), why = errno;
    if (close(fd) != 0 && error == 0) {
        error = PROMC_E_IO;
        why = errno;
    }
    if (error == 0 && rename(temporary, path) != 0) {
        error = PROMC_E_IO;
        why = errno;
    }
    if (error != 0) {
        unlink(temporary);
        errno = why;
        return error == PROMC_E_IO ? promc_fail(PROMC_E_IO, "%s: %s", path, strerror(why)) : error;
    }
    return 0;
}

static int write_file(promc_registry *registry, const char *path, bool all)
{
    promc_scrape *scrape;
    int cancel;
    if (!registry || !path || strlen(path) > PATH_MOST) {
        return promc_fail(
            PROMC_E_INVALID,
            "promc_textfile_write: registry and path are required, and the path must have at most %d bytes", PATH_MOST);
    }
    int error =
        promc_scrape_begin(registry, &(promc_scrape_settings){.no_self_metrics = !all, .no_timestamps = 1}, &scrape);
    if (error != 0)
        return error;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    error = replace(scrape, path);
    promc_scrape_end(scrape);
    pthread_setcancelstate(cancel, NULL);
    return error;
}

int promc_textfile_write(promc_registry *registry, const char *path)
{
    return write_file(registry, path, false);
}

int promc_textfile_write_all(promc_registry *registry, const char *path)
{
    return write_file(registry, path, true);
}
