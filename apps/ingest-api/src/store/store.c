/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "db/migrate.h"
#include "db/sqlite_file.h"
#include "store/check.h"
#include "store/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BATCH_NS 10000000u

/* ---- opening and closing ---- */

static int open_connection(struct store *store, struct store_thread *thread, const char *path, bool read_only,
                           char *error, size_t error_size)
{
    struct db_sqlite_options options = {
        .path = path,
        .read_only = read_only,
        .busy_timeout_ms = store->timeout_ms,
    };
    thread->store = store;
    return db_open_sqlite(&thread->db, &options, error, error_size);
}

/* Open the writer first: it creates the file and the schema that the readers need. */
static int open_sqlite(struct store *store, const char *path, char *error, size_t error_size)
{
    int rc = open_connection(store, &store->writer, path, false, error, error_size);
    if (rc == DB_OK)
        rc = db_migrate(store->writer.db, error, error_size);
    for (unsigned i = 0; rc == DB_OK && i < store->readers; i++)
        rc = open_connection(store, &store->reader[i], path, true, error, error_size);
    if (rc == DB_E_DAMAGED && store->writer.db) { /* opening found traces of a missing database */
        size_t n = strlen(error);
        snprintf(error + n, error_size - n, ": %s", sqlite_file_damaged);
    }
    return rc;
}

#ifdef INGEST_POSTGRES
/* Wait for a server that is just starting, but not longer than a request would. */
static int wait_for_server(struct store *store, struct db *db, char *error, size_t error_size)
{
    uint64_t end = clock_monotonic_ns() + (uint64_t)store->timeout_ms * 1000000u;
    int rc;
    while ((rc = db->driver->ready(db)) != DB_OK && clock_monotonic_ns() < end)
        nanosleep(&(struct timespec){.tv_nsec = 200000000}, NULL);
    if (rc != DB_OK)
        snprintf(error, error_size, "%s", db_error_text(db));
    return rc;
}

static int open_postgres(struct store *store, const char *url, char *error, size_t error_size)
{
    int rc = DB_OK;
    store->many_writers = true;
    for (unsigned i = 0; rc == DB_OK && i < store->readers; i++) {
        store->reader[i].store = store;
        rc = db_open_postgres(&store->reader[i].db, url, error, error_size);
    }
    struct db *db = store->reader[0].db;
    if (rc == DB_OK)
        rc = wait_for_server(store, db, error, error_size);
    if (rc == DB_OK)
        rc = db_migrate(db, error, error_size);
    for (unsigned i = 0; rc == DB_OK && i < store->readers; i++)
        store->reader[i].db->migrated = true;
    if (rc == DB_OK) {
        db->driver->advise(db);
        store->one_organisation = !db->driver->reaches_all(db);
    }
    return rc;
}
#endif

bool store_file(const struct settings *settings, char *path, size_t size)
{
    const char *file;
    if (backend_of_store(settings->store_url, &file) != STORE_IS_SQLITE)
        return false;
    if (*file)
        snprintf(path, size, "%s", file);
    else
        snprintf(path, size, "%s/ingest.db", settings->data_dir);
    return true;
}

static int open_database(struct store *store, const struct settings *settings, char *error, size_t error_size)
{
    char path[SQLITE_FILE_PATH];
    switch (backend_of_store(settings->store_url, NULL)) {
    case STORE_IS_POSTGRES:
#ifdef INGEST_POSTGRES
        return open_postgres(store, settings->store_url, error, error_size);
#else
        snprintf(error, error_size, "this ingest-api was built without PostgreSQL (libpq-dev was missing)");
        return DB_E_INVALID;
#endif
    case STORE_IS_SQLITE:
        store_file(settings, path, sizeof(path));
        return open_sqlite(store, path, error, error_size);
    case STORE_IS_INVALID:
        break;
    }
    snprintf(error, error_size, "STORE must be sqlite, sqlite:PATH or postgres://…");
    return DB_E_INVALID;
}

static bool start_thread(struct store_thread *thread, void *(*main)(void *))
{
    thread->started = pthread_create(&thread->thread, NULL, main, thread) == 0;
    return thread->started;
}

static void show_pool(void *store, struct metrics_pool *out)
{
    store_pool_stats(store, out);
}

static bool start_threads(struct store *store)
{
    metrics_watch_pool(show_pool, store);
    store->timer_started = pthread_create(&store->timer, NULL, store_timer_main, store) == 0;
    bool ok = store->timer_started && (store->many_writers || start_thread(&store->writer, store_writer_main));
    for (unsigned i = 0; ok && i < store->readers; i++)
        ok = start_thread(&store->reader[i], store->many_writers ? store_either_main : store_reader_main);
    return ok;
}

static struct store *store_new(const struct settings *settings)
{
    struct store *store = calloc(1, sizeof(*store));
    if (!store)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->check_lock, NULL);
    pthread_mutex_init(&store->probe_lock, NULL);
    clock_cond_init(&store->probe_done);
    pthread_cond_init(&store->read_ready, NULL);
    pthread_cond_init(&store->write_ready, NULL);
    clock_cond_init(&store->deadline_changed);
    work_list_init(&store->waiting[0]);
    work_list_init(&store->waiting[1]);
    store->next_deadline_ns = UINT64_MAX;
    store->max_waiting = settings->store_queue ? settings->store_queue : 1024;
    store->timeout_ms = settings->store_timeout_ms ? settings->store_timeout_ms : 5000;
    store->batch_ns = BATCH_NS;
    store->readers = settings->store_threads ? settings->store_threads : 4;
    if (store->readers > STORE_MAX_READERS)
        store->readers = STORE_MAX_READERS;
    return store;
}

int store_open(struct store **out, const struct settings *settings)
{
    char error[1024];
    *out = NULL;
    struct store *store = store_new(settings);
    if (!store) {
        log_error("cannot open the store: out of memory", "s:component", "store");
        return -1;
    }
    int rc = open_database(store, settings, error, sizeof(error));
    if (rc == DB_OK && !start_threads(store)) {
        snprintf(error, sizeof(error), "cannot start its threads");
        rc = DB_E_OTHER;
    }
    if (rc != DB_OK) {
        log_error("cannot open the store", "s:component", "store", "s:error", error);
        store_close(store);
        return -1;
    }
    *out = store;
    return 0;
}

static void close_thread(struct store_thread *thread)
{
    if (thread->started)
        pthread_join(thread->thread, NULL);
}

static void close_connection(struct store_thread *thread)
{
    if (thread->db)
        thread->db->driver->close(thread->db);
}

void store_close(struct store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->stopping = true;
    pthread_cond_broadcast(&store->read_ready);
    pthread_cond_broadcast(&store->write_ready);
    pthread_cond_broadcast(&store->deadline_changed);
    pthread_mutex_unlock(&store->lock);
    store_look_through_end(store);
    metrics_watch_pool(NULL, NULL);

    close_thread(&store->writer);
    for (unsigned i = 0; i < store->readers; i++)
        close_thread(&store->reader[i]);
    if (store->timer_started)
        pthread_join(store->timer, NULL);
    /* readers first: the last connection to close copies the log into the database, so it must be able to write */
    for (unsigned i = 0; i < store->readers; i++)
        close_connection(&store->reader[i]);
    close_connection(&store->writer);

    pthread_cond_destroy(&store->read_ready);
    pthread_cond_destroy(&store->write_ready);
    pthread_cond_destroy(&store->deadline_changed);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->check_lock);
    pthread_mutex_destroy(&store->probe_lock);
    pthread_cond_destroy(&store->probe_done);
    free(store);
}

/* ---- work ---- */

int store_submit(struct store *store, struct store_work *work)
{
    work->submitted_ns = clock_monotonic_ns();
    if (work->deadline_ns == 0)
        work->deadline_ns = work->submitted_ns + (uint64_t)store->timeout_ms * 1000000u;

    work->waiting_ns = work->submitted_ns;
    pthread_mutex_lock(&store->lock);
    if (store->waiting[0].n + store->waiting[1].n >= store->max_waiting || store->stopping) {
        pthread_mutex_unlock(&store->lock);
        metrics_pool_gave_up(clock_monotonic_ns() - work->waiting_ns);
        return DB_E_BUSY;
    }
    work_list_push(&store->waiting[work->mode], work);
    if (work->deadline_ns < store->next_deadline_ns) {
        store->next_deadline_ns = work->deadline_ns;
        pthread_cond_signal(&store->deadline_changed);
    }
    bool to_writer = work->mode == STORE_MODE_WRITE && !store->many_writers;
    pthread_cond_signal(to_writer ? &store->write_ready : &store->read_ready);
    pthread_mutex_unlock(&store->lock);
    return 0;
}

struct waiter {
    struct store_work work;
    int (*run)(void *arg, struct db *db);
    void *arg;
    pthread_mutex_t lock;
    pthread_cond_t finished;
    bool done;
    int result;
};

static int waiter_run(struct store_work *work, struct db *db)
{
    struct waiter *waiter = (struct waiter *)work;
    return waiter->run(waiter->arg, db);
}

static void waiter_done(struct store_work *work, int result)
{
    struct waiter *waiter = (struct waiter *)work;
    pthread_mutex_lock(&waiter->lock);
    waiter->result = result;
    waiter->done = true;
    /* signal while holding the lock: the waiter has this struct on its stack, and returns as soon as it sees `done` */
    pthread_cond_signal(&waiter->finished);
    pthread_mutex_unlock(&waiter->lock);
}

static int run_until(struct store *store, enum store_mode mode, uint64_t deadline_ns,
                     int (*run)(void *arg, struct db *db), void *arg)
{
    struct waiter waiter = {
        .work = {.mode = mode, .deadline_ns = deadline_ns, .run = waiter_run, .done = waiter_done},
        .run = run,
        .arg = arg,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .finished = PTHREAD_COND_INITIALIZER,
    };
    int rc = store_submit(store, &waiter.work);
    if (rc == 0) {
        pthread_mutex_lock(&waiter.lock);
        while (!waiter.done)
            pthread_cond_wait(&waiter.finished, &waiter.lock);
        pthread_mutex_unlock(&waiter.lock);
        rc = waiter.result;
    }
    pthread_cond_destroy(&waiter.finished);
    pthread_mutex_destroy(&waiter.lock);
    return rc;
}

int store_run(struct store *store, enum store_mode mode, int (*run)(void *arg, struct db *db), void *arg)
{
    return run_until(store, mode, 0, run, arg);
}

int store_run_within(struct store *store, enum store_mode mode, int timeout_ms, int (*run)(void *arg, struct db *db),
                     void *arg)
{
    uint64_t wait_ns = (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000000u;
    return run_until(store, mode, clock_monotonic_ns() + wait_ns, run, arg);
}

bool store_reaches_all(const struct store *store)
{
    return !store->one_organisation;
}

/* ---- the pool ---- */

static uint64_t age(uint64_t now, uint64_t since_ns)
{
    return since_ns && since_ns < now ? now - since_ns : 0;
}

static uint64_t older(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* Needs the lock. A writer without a transaction waits for another process's lock, so its work counts as waiting. */
static void look_at_oldest(const struct store *store, struct metrics_pool *out)
{
    uint64_t now = clock_monotonic_ns();
    out->waiting_ns = out->running_ns = 0;
    for (int mode = 0; mode < 2; mode++)
        if (store->waiting[mode].first)
            out->waiting_ns = older(out->waiting_ns, age(now, store->waiting[mode].first->submitted_ns));
    for (unsigned i = 0; i < store->readers; i++)
        out->running_ns = older(out->running_ns, age(now, store->reader[i].busy_since_ns));
    if (store->write_since_ns)
        out->running_ns = older(out->running_ns, age(now, store->write_since_ns));
    else if (store->writer.busy_since_ns)
        out->waiting_ns = older(out->waiting_ns, age(now, store->writer.submitted_ns));
}

void store_pool_stats(struct store *store, struct metrics_pool *out)
{
    pthread_mutex_lock(&store->lock);
    out->max = store_connections(store);
    out->active = store->active;
    out->idle = out->max - out->active;
    out->pending = store->waiting[0].n + store->waiting[1].n;
    look_at_oldest(store, out);
    pthread_mutex_unlock(&store->lock);
}
