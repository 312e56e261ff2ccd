/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's locks are POSIX locks of single bytes: https://www.sqlite.org/walformat.html#wal_locks. With a
 * write-ahead log a writer locks byte 120 of the file -shm; a process with exclusive access locks the bytes around
 * 1 GiB of the database file.
 *
 * When a process closes any descriptor of a file, POSIX releases all its locks on that file. So for a file that this
 * process has open we use SQLite's descriptor, and open none.
 */
#include "db/sqlite_lock.h"

#include "db/sqlite_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAL_WRITE_BYTE 120
#define PENDING_BYTE 0x40000000
#define LOCK_BYTES 512 /* pending, reserved, and those of readers */

/* This process's own descriptor of the file; -1: none. */
static int own_descriptor(const struct stat *file)
{
    DIR *folder = opendir("/proc/self/fd");
    int found = -1;
    for (const struct dirent *entry; folder && found < 0 && (entry = readdir(folder));) {
        struct stat is;
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && fstat(fd, &is) == 0 && is.st_dev == file->st_dev && is.st_ino == file->st_ino)
            found = fd;
    }
    if (folder)
        closedir(folder);
    return found;
}

/* Which process prevents a lock on these bytes? @return as sqlite_lock_holder() */
static int ask(int fd, short type, off_t start, off_t length)
{
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = length};
    if (fcntl(fd, F_GETLK, &lock) < 0)
        return -2;
    return lock.l_type == F_UNLCK ? 0 : lock.l_pid > 0 ? lock.l_pid : -1;
}

static int ask_file(const char *path, short type, off_t start, off_t length)
{
    struct stat file;
    if (stat(path, &file) < 0)
        return errno == ENOENT ? 0 : -2;
    int own = own_descriptor(&file);
    if (own >= 0)
        return ask(own, type, start, length);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int pid = fd >= 0 ? ask(fd, type, start, length) : -2;
    if (fd >= 0)
        close(fd);
    return pid;
}

static char read_state(int pid)
{
    char path[64], line[256] = "";
    (void)snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    FILE *file = fopen(path, "re");
    if (file && !fgets(line, sizeof(line), file))
        line[0] = 0;
    if (file)
        fclose(file);
    const char *end = strrchr(line, ')'); /* the last ')' ends the name, which may contain anything */
    return end && end[1] == ' ' ? end[2] : 0;
}

static void read_name(int pid, char name[SQLITE_LOCK_NAME])
{
    char path[64];
    (void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
    FILE *file = fopen(path, "re");
    if (file && fgets(name, SQLITE_LOCK_NAME, file))
        name[strcspn(name, "\n")] = 0;
    else
        name[0] = 0;
    if (file)
        fclose(file);
}

int sqlite_lock_holder(const char *path, char name[SQLITE_LOCK_NAME])
{
    char log[SQLITE_FILE_PATH + 8];
    name[0] = 0;
    (void)snprintf(log, sizeof(log), "%s-shm", path);
    int pid = ask_file(log, F_WRLCK, WAL_WRITE_BYTE, 1);
    /* in the database file itself only a lock that blocks readers too is a writer's */
    if (pid == 0)
        pid = ask_file(path, F_RDLCK, PENDING_BYTE, LOCK_BYTES);
    if (pid > 0)
        read_name(pid, name);
    return pid;
}

/* With a write-ahead log every connection holds a read lock on the database file. */
int sqlite_lock_user(const char *path, char name[SQLITE_LOCK_NAME], char *state)
{
    int pid = ask_file(path, F_WRLCK, PENDING_BYTE, LOCK_BYTES);
    name[0] = 0;
    *state = 0;
    if (pid > 0) {
        read_name(pid, name);
        *state = read_state(pid);
    }
    return pid;
}
