/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sqlite_file.h"

#include "db/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

const char sqlite_file_damaged[] = "the database is damaged. Stop what uses it and put a backup back: ingest-api "
                                   "restore --replace FILE, which keeps the"
                                   " damaged files aside (docs/service/reliability.md, Backups)";

/* The file's size, or -1 if it is missing. */
static off_t size_of(const char *path, const char *ending)
{
    char name[SQLITE_FILE_PATH];
    struct stat st;
    if (snprintf(name, sizeof(name), "%s%s", path, ending) >= (int)sizeof(name))
        return -1;
    return stat(name, &st) == 0 ? st.st_size : -1;
}

/* Wait for a process that is creating the file: SQLite writes the first page a few milliseconds later. */
static bool stays_empty(const char *path, unsigned wait_ms)
{
    for (unsigned waited = 0; size_of(path, "") == 0; waited += 10) {
        if (waited >= wait_ms)
            return true;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return false;
}

static const char *trace_of_another(const char *path)
{
    if (size_of(path, SQLITE_FILE_RESTORING) >= 0)
        return "is missing, and a restore to it was interrupted: run ingest-api restore again. The old database is "
               "kept "
               "beside"
               " it, with .replaced- in its name";
    if (size_of(path, "-wal") > 0)
        return "is missing, but its log (-wal) exists. Put the database back, or restore a backup with ingest-api "
               "restore"
               " (docs/service/reliability.md, Backups)";
    return NULL;
}

int sqlite_file_make(const char *path, unsigned wait_ms, char *error, size_t error_size)
{
    if (strlen(path) + 64 > SQLITE_FILE_PATH) {
        snprintf(error, error_size, "the database's path has more than %d bytes", SQLITE_FILE_PATH - 64);
        return DB_E_INVALID;
    }
    const char *trace = size_of(path, "") < 0 ? trace_of_another(path) : NULL;
    if (trace) {
        snprintf(error, error_size, "%s %s", path, trace);
        return DB_E_OTHER;
    }
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        return DB_OK;
    }
    if (errno != EEXIST || access(path, R_OK | W_OK) != 0) {
        snprintf(error, error_size, "cannot open %s: %s", path, strerror(errno));
        return errno == ENOSPC || errno == EDQUOT ? DB_E_FULL : DB_E_OTHER;
    }
    if (!stays_empty(path, wait_ms))
        return DB_OK;
    snprintf(error, error_size,
             "%s is empty: the database is lost, or the first start was interrupted. Restore a backup with ingest-api "
             "restore FILE;"
             " if there is none, remove the empty file",
             path);
    return DB_E_OTHER;
}

/* ---- the log: https://www.sqlite.org/fileformat2.html#the_write_ahead_log ---- */

#define LOG_HEADER 32
#define FRAME_HEADER 24
#define MAGIC 0x377f0682u /* MAGIC + 1: the checksums are of big-endian words */

struct log_reader {
    FILE *file;
    uint32_t page_size, salt[2], sum[2];
    bool big_endian;
    unsigned char frame[FRAME_HEADER + 65536];
};

static uint32_t big32(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t word(const struct log_reader *log, const unsigned char *p)
{
    return log->big_endian ? big32(p) : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

static void add_sum(struct log_reader *log, const unsigned char *data, size_t n)
{
    uint32_t a = log->sum[0], b = log->sum[1];
    for (size_t i = 0; i < n; i += 8) {
        a += word(log, data + i) + b;
        b += word(log, data + i + 4) + a;
    }
    log->sum[0] = a;
    log->sum[1] = b;
}

static bool sum_is(const struct log_reader *log, const unsigned char *stored)
{
    return log->sum[0] == big32(stored) && log->sum[1] == big32(stored + 4);
}

/* @return whether the header is valid. If not, SQLite ignores the log, and we take the salt from the first frame. */
static bool read_header(struct log_reader *log, const unsigned char *header)
{
    uint32_t magic = big32(header), size = big32(header + 8);
    log->big_endian = magic & 1;
    log->page_size = size >= 512 && size <= 65536 && (size & (size - 1)) == 0 ? size : 8192;
    log->salt[0] = big32(header + 16);
    log->salt[1] = big32(header + 20);
    add_sum(log, header, 24);
    return (magic & ~1u) == MAGIC && sum_is(log, header + 24);
}

static bool read_frame(struct log_reader *log)
{
    return fread(log->frame, FRAME_HEADER + log->page_size, 1, log->file) == 1;
}

static bool salt_is_right(const struct log_reader *log)
{
    return log->salt[0] == big32(log->frame + 8) && log->salt[1] == big32(log->frame + 12);
}

static bool frame_is_whole(struct log_reader *log)
{
    add_sum(log, log->frame, 8);
    add_sum(log, log->frame + FRAME_HEADER, log->page_size);
    return salt_is_right(log) && big32(log->frame) != 0 && sum_is(log, log->frame + 16);
}

static void read_frames(struct log_reader *log, bool whole, struct sqlite_log *out)
{
    for (uint32_t at = 1; read_frame(log); at++) {
        if (!whole && at == 1) {
            log->salt[0] = big32(log->frame + 8);
            log->salt[1] = big32(log->frame + 12);
        }
        whole = whole && frame_is_whole(log);
        if (whole) {
            out->frames = at;
        } else if (salt_is_right(log) && big32(log->frame + 4) != 0) { /* belongs to this log, and ends a commit */
            out->lost++;
            out->last_at = at;
        }
    }
}

int sqlite_log_look(const char *path, struct sqlite_log *out, char *error, size_t error_size)
{
    char name[SQLITE_FILE_PATH];
    unsigned char header[LOG_HEADER];
    static const struct sqlite_log none;
    struct log_reader *log = calloc(1, sizeof(*log));
    *out = none;
    if (!log) {
        snprintf(error, error_size, "out of memory");
        return DB_E_OTHER;
    }
    snprintf(name, sizeof(name), "%s-wal", path);
    log->file = fopen(name, "re");
    int rc = log->file || errno == ENOENT ? DB_OK : DB_E_OTHER;
    if (rc != DB_OK)
        snprintf(error, error_size, "cannot read %s: %s", name, strerror(errno));
    if (log->file && fread(header, sizeof(header), 1, log->file) == 1)
        read_frames(log, read_header(log, header), out);
    if (log->file && ferror(log->file)) {
        snprintf(error, error_size, "cannot read %s: %s", name, strerror(errno));
        rc = DB_E_OTHER;
    }
    if (log->file)
        fclose(log->file);
    free(log);
    return rc;
}
