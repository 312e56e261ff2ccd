/* SPDX-License-Identifier: Apache-2.0 */
#include "db/sqlite_copy.h"

#include "db/driver.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SLICE_PAGES 256                    /* 2 MiB in one step */
#define SYNC_BYTES (32 * INT64_C(1048576)) /* to sync a whole copy at its end would delay the service's commits */
#define HEADER "SQLite format 3"           /* and its NUL */
#define BUFFER 1048576

/*
 * Where SQLite locks a database file: https://www.sqlite.org/src/doc/trunk/src/os.h. Processes that have it open in WAL
 * mode hold a read lock there.
 */
#define LOCKS_AT 0x40000000
#define LOCKS_LENGTH 512

struct failure {
    char *text;
    size_t size;
};

__attribute__((format(printf, 3, 4))) static int failed(struct failure *failure, int code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(failure->text, failure->size, format, args);
    va_end(args);
    return code;
}

static int failed_by_system(struct failure *failure, const char *what, const char *path)
{
    return failed(failure, errno == ENOSPC || errno == EDQUOT || errno == EFBIG ? DB_E_FULL : DB_E_OTHER, "%s %s: %s",
                  what, path, strerror(errno));
}

static int failed_by_sqlite(struct failure *failure, const char *path, sqlite3 *handle)
{
    int code = handle ? sqlite3_errcode(handle) & 0xff : SQLITE_NOMEM;
    return failed(failure,
                  code == SQLITE_FULL                               ? DB_E_FULL
                  : code == SQLITE_CORRUPT || code == SQLITE_NOTADB ? DB_E_DAMAGED
                                                                    : DB_E_OTHER,
                  "%s: %s", path, handle ? sqlite3_errmsg(handle) : "out of memory");
}

/* `out` = path and ending. There is room, because the length of paths was checked. */
static void with_ending(char out[SQLITE_FILE_PATH], const char *path, const char *ending)
{
    if (snprintf(out, SQLITE_FILE_PATH, "%s%s", path, ending) >= SQLITE_FILE_PATH)
        out[0] = 0;
}

static bool is_there(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static bool is_same_file(const char *a, const char *b)
{
    struct stat one, two;
    return stat(a, &one) == 0 && stat(b, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino;
}

/* Sync the directory: only then the names in it survive a power cut. */
static int sync_folder(const char *path, struct failure *failure)
{
    char folder[SQLITE_FILE_PATH];
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash)
        slash[slash == folder] = 0;
    else
        snprintf(folder, sizeof(folder), ".");
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int rc = fd >= 0 && fsync(fd) == 0 ? DB_OK : failed_by_system(failure, "cannot write to the disk:", folder);
    if (fd >= 0)
        close(fd);
    return rc;
}

static bool told_to_end(void)
{
    sigset_t set;
    return sigpending(&set) == 0 &&
           (sigismember(&set, SIGTERM) || sigismember(&set, SIGINT) || sigismember(&set, SIGHUP));
}

static int end_if_told(void *arg)
{
    (void)arg;
    return told_to_end();
}

/* ---- the file that becomes the copy ---- */

/*
 * Open and lock the partial file. A lock means that another process writes it; a killed process holds none. If the name
 * has become another file since, the lock is worth nothing.
 */
static int scratch_open(const char *path, int *fd, struct failure *failure)
{
    struct stat mine, named;
    static const char *const beside[] = {"-wal", "-shm", "-journal"};
    char name[SQLITE_FILE_PATH];
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (*fd < 0)
        return failed_by_system(failure, "cannot make", path);
    if (flock(*fd, LOCK_EX | LOCK_NB) < 0 || fstat(*fd, &mine) < 0 || stat(path, &named) < 0 ||
        mine.st_ino != named.st_ino) {
        close(*fd);
        *fd = -1;
        return failed(failure, DB_E_BUSY, "%s is being written by another process", path);
    }
    for (size_t i = 0; i < sizeof(beside) / sizeof(beside[0]); i++) {
        with_ending(name, path, beside[i]);
        (void)unlink(name);
    }
    return ftruncate(*fd, 0) == 0 ? DB_OK : failed_by_system(failure, "cannot write", path);
}

static void scratch_close(const char *path, int fd, bool keep)
{
    if (fd < 0)
        return;
    if (!keep)
        (void)unlink(path);
    close(fd);
}

/* ---- reading a copy ---- */

static int first_value(sqlite3 *handle, const char *sql, char *out, size_t size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(handle, sql, -1, &stmt, NULL);
    out[0] = 0;
    if (rc == SQLITE_OK && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(stmt, 0);
        snprintf(out, size, "%s", text ? text : "");
        rc = SQLITE_OK;
    }
    sqlite3_finalize(stmt);
    return rc;
}

static int newest_schema(void)
{
    int newest = 0;
    for (const struct db_migration *m = db_migrations_sqlite; m->version; m++)
        newest = m->version;
    return newest;
}

/* Check the schema version, and that every page, row and index entry is intact. */
static int look_through(sqlite3 *handle, const char *path, struct sqlite_copy *made, struct failure *failure)
{
    char value[256];
    if (first_value(handle, "PRAGMA integrity_check(1)", value, sizeof(value)) != SQLITE_OK)
        return told_to_end() ? failed(failure, DB_E_BUSY, "ended by a signal")
                             : failed_by_sqlite(failure, path, handle);
    if (strcmp(value, "ok") != 0) {
        for (char *p = value; (p = strchr(p, '\n'));)
            *p = ' ';
        return failed(failure, DB_E_DAMAGED, "%s is damaged: %s", path, value);
    }
    if (first_value(handle, "SELECT max(version) FROM tracking_schema_migrations", value, sizeof(value)) != SQLITE_OK)
        return failed(failure, DB_E_INVALID, "%s is not a database of ingest-api", path);
    made->schema_version = (int)strtol(value, NULL, 10);
    if (made->schema_version > newest_schema())
        return failed(
            failure, DB_E_INVALID,
            "%s has schema version %d, and this ingest-api supports versions up to %d: use a newer ingest-api", path,
            made->schema_version, newest_schema());
    if (first_value(handle, "SELECT count(*) FROM iam_organisations", value, sizeof(value)) != SQLITE_OK)
        return failed_by_sqlite(failure, path, handle);
    made->organisations = strtoll(value, NULL, 10);
    return DB_OK;
}

/*
 * Check the copy through a separate connection, so that the file's real contents are read, and turn it
 * into one file without a log.
 * @param name name in errors: the original of the copy
 */
static int verify(const char *path, const char *name, struct sqlite_copy *made, struct failure *failure)
{
    char mode[16];
    sqlite3 *handle = NULL;
    int rc = DB_OK;
    if (sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK ||
        first_value(handle, "PRAGMA journal_mode = DELETE", mode, sizeof(mode)) != SQLITE_OK)
        rc = failed_by_sqlite(failure, name, handle);
    if (rc == DB_OK) {
        sqlite3_progress_handler(handle, 100000, end_if_told, NULL);
        rc = look_through(handle, name, made, failure);
    }
    sqlite3_close_v2(handle);
    return rc;
}

/* Sync it and give it its name. */
static int finish(const char *scratch, int fd, const char *path, struct sqlite_copy *made, struct failure *failure)
{
    struct stat st;
    if (fsync(fd) < 0 || fstat(fd, &st) < 0)
        return failed_by_system(failure, "cannot write", scratch);
    made->bytes = st.st_size;
    if (rename(scratch, path) < 0)
        return failed_by_system(failure, "cannot make", path);
    return sync_folder(path, failure);
}

/* ---- backup ---- */

/* A backup may only overwrite a database that is not in use: not /etc/passwd, and not an open store. */
static int check_target(const char *database, const char *file, struct failure *failure)
{
    char beside[SQLITE_FILE_PATH], header[sizeof(HEADER)] = "";
    struct stat st;
    if (strlen(file) + 64 > SQLITE_FILE_PATH)
        return failed(failure, DB_E_INVALID, "the backup's path has more than %d bytes", SQLITE_FILE_PATH - 64);
    if (stat(file, &st) < 0)
        return errno == ENOENT ? DB_OK : failed_by_system(failure, "cannot make", file);
    if (is_same_file(database, file))
        return failed(failure, DB_E_INVALID, "%s is the database itself", file);
    with_ending(beside, file, "-wal");
    if (is_there(beside))
        return failed(failure, DB_E_INVALID,
                      "%s has a log beside it (-wal): it is a database in use, and is not overwritten", file);
    FILE *old = S_ISREG(st.st_mode) ? fopen(file, "re") : NULL;
    bool is_database = old && (st.st_size == 0 || (fread(header, sizeof(header), 1, old) == 1 &&
                                                   memcmp(header, HEADER, sizeof(header)) == 0));
    if (old)
        fclose(old);
    return is_database ? DB_OK
                       : failed(failure, DB_E_INVALID, "%s exists and is not a backup: it is not overwritten", file);
}

/* The read transaction fixes the state that is copied: without it every commit would make the copy start again. */
static int open_source(sqlite3 **source, const char *database, struct failure *failure)
{
    char value[32];
    if (!is_there(database))
        return failed_by_system(failure, "no database:", database);
    int rc = sqlite3_open_v2(database, source, SQLITE_OPEN_READWRITE, NULL);
    if (rc == SQLITE_OK) {
        sqlite3_busy_timeout(*source, 30000);
        /* leave a damaged log as it is, see db_open_sqlite() */
        sqlite3_db_config(*source, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
        rc = sqlite3_exec(*source, "BEGIN", NULL, NULL, NULL);
    }
    if (rc == SQLITE_OK)
        rc = first_value(*source, "SELECT count(*) FROM sqlite_master", value, sizeof(value));
    return rc == SQLITE_OK ? DB_OK : failed_by_sqlite(failure, database, *source);
}

static int copy_slices(sqlite3 *source, sqlite3 *copy, const char *path, int fd, struct failure *failure)
{
    sqlite3_backup *backup = sqlite3_backup_init(copy, "main", source, "main");
    int64_t unsynced = 0;
    int rc = backup ? SQLITE_OK : SQLITE_ERROR;
    while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if (told_to_end()) {
            sqlite3_backup_finish(backup);
            return failed(failure, DB_E_BUSY, "ended by a signal");
        }
        rc = sqlite3_backup_step(backup, SLICE_PAGES);
        sqlite3_sleep(1);
        unsynced += SLICE_PAGES * INT64_C(8192);
        if (unsynced >= SYNC_BYTES) {
            (void)fdatasync(fd); /* a failure is reported again at the end */
            unsynced = 0;
        }
    }
    int finished = sqlite3_backup_finish(backup);
    return rc == SQLITE_DONE && finished == SQLITE_OK ? DB_OK : failed_by_sqlite(failure, path, copy);
}

static int copy_database(sqlite3 *source, const char *path, int fd, struct failure *failure)
{
    sqlite3 *copy = NULL;
    int rc =
        sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK &&
                sqlite3_exec(copy, "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF", NULL, NULL, NULL) == SQLITE_OK
            ? copy_slices(source, copy, path, fd, failure)
            : failed_by_sqlite(failure, path, copy);
    sqlite3_close_v2(copy);
    return rc;
}

int sqlite_backup(const char *database, const char *file, struct sqlite_copy *made, char *error, size_t error_size)
{
    struct failure failure = {error, error_size};
    char scratch[SQLITE_FILE_PATH];
    sqlite3 *source = NULL;
    int fd = -1;
    memset(made, 0, sizeof(*made));
    int rc = check_target(database, file, &failure);
    if (rc == DB_OK)
        rc = open_source(&source, database, &failure);
    with_ending(scratch, file, ".partial");
    if (rc == DB_OK)
        rc = scratch_open(scratch, &fd, &failure);
    if (rc == DB_OK)
        rc = copy_database(source, scratch, fd, &failure);
    sqlite3_close_v2(source);
    if (rc == DB_OK)
        rc = verify(scratch, database, made, &failure);
    if (rc == DB_OK && told_to_end())
        rc = failed(&failure, DB_E_BUSY, "ended by a signal");
    if (rc == DB_OK)
        rc = finish(scratch, fd, file, made, &failure);
    scratch_close(scratch, fd, rc == DB_OK);
    return rc;
}

/* ---- restore ---- */

static int check_backup(int fd, const char *file, const char *database, struct failure *failure)
{
    char beside[SQLITE_FILE_PATH];
    struct stat st;
    if (strlen(file) + 64 > SQLITE_FILE_PATH || strlen(database) + 64 > SQLITE_FILE_PATH)
        return failed(failure, DB_E_INVALID, "a path has more than %d bytes", SQLITE_FILE_PATH - 64);
    if (fd < 0)
        return failed_by_system(failure, "cannot read", file);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0)
        return failed(failure, DB_E_INVALID, "%s is not a backup: it is empty or not a regular file", file);
    if (is_same_file(file, database))
        return failed(failure, DB_E_INVALID, "%s is the database itself", file);
    with_ending(beside, file, "-wal");
    if (stat(beside, &st) == 0 && st.st_size > 0)
        return failed(
            failure, DB_E_INVALID,
            "%s has a log beside it (-wal): it is a database in use, not a backup; make one with ingest-api backup",
            file);
    return DB_OK;
}

static int copy_bytes(int from, const char *from_path, int to, const char *to_path, struct failure *failure)
{
    char *buffer = malloc(BUFFER);
    ssize_t n = 0;
    if (!buffer)
        return failed(failure, DB_E_OTHER, "out of memory");
    int rc = DB_OK;
    while (rc == DB_OK && (n = read(from, buffer, BUFFER)) > 0) {
        for (ssize_t at = 0, written; rc == DB_OK && at < n; at += written)
            if ((written = write(to, buffer + at, (size_t)(n - at))) < 0)
                rc = failed_by_system(failure, "cannot write", to_path);
        if (rc == DB_OK && told_to_end())
            rc = failed(failure, DB_E_BUSY, "ended by a signal");
    }
    if (rc == DB_OK && n < 0)
        rc = failed_by_system(failure, "cannot read", from_path);
    free(buffer);
    return rc;
}

/*
 * The lock that SQLite takes for exclusive access: while any process has the file open we cannot get it, and while we
 * hold it nobody can open the file. An OFD lock, so that closing another descriptor does not release it.
 */
static int be_alone(const char *database, int *fd, struct failure *failure)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCKS_AT, .l_len = LOCKS_LENGTH};
    *fd = open(database, O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        return errno == ENOENT ? DB_OK : failed_by_system(failure, "cannot open", database);
    if (fcntl(*fd, F_OFD_SETLK, &lock) == 0)
        return DB_OK;
    if (errno != EAGAIN && errno != EACCES)
        return failed_by_system(failure, "cannot lock", database);
    return failed(failure, DB_E_BUSY, "%s is in use: stop every ingest-api that uses it first", database);
}

/*
 * A readable database without organisations may be lost. Runs before be_alone() takes the lock for good, which our own
 * connection would prevent.
 */
static bool is_worth_keeping(const char *database)
{
    char count[32];
    struct stat st;
    sqlite3 *handle = NULL;
    if (stat(database, &st) < 0 || st.st_size == 0)
        return false;
    int rc = sqlite3_open_v2(database, &handle, SQLITE_OPEN_READWRITE, NULL);
    sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(handle, 1000);
    if (rc == SQLITE_OK)
        rc = first_value(handle, "SELECT count(*) FROM iam_organisations", count, sizeof(count));
    sqlite3_close_v2(handle);
    return rc != SQLITE_OK || strcmp(count, "0") != 0;
}

static int check_replaced(const char *database, bool replace, struct failure *failure)
{
    int fd, rc = be_alone(database, &fd, failure); /* first of all, because its error is the clearest */
    if (fd >= 0)
        close(fd);
    if (rc == DB_OK && !replace && is_worth_keeping(database))
        rc =
            failed(failure, DB_E_CONFLICT,
                   "%s exists, and has organisations in it or cannot be read: --replace moves it aside and replaces it",
                   database);
    return rc;
}

/*
 * Move the database and its log aside, to a new name. The log gets its second name first: a database without its
 * log would look cleanly closed to SQLite, so there must be no such moment. If a restore is interrupted here,
 * the log's first name is left.
 */
static int put_aside(const char *database, struct sqlite_copy *made, struct failure *failure)
{
    char log[SQLITE_FILE_PATH], log_aside[SQLITE_FILE_PATH], index[SQLITE_FILE_PATH];
    struct tm tm;
    time_t now = time(NULL);
    with_ending(log, database, "-wal");
    with_ending(index, database, "-shm");
    gmtime_r(&now, &tm);
    size_t n = (size_t)snprintf(made->replaced, sizeof(made->replaced), "%s.replaced-", database);
    strftime(made->replaced + n, sizeof(made->replaced) - n, "%Y%m%dT%H%M%SZ", &tm);
    with_ending(log_aside, made->replaced, "-wal");
    if (is_there(made->replaced) || is_there(log_aside))
        return failed(failure, DB_E_BUSY, "%s exists: try again in a second", made->replaced);
    bool there = is_there(database), logged = is_there(log);
    if (logged && link(log, log_aside) < 0)
        return failed_by_system(failure, "cannot move aside", log);
    if (there && rename(database, made->replaced) < 0)
        return failed_by_system(failure, "cannot move aside", database);
    if (!there)
        made->replaced[0] = 0;
    if (logged && unlink(log) < 0)
        return failed_by_system(failure, "cannot remove", log);
    (void)unlink(index);
    return sync_folder(database, failure);
}

int sqlite_restore(const char *file, const char *database, bool replace, struct sqlite_copy *made, char *error,
                   size_t error_size)
{
    struct failure failure = {error, error_size};
    char scratch[SQLITE_FILE_PATH];
    int to = -1, alone = -1, from = open(file, O_RDONLY | O_CLOEXEC);
    memset(made, 0, sizeof(*made));
    int rc = check_backup(from, file, database, &failure);
    if (rc == DB_OK)
        rc = check_replaced(database, replace, &failure);
    with_ending(scratch, database, SQLITE_FILE_RESTORING);
    if (rc == DB_OK)
        rc = scratch_open(scratch, &to, &failure);
    if (rc == DB_OK)
        rc = copy_bytes(from, file, to, scratch, &failure);
    if (rc == DB_OK)
        rc = verify(scratch, file, made, &failure);
    if (rc == DB_OK && fsync(to) < 0)
        rc = failed_by_system(&failure, "cannot write", scratch);
    if (rc == DB_OK)
        rc = be_alone(database, &alone, &failure);
    if (rc == DB_OK)
        rc = put_aside(database, made, &failure);
    if (rc == DB_OK)
        rc = finish(scratch, to, database, made, &failure);
    scratch_close(scratch, to, rc == DB_OK || !is_there(database)); /* else the file tells of an interrupted restore */
    if (alone >= 0)
        close(alone);
    if (from >= 0)
        close(from);
    return rc;
}
