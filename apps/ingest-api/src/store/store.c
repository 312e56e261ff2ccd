/* SPDX-License-Identifier: Apache-2.0 */
#include "store/store.h"

#include "base/backends.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "db/migrate.h"
#include "store/pool.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Works in a row that are found by a check to be one long import and not a writer that hangs. */
#define WRITER_PATIENCE_NS 60000000000u
#define CHECK_VALID_NS 1000000000u

/* --- opening and closing --- */

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

/* The writer first: it makes the file and the schema that the readers then find. */
static int open_sqlite(struct store *store, const char *path, char *error, size_t error_size)
{
    int rc = open_connection(store, &store->writer, path, false, error, error_size);
    if (rc == DB_OK)
        rc = db_migrate(store->writer.db, error, error_size);
    for (unsigned i = 0; rc == DB_OK && i < store->readers; i++)
        rc = open_connection(store, &store->reader[i], path, true, error, error_size);
    return rc;
}

#ifdef INGEST_POSTGRES
/* Waits for a server that is just starting, but no longer than a request would. */
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
    if (rc == DB_OK)
        db->driver->advise(db);
    return rc;
}
#endif

static int open_database(struct store *store, const struct settings *settings, char *error, size_t error_size)
{
    char path[512];
    const char *file;
    switch (backend_of_store(settings->store_url, &file)) {
    case STORE_IS_POSTGRES:
#ifdef INGEST_POSTGRES
        return open_postgres(store, settings->store_url, error, error_size);
#else
        snprintf(error, error_size, "this ingest-api was built without PostgreSQL (libpq-dev was not there)");
        return DB_E_INVALID;
#endif
    case STORE_IS_SQLITE:
        if (*file)
            return open_sqlite(store, file, error, error_size);
        snprintf(path, sizeof path, "%s/ingest.db", settings->data_dir);
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

static bool start_threads(struct store *store)
{
    store->pool = metrics_sql_pool(store_connections(store));
    for (unsigned i = 0; i < store_connections(store); i++)
        promc_sql_pool_opened(store->pool);
    store->timer_started = pthread_create(&store->timer, NULL, store_timer_main, store) == 0;
    bool ok = store->timer_started && (store->many_writers || start_thread(&store->writer, store_writer_main));
    for (unsigned i = 0; ok && i < store->readers; i++)
        ok = start_thread(&store->reader[i], store->many_writers ? store_either_main : store_reader_main);
    return ok;
}

static struct store *store_new(const struct settings *settings)
{
    struct store *store = calloc(1, sizeof *store);
    if (!store)
        return NULL;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->check_lock, NULL);
    pthread_cond_init(&store->read_ready, NULL);
    pthread_cond_init(&store->write_ready, NULL);
    clock_cond_init(&store->deadline_changed);
    work_list_init(&store->waiting[0]);
    work_list_init(&store->waiting[1]);
    store->next_deadline_ns = UINT64_MAX;
    store->max_waiting = settings->store_queue ? settings->store_queue : 1024;
    store->timeout_ms = settings->store_timeout_ms ? settings->store_timeout_ms : 5000;
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
    int rc = open_database(store, settings, error, sizeof error);
    if (rc == DB_OK && !start_threads(store)) {
        snprintf(error, sizeof error, "cannot start its threads");
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

    close_thread(&store->writer);
    for (unsigned i = 0; i < store->readers; i++)
        close_thread(&store->reader[i]);
    if (store->timer_started)
        pthread_join(store->timer, NULL);
    /* Readers first: the last to close copies the log into the database, and needs to be able to write. */
    for (unsigned i = 0; i < store->readers; i++)
        close_connection(&store->reader[i]);
    close_connection(&store->writer);
    for (unsigned i = 0; i < store_connections(store); i++)
        promc_sql_pool_closed(store->pool);
    promc_sql_pool_destroy(store->pool);

    pthread_cond_destroy(&store->read_ready);
    pthread_cond_destroy(&store->write_ready);
    pthread_cond_destroy(&store->deadline_changed);
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->check_lock);
    free(store);
}

/* --- work --- */

int store_submit(struct store *store, struct store_work *work)
{
    work->submitted_ns = clock_monotonic_ns();
    if (work->deadline_ns == 0)
        work->deadline_ns = work->submitted_ns + (uint64_t)store->timeout_ms * 1000000u;

    promc_sql_pool_wait(store->pool, &work->wait);
    pthread_mutex_lock(&store->lock);
    if (store->waiting[0].n + store->waiting[1].n >= store->max_waiting || store->stopping) {
        pthread_mutex_unlock(&store->lock);
        promc_sql_pool_gave_up(&work->wait);
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
    /* Signalled under the lock: the waiter is on a stack and gone as soon as it sees `done`. */
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

/* --- health --- */

static int check_read(void *arg, struct db *db)
{
    (void)arg;
    return db_exec(db, "SELECT version FROM tracking.schema_migrations LIMIT 1", "");
}

/* A real write: a full disk, or one that has become read-only, shows in nothing less. */
static int check_write(void *arg, struct db *db)
{
    (void)arg;
    return db_exec(db,
                   "INSERT INTO tracking.health (id, checked_at) VALUES (1, $1)"
                   " ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at",
                   "i", clock_wall_ms());
}

/* A writer in the middle of a long import is busy, not ill. */
static bool writer_works(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t since = store->write_since_ns;
    pthread_mutex_unlock(&store->lock);
    return since != 0 && clock_monotonic_ns() - since < WRITER_PATIENCE_NS;
}

int store_check(struct store *store, int timeout_ms)
{
    pthread_mutex_lock(&store->check_lock);
    uint64_t now = clock_monotonic_ns();
    if (store->checked_ns == 0 || now - store->checked_ns > CHECK_VALID_NS) {
        int rc = store_run_within(store, STORE_MODE_READ, timeout_ms, check_read, NULL);
        if (rc == DB_OK) {
            rc = store_run_within(store, STORE_MODE_WRITE, timeout_ms, check_write, NULL);
            if (rc == DB_E_BUSY && writer_works(store))
                rc = DB_OK;
        }
        store->check_result = rc;
        store->checked_ns = clock_monotonic_ns();
    }
    int rc = store->check_result;
    pthread_mutex_unlock(&store->check_lock);
    return rc;
}

void store_pool_stats(const struct store *store, struct store_pool_stats *out)
{
    struct store *self = (struct store *)store; /* only its lock changes */
    pthread_mutex_lock(&self->lock);
    out->max = store_connections(store);
    out->active = store->active;
    out->idle = out->max - out->active;
    out->pending = store->waiting[0].n + store->waiting[1].n;
    pthread_mutex_unlock(&self->lock);
}
