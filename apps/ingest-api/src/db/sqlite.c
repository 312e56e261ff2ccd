/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SQLite driver. Write-ahead log and synchronous=FULL: when a commit returns it is on the disk. A connection is
 * used by one thread at a time (NOMUTEX).
 */
#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "db/driver.h"
#include "db/sql.h"
#include "db/sqlite_file.h"

#include <malloc.h>
#include <promc-sqlite/sqlite.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * With this many pages the log is copied into the database. With RESTART pages we also wait for readers, so that the
 * log starts again from its beginning: under a load that always has a reader it would grow without limit.
 */
#define CHECKPOINT_PAGES 4000
#define CHECKPOINT_RESTART_PAGES 32000
/* Reads are short, but a backup takes minutes: no writer may wait for that. */
#define RESTART_WAIT_MS 50
#define RESTART_PAUSE_NS 2000000000u
#define MAKING_MS 3000 /* how long a new file may stay empty, while another process creates it */

struct sqlite_db {
    struct db base;
    sqlite3 *handle;
    bool forget; /* db_forget() was called: sqlite_idle() empties the log */
    unsigned busy_timeout_ms;
    uint64_t busy_since_ns;
    uint64_t restart_ns; /* do not wait for readers again before this time, see checkpoint() */
    int wal_pages;
};

struct sqlite_stmt {
    struct db_stmt base;
    sqlite3_stmt *handle;
    int parameters;
    char (*uuid_text)[UUID_TEXT]; /* ids that were read, by column */
    unsigned char uuid[][16];     /* bound ids, by parameter: SQLite need not copy them */
};

static sqlite3 *handle_of(struct db *db)
{
    return ((struct sqlite_db *)db)->handle;
}

static sqlite3_stmt *stmt_of(struct db_stmt *stmt)
{
    return ((struct sqlite_stmt *)stmt)->handle;
}

/* ---- errors ---- */

static int constraint_error(int extended)
{
    switch (extended) {
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
    case SQLITE_CONSTRAINT_FOREIGNKEY:
        return DB_E_CONFLICT;
    default:
        return DB_E_INVALID; /* NOT NULL, CHECK, a type of a strict table */
    }
}

/* Translate SQLite's result code; `class` gets the SQLSTATE class that PostgreSQL would give. */
static int translate(int extended, const char *class)
{
    switch (extended & 0xff) {
    case SQLITE_CONSTRAINT:
        return constraint_error(extended);
    case SQLITE_FULL:
        return DB_E_FULL;
    case SQLITE_IOERR:
        return strcmp(class, "53") == 0 ? DB_E_FULL : DB_E_OTHER;
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
        return DB_E_INVALID;
    case SQLITE_INTERRUPT:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return DB_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DB_E_DAMAGED;
    default:
        return DB_E_OTHER;
    }
}

static int fail(struct db *db)
{
    sqlite3 *handle = handle_of(db);
    int extended = sqlite3_extended_errcode(handle);
    const char *class = promc_sqlite_sqlstate_class(handle, extended);
    return db_fail(db, translate(extended, class), class, sqlite3_errmsg(handle));
}

/* ---- statements ---- */

static struct db_stmt *sqlite_prepare(struct db *db, const char *sql)
{
    sqlite3_stmt *handle = NULL;
    char *text = sql_to_sqlite(sql);
    if (!text) {
        db_fail(db, DB_E_OTHER, "53", "out of memory");
        return NULL;
    }
    int rc = sqlite3_prepare_v3(handle_of(db), text, -1, SQLITE_PREPARE_PERSISTENT, &handle, NULL);
    free(text);
    if (rc != SQLITE_OK || !handle) {
        if (rc != SQLITE_OK)
            fail(db);
        else
            db_fail(db, DB_E_OTHER, "42", "empty statement");
        return NULL;
    }
    int parameters = sqlite3_bind_parameter_count(handle), columns = sqlite3_column_count(handle);
    struct sqlite_stmt *stmt = calloc(1, sizeof(*stmt) + (size_t)parameters * sizeof(*stmt->uuid));
    char(*uuid_text)[UUID_TEXT] = calloc((size_t)columns + 1, UUID_TEXT);
    if (!stmt || !uuid_text) {
        free(stmt);
        free(uuid_text);
        sqlite3_finalize(handle);
        db_fail(db, DB_E_OTHER, "53", "out of memory");
        return NULL;
    }
    stmt->handle = handle;
    stmt->parameters = parameters;
    stmt->uuid_text = uuid_text;
    stmt->base.columns = columns;
    return &stmt->base;
}

static void sqlite_finalize(struct db_stmt *stmt)
{
    sqlite3_finalize(stmt_of(stmt));
    free(((struct sqlite_stmt *)stmt)->uuid_text);
    free(stmt);
}

/* A bind fails only for an index that is not in the SQL, a programming error that the step would hide. */
static void check_bind(struct db_stmt *stmt, int rc)
{
    if (rc != SQLITE_OK)
        fail(stmt->db);
}

static void sqlite_bind_null_(struct db_stmt *stmt, int index)
{
    check_bind(stmt, sqlite3_bind_null(stmt_of(stmt), index));
}

static void sqlite_bind_text_(struct db_stmt *stmt, int index, const char *value, size_t length)
{
    check_bind(stmt, sqlite3_bind_text64(stmt_of(stmt), index, value, length, SQLITE_STATIC, SQLITE_UTF8));
}

static void sqlite_bind_int_(struct db_stmt *stmt, int index, int64_t value)
{
    check_bind(stmt, sqlite3_bind_int64(stmt_of(stmt), index, value));
}

static void sqlite_bind_uuid_(struct db_stmt *stmt, int index, const unsigned char uuid[16])
{
    struct sqlite_stmt *self = (struct sqlite_stmt *)stmt;
    if (index >= 1 && index <= self->parameters)
        memcpy(self->uuid[index - 1], uuid, 16);
    else
        index = 0; /* SQLite refuses it, so that check_bind() fails */
    check_bind(stmt, sqlite3_bind_blob(self->handle, index, index ? self->uuid[index - 1] : NULL, 16, SQLITE_STATIC));
}

static void sqlite_bind_blob_(struct db_stmt *stmt, int index, const void *data, size_t length)
{
    check_bind(stmt, sqlite3_bind_blob64(stmt_of(stmt), index, data, length, SQLITE_STATIC));
}

static int sqlite_step_(struct db_stmt *stmt)
{
    int rc = sqlite3_step(stmt_of(stmt));
    if (rc == SQLITE_ROW)
        return DB_ROW;
    return rc == SQLITE_DONE ? DB_OK : fail(stmt->db);
}

static const char *sqlite_column_text_(struct db_stmt *stmt, int column)
{
    return (const char *)sqlite3_column_text(stmt_of(stmt), column);
}

static size_t sqlite_column_length_(struct db_stmt *stmt, int column)
{
    return (size_t)sqlite3_column_bytes(stmt_of(stmt), column);
}

static int64_t sqlite_column_int_(struct db_stmt *stmt, int column)
{
    return sqlite3_column_int64(stmt_of(stmt), column);
}

static const char *sqlite_column_uuid_(struct db_stmt *stmt, int column)
{
    char *text = ((struct sqlite_stmt *)stmt)->uuid_text[column];
    const void *blob = sqlite3_column_blob(stmt_of(stmt), column);
    if (!blob || sqlite3_column_bytes(stmt_of(stmt), column) != 16)
        return NULL;
    uuid_format(blob, text);
    return text;
}

/*
 * The bindings are not cleared: that costs as much as binding, and every execution binds all of its parameters. SQLite
 * does not read the old pointers before the next step.
 */
static void sqlite_reset_(struct db_stmt *stmt)
{
    sqlite3_reset(stmt_of(stmt));
}

/* ---- the connection ---- */

static int64_t sqlite_changes_(struct db *db)
{
    return sqlite3_changes64(handle_of(db));
}

static int sqlite_begin(struct db *db, bool write)
{
    return db_exec(db, write ? "BEGIN IMMEDIATE" : "BEGIN", "");
}

static int sqlite_commit(struct db *db)
{
    return db_exec(db, "COMMIT", "");
}

static int sqlite_rollback(struct db *db)
{
    return db_exec(db, "ROLLBACK", "");
}

static bool sqlite_in_transaction(struct db *db)
{
    return !sqlite3_get_autocommit(handle_of(db));
}

static int sqlite_script(struct db *db, const char *sql)
{
    char *text = sql_to_sqlite(sql);
    if (!text)
        return db_fail(db, DB_E_OTHER, "53", "out of memory");
    int rc = sqlite3_exec(handle_of(db), text, NULL, NULL, NULL);
    free(text);
    return rc == SQLITE_OK ? DB_OK : fail(db);
}

static bool sqlite_table_exists(struct db *db, const char *schema, const char *table)
{
    char name[128];
    snprintf(name, sizeof(name), "%s_%s", schema, table);
    struct db_stmt *stmt = db_prepare(db, "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1");
    db_bind_str(stmt, 1, name);
    bool there = db_step(stmt) == DB_ROW;
    db_done(stmt);
    return there;
}

/*
 * SQLite's own busy handler backs off to 100 ms and then often misses the short gap between two commits of
 * another process's busy writer. Retrying every millisecond finds it.
 */
static int on_busy(void *arg, int count)
{
    struct sqlite_db *db = arg;
    uint64_t now = clock_monotonic_ns();
    if (count == 0)
        db->busy_since_ns = now;
    if (now - db->busy_since_ns >= (uint64_t)db->busy_timeout_ms * 1000000u)
        return 0;
    struct timespec pause = {.tv_nsec = 1000000 + (long)(now % 1000) * 500};
    nanosleep(&pause, NULL);
    return 1;
}

static int on_wal(void *arg, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    ((struct sqlite_db *)arg)->wal_pages = pages;
    return SQLITE_OK;
}

/* A failure (busy, disk full) loses nothing: the log keeps the pages, and the next commit tries again. */
static void checkpoint(struct sqlite_db *self)
{
    uint64_t now = clock_monotonic_ns();
    bool restart = self->wal_pages >= CHECKPOINT_RESTART_PAGES && now >= self->restart_ns;
    unsigned timeout_ms = self->busy_timeout_ms;
    if (restart && timeout_ms > RESTART_WAIT_MS)
        self->busy_timeout_ms = RESTART_WAIT_MS;
    int mode = restart ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
    if (sqlite3_wal_checkpoint_v2(self->handle, NULL, mode, NULL, NULL) == SQLITE_BUSY && restart)
        self->restart_ns = now + RESTART_PAUSE_NS;
    self->busy_timeout_ms = timeout_ms;
}

static void sqlite_forget(struct db *db)
{
    ((struct sqlite_db *)db)->forget = true;
}

/* If readers prevent it, the next idle moment tries again. */
static void empty_log(struct sqlite_db *self)
{
    unsigned timeout_ms = self->busy_timeout_ms;
    if (timeout_ms > RESTART_WAIT_MS)
        self->busy_timeout_ms = RESTART_WAIT_MS;
    if (sqlite3_wal_checkpoint_v2(self->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL) == SQLITE_OK)
        self->forget = false;
    self->busy_timeout_ms = timeout_ms;
}

static void sqlite_idle(struct db *db)
{
    struct sqlite_db *self = (struct sqlite_db *)db;
    if (self->forget)
        empty_log(self);
    if (self->wal_pages < CHECKPOINT_PAGES)
        return;
    checkpoint(self);
    self->wal_pages = 0;
    /* so many pages come from an import: later work does not need them in the cache */
    sqlite3_db_release_memory(self->handle);
    malloc_trim(0);
}

/*
 * Checks every page, and every row's place in its table, but not the indexes, which would take several times as long.
 * This is not a query of the service: it is not counted, and not reported as slow.
 */
static int sqlite_look_through(struct db *db, char *found, size_t found_size)
{
    sqlite3_stmt *stmt = NULL;
    int rc = sqlite3_prepare_v2(handle_of(db), "PRAGMA quick_check(1)", -1, &stmt, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(stmt);
    const char *text = rc == SQLITE_ROW ? (const char *)sqlite3_column_text(stmt, 0) : sqlite3_errmsg(handle_of(db));
    bool whole = rc == SQLITE_ROW && text && strcmp(text, "ok") == 0;
    snprintf(found, found_size, "%s", text ? text : "");
    int result = whole ? DB_OK : rc == SQLITE_ROW ? db_fail(db, DB_E_DAMAGED, "XX", found) : fail(db);
    sqlite3_finalize(stmt);
    return result;
}

static void sqlite_interrupt_(struct db *db)
{
    sqlite3_interrupt(handle_of(db));
}

static void sqlite_close_(struct db *db)
{
    db_cache_clear(db);
    sqlite3_close_v2(handle_of(db)); /* the last connection copies the log into the database */
    free(db);
}

static const struct db_driver driver = {
    .name = "sqlite",
    .migrations = db_migrations_sqlite,
    .begin = sqlite_begin,
    .commit = sqlite_commit,
    .rollback = sqlite_rollback,
    .close = sqlite_close_,
    .prepare = sqlite_prepare,
    .finalize = sqlite_finalize,
    .bind_null = sqlite_bind_null_,
    .bind_text = sqlite_bind_text_,
    .bind_int = sqlite_bind_int_,
    .bind_uuid = sqlite_bind_uuid_,
    .bind_blob = sqlite_bind_blob_,
    .step = sqlite_step_,
    .column_text = sqlite_column_text_,
    .column_length = sqlite_column_length_,
    .column_int = sqlite_column_int_,
    .column_uuid = sqlite_column_uuid_,
    .reset = sqlite_reset_,
    .changes = sqlite_changes_,
    .in_transaction = sqlite_in_transaction,
    .script = sqlite_script,
    .table_exists = sqlite_table_exists,
    .idle = sqlite_idle,
    .forget = sqlite_forget,
    .look_through = sqlite_look_through,
    .interrupt = sqlite_interrupt_,
};

static const char *const pragmas =
    "PRAGMA journal_mode = WAL;"
    "PRAGMA synchronous = FULL;"
    "PRAGMA foreign_keys = ON;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 67108864;" /* the log, after a big import */
    "PRAGMA secure_delete = ON;"            /* erased data must not stay in free pages: data/erase.h */
    "PRAGMA trusted_schema = OFF;";

/* SQLite's memory statistics cost a process-wide mutex at each allocation. Must be set before its first use. */
static void configure_once(void)
{
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

/* Read the log again with the writer's lock, so that nobody appends to it. */
static int look_again(struct sqlite_db *db, const char *path, struct sqlite_log *log, char *error, size_t error_size)
{
    if (sqlite3_exec(db->handle, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK)
        return fail(&db->base);
    int rc = sqlite_log_look(path, log, error, error_size);
    sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    return rc;
}

/* SQLite reads a log up to the first invalid frame, and would silently overwrite the commits after it. */
static int check_log(struct sqlite_db *db, const char *path, char *error, size_t error_size)
{
    struct sqlite_log log;
    int rc = sqlite_log_look(path, &log, error, error_size);
    if (rc == DB_OK && log.lost > 0)
        rc = look_again(db, path, &log, error, error_size);
    if (rc != DB_OK)
        return rc;
    if (log.lost == 1)
        log_warn("the last commit in the database's log is incomplete and is ignored: after a power cut it was not "
                 "acknowledged"
                 " to anybody; otherwise the disk has damaged it",
                 "s:component", "store", "u:frame", (uint64_t)log.frames + 1);
    if (log.lost <= 1)
        return DB_OK;
    snprintf(
        error, error_size,
        "%s-wal is damaged at frame %u: %u later commits cannot be read. Nothing was changed. Restore a backup, "
        "or continue"
        " without them: ingest-api backup FILE, then ingest-api restore --replace FILE, which moves these files aside",
        path, log.frames + 1, log.lost);
    return DB_E_DAMAGED;
}

/* Is the opened file still the one at its path? A restore may have replaced it in between. */
static int check_place(struct sqlite_db *db, const char *path, char *error, size_t error_size)
{
    int moved = 0;
    (void)sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved)
        snprintf(error, error_size, "%s was replaced while it was being opened: try again", path);
    return moved ? DB_E_OTHER : DB_OK;
}

/*
 * To set the log mode of a new file SQLite requests a lock while it holds another. If a second process does the
 * same, SQLite avoids the deadlock by answering "locked" without asking the busy handler. So retry here, as long
 * as a statement would wait.
 */
static int exec_patiently(struct sqlite_db *db, const char *sql)
{
    int rc, count = 0;
    do
        rc = sqlite3_exec(db->handle, sql, NULL, NULL, NULL);
    while ((rc & 0xff) == SQLITE_BUSY && on_busy(db, count++));
    return rc;
}

static int configure(struct sqlite_db *db, bool read_only)
{
    /* 8 KiB pages (of a new file): rows of the big tables stay whole, and trees are flatter. */
    /* The cache holds the pages that an import touches; readers use the system's. */
    const char *const all[] = {read_only ? "PRAGMA cache_size = -2048" : "PRAGMA cache_size = -65536" /* KiB */,
                               "PRAGMA page_size = 8192", pragmas, read_only ? "PRAGMA query_only = ON" : ""};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (exec_patiently(db, all[i]) != SQLITE_OK)
            return fail(&db->base);
    return DB_OK;
}

/* Close without copying the log into the database, which could make the damage worse. */
static void close_as_it_is(struct sqlite_db *db)
{
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_close_v2(db->handle);
    free(db);
}

int db_open_sqlite(struct db **out, const struct db_sqlite_options *options, char *error, size_t error_size)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const char *path = options->path;
    pthread_once(&once, configure_once);
    int rc = sqlite_file_make(path, options->busy_timeout_ms < MAKING_MS ? options->busy_timeout_ms : MAKING_MS, error,
                              error_size);
    if (rc != DB_OK)
        return rc;
    struct sqlite_db *db = calloc(1, sizeof(*db));
    if (!db) {
        snprintf(error, error_size, "out of memory");
        return DB_E_OTHER;
    }
    db->base.driver = &driver;
    db->busy_timeout_ms = options->busy_timeout_ms;
    error[0] = 0;

    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    rc = sqlite3_open_v2(path, &db->handle, flags, NULL) == SQLITE_OK ? DB_OK
         : db->handle                                                 ? fail(&db->base)
                                                                      : DB_E_OTHER;
    if (rc == DB_OK) {
        sqlite3_busy_handler(db->handle, on_busy, db);
        rc = configure(db, options->read_only);
    }
    if (rc == DB_OK && !options->read_only)
        rc = check_log(db, path, error, error_size);
    if (rc == DB_OK)
        rc = check_place(db, path, error, error_size);
    if (rc != DB_OK) {
        if (!*error)
            snprintf(error, error_size, "%s: %s%s%s", path, db->handle ? db->base.error_text : "out of memory",
                     rc == DB_E_DAMAGED ? ": " : "", rc == DB_E_DAMAGED ? sqlite_file_damaged : "");
        close_as_it_is(db);
        return rc;
    }
    sqlite3_wal_hook(db->handle, on_wal, db); /* replaces the automatic checkpoint, which would delay the commit */
    *out = &db->base;
    return DB_OK;
}
