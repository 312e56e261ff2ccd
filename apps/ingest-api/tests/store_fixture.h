/* SPDX-License-Identifier: Apache-2.0 */
/** @file store_fixture.h A store in its own directory, with blocking calls. For the tests of store and queue. */
#ifndef INGEST_TESTS_STORE_FIXTURE_H
#define INGEST_TESTS_STORE_FIXTURE_H

#include "base/clock.h"
#include "base/log.h"
#include "base/owner.h"
#include "base/settings.h"
#include "data/organisations.h"
#include "data/prospects.h"
#include "metrics/metrics.h"
#include "queue/queue.h"
#include "store/store.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#ifdef INGEST_POSTGRES
#include <libpq-fe.h>
#endif

/** An assertion for store threads, where cmocka's assertions must not longjmp. */
#define must(condition)                                                                   \
    do {                                                                                  \
        if (!(condition)) {                                                               \
            fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #condition); \
            abort();                                                                      \
        }                                                                                 \
    } while (0)

/** Wait for a state, never for a time. meson's time-out ends an endless wait. */
#define wait_until(condition)                                        \
    do {                                                             \
        while (!(condition))                                         \
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL); \
    } while (0)

struct fixture {
    struct settings settings;
    struct store *store;
    struct queue *queue;
    char organisation[37], other[37];
};

static inline void fixture_settings(struct settings *settings, const char *directory)
{
    memset(settings, 0, sizeof(*settings));
    snprintf(settings->data_dir, sizeof(settings->data_dir), "%s", directory);
    snprintf(settings->queue_url, sizeof(settings->queue_url), "embedded");
    settings->store_threads = 2;
    settings->store_queue = 1024;
    settings->store_timeout_ms = 120000;
    settings->job_attempts = 3;
    settings->mail_retry_min_s = settings->mail_retry_max_s = settings->mail_retry_for_s = 1;
    settings->mail_refusals = 3;
}

struct fixture_organisation {
    const char *name;
    char *id;
};

static inline int fixture_create_organisation(void *arg, struct db *db)
{
    struct fixture_organisation *organisation = arg;
    unsigned char hash[32] = {0};
    snprintf((char *)hash, sizeof(hash), "%s", organisation->name);
    return organisations_create(db, organisation->name, hash, organisation->id);
}

/** With TEST_POSTGRES, the URL of a server and a role that may create databases, the same tests run on PostgreSQL. */
static inline bool fixture_postgres(void)
{
    return getenv("TEST_POSTGRES") != NULL;
}

/** Run a statement on the server, for example to create or drop the fixture's database. */
static inline void fixture_server(const char *url, const char *sql)
{
#ifdef INGEST_POSTGRES
    PGconn *conn = PQconnectdb(url);
    PGresult *result = PQexec(conn, sql);
    if (PQresultStatus(result) != PGRES_COMMAND_OK && PQresultStatus(result) != PGRES_TUPLES_OK)
        fail_msg("%s: %s", sql, PQerrorMessage(conn));
    PQclear(result);
    PQfinish(conn);
#else
    fail_msg("TEST_POSTGRES is set (%s), but this was built without libpq: %s", url, sql);
#endif
}

static inline void fixture_create_database(struct settings *settings)
{
    static int number;
    char sql[128];
    const char *url = getenv("TEST_POSTGRES"), *slash = strrchr(url, '/');
    snprintf(sql, sizeof(sql), "CREATE DATABASE ingest_test_%d_%d", (int)getpid(), ++number);
    fixture_server(url, sql);
    assert_true((size_t)snprintf(settings->store_url, sizeof(settings->store_url), "%.*s%s", (int)(slash + 1 - url),
                                 url, strstr(sql, "ingest_test")) < sizeof(settings->store_url));
}

static inline void fixture_drop_database(const struct settings *settings)
{
    char sql[128];
    snprintf(sql, sizeof(sql), "DROP DATABASE %s WITH (FORCE)", strstr(settings->store_url, "ingest_test_"));
    fixture_server(getenv("TEST_POSTGRES"), sql);
}

static inline void fixture_open(struct fixture *f)
{
    assert_int_equal(store_open(&f->store, &f->settings), 0);
    assert_int_equal(queue_open(&f->queue, &f->settings, f->store), 0);
}

static inline void fixture_close(struct fixture *f)
{
    queue_close(f->queue);
    store_close(f->store);
    f->queue = NULL;
    f->store = NULL;
}

static inline int fixture_setup(void **state)
{
    char directory[] = "/tmp/ingest-test-XXXXXX";
    struct fixture *f = calloc(1, sizeof(*f));
    log_set_level(LOG_FATAL + 1);
    assert_non_null(f);
    assert_non_null(mkdtemp(directory));
    fixture_settings(&f->settings, directory);
    if (fixture_postgres())
        fixture_create_database(&f->settings);
    fixture_open(f);
    struct fixture_organisation one = {"One", f->organisation}, two = {"Two", f->other};
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, fixture_create_organisation, &one), DB_OK);
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, fixture_create_organisation, &two), DB_OK);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    fixture_close(f);
    if (fixture_postgres())
        fixture_drop_database(&f->settings);
    DIR *directory = opendir(f->settings.data_dir);
    struct dirent *entry;
    char path[1024];
    while (directory && (entry = readdir(directory))) {
        snprintf(path, sizeof(path), "%s/%s", f->settings.data_dir, entry->d_name);
        unlink(path);
    }
    if (directory)
        closedir(directory);
    rmdir(f->settings.data_dir);
    free(f);
    return 0;
}

/** The same two for tests that read metrics. */
static inline int fixture_setup_with_metrics(void **state)
{
    assert_int_equal(metrics_init(true, 1), 0);
    return fixture_setup(state);
}

static inline int fixture_teardown_with_metrics(void **state)
{
    int rc = fixture_teardown(state);
    metrics_destroy();
    return rc;
}

/** A statement that returns one number, e.g. a count. */
struct fixture_scalar {
    const char *sql;
    int64_t value;
};

static inline int fixture_run_scalar(void *arg, struct db *db)
{
    struct fixture_scalar *scalar = arg;
    db_scope_all(db);
    struct db_stmt *stmt = db_prepare(db, scalar->sql);
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        scalar->value = db_column_int(stmt, 0);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

static inline int64_t fixture_count(struct fixture *f, const char *sql)
{
    struct fixture_scalar scalar = {.sql = sql, .value = -1};
    assert_int_equal(store_run(f->store, STORE_MODE_READ, fixture_run_scalar, &scalar), DB_OK);
    return scalar.value;
}

static inline int fixture_run_sql(void *arg, struct db *db)
{
    db_scope_all(db);
    return db_exec(db, arg, "");
}

static inline int fixture_exec(struct fixture *f, const char *sql)
{
    return store_run(f->store, STORE_MODE_WRITE, fixture_run_sql, (void *)(uintptr_t)sql);
}

/**
 * The process that holds the jobs has died: a process of this machine has its number, ours, but began at another time.
 * @param suffix of the owner: "" or ":relay".
 */
static inline void fixture_owner_dies(struct fixture *f, const char *suffix)
{
    char self[OWNER_SIZE], where[OWNER_SIZE], sql[128 + OWNER_SIZE];
    unsigned long long start;
    long pid;
    owner_self(self);
    assert_int_equal(sscanf(self, "%30[^:]:%ld:%llu", where, &pid, &start), 3);
    snprintf(sql, sizeof(sql), "UPDATE tracking.jobs SET owner = '%.30s:%ld:%llu%s'", where, pid, start + 1, suffix);
    assert_int_equal(fixture_exec(f, sql), DB_OK);
}

/** The value of a sample by its exposed name and labels; -1 if it does not exist. */
static inline double fixture_metric(const char *sample)
{
    promc_scrape_settings settings = {.format = PROMC_FORMAT_TEXT};
    char *text, key[256];
    assert_int_equal(promc_scrape_string(metrics_registry(), &settings, &text, NULL), 0);
    snprintf(key, sizeof(key), "\n%s ", sample);
    const char *at = strstr(text, key);
    double found = at ? strtod(at + strlen(key), NULL) : -1;
    free(text);
    return found;
}

#endif
