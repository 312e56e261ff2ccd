/* SPDX-License-Identifier: Apache-2.0 */
/* Checks of the store: store_check() for /health, and store_look_through() of the whole database at the start. */
#include "store/check.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/settings.h"
#include "db/sqlite_file.h"
#include "store/pool.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

/* A write transaction up to this age counts as a long import, and an older one as a writer that hangs. */
#define WRITER_PATIENCE_NS 60000000000u
#define CHECK_VALID_NS 1000000000u

/* ---- store_check() ---- */

/*
 * Search each table that requests read for a row that does not exist, in one statement, so in one round trip. It fails
 * if a table is missing or unreadable, or if a page on the way is damaged.
 */
#define NOBODY_IN(table) ", EXISTS (SELECT 1 FROM " table " WHERE organisation_id = $1)"
static const char read_tables[] =
    "SELECT EXISTS (SELECT 1 FROM tracking.schema_migrations),"
    " EXISTS (SELECT 1 FROM iam.organisations WHERE id = $1)" NOBODY_IN("iam.api_keys") NOBODY_IN("crm.prospects")
        NOBODY_IN("crm.imports") NOBODY_IN("crm.import_slices") NOBODY_IN("outreach.campaigns")
            NOBODY_IN("outreach.drafts") NOBODY_IN("outreach.emails") NOBODY_IN("outreach.suppressions")
                NOBODY_IN("outreach.mail_rates") NOBODY_IN("tracking.usage")
                    NOBODY_IN("tracking.idempotency") ", EXISTS (SELECT 1 FROM tracking.jobs WHERE id = $1)"
                                                      ", EXISTS (SELECT 1 FROM tracking.queues WHERE queue = '')"
                                                      ", EXISTS (SELECT 1 FROM iam.secrets WHERE name = '')";

static int check_read(void *arg, struct db *db)
{
    (void)arg;
    struct db_stmt *stmt = db_prepare(db, read_tables);
    db_bind_uuid(stmt, 1, "00000000-0000-0000-0000-000000000000");
    int rc = db_step(stmt);
    db_done(stmt);
    return rc < 0 ? rc : DB_OK;
}

/* A real write, because only that detects a full or read-only disk. */
static int check_write(void *arg, struct db *db)
{
    (void)arg;
    return db_exec(db,
                   "INSERT INTO tracking.health (id, checked_at) VALUES (1, $1)"
                   " ON CONFLICT (id) DO UPDATE SET checked_at = excluded.checked_at",
                   "i", clock_wall_ms());
}

/* Is the writer in a transaction that is not too old? Then it is busy and not broken. */
static bool writer_works(struct store *store)
{
    pthread_mutex_lock(&store->lock);
    uint64_t since = store->write_since_ns;
    pthread_mutex_unlock(&store->lock);
    return since != 0 && clock_monotonic_ns() - since < WRITER_PATIENCE_NS;
}

static bool met_damage(const struct store_thread *thread)
{
    return thread->db && atomic_load_explicit(&thread->db->damaged, memory_order_relaxed);
}

/* Has any connection found damage? That counts for all, because it is chance which request meets it. Logged once. */
static bool is_damaged(struct store *store)
{
    bool met = met_damage(&store->writer) || met_damage(&store->looker);
    for (unsigned i = 0; !met && i < store->readers; i++)
        met = met_damage(&store->reader[i]);
    if (met && !store->damage_said) {
        store->damage_said = true;
        log_error(sqlite_file_damaged, "s:component", "store");
    }
    return met;
}

static int probe_run(struct store_work *work, struct db *db)
{
    struct store_probe *probe = (struct store_probe *)work;
    return probe->run(NULL, db);
}

static void probe_done(struct store_work *work, int result)
{
    struct store_probe *probe = (struct store_probe *)work;
    struct store *store = probe->store;
    pthread_mutex_lock(&store->probe_lock);
    probe->pending = false;
    probe->result = result;
    pthread_cond_signal(&store->probe_done);
    pthread_mutex_unlock(&store->probe_lock);
}

/*
 * Run a check as a work of the store. If it waits for a lock it cannot be cancelled: the caller gets DB_E_BUSY after
 * its time-out, and the next caller waits for the same work. Needs the check_lock.
 */
static int probe(struct store *store, enum store_mode mode, int timeout_ms, int (*run)(void *arg, struct db *db))
{
    struct store_probe *probe = &store->probe[mode];
    uint64_t until = clock_monotonic_ns() + (uint64_t)timeout_ms * 1000000u;
    pthread_mutex_lock(&store->probe_lock);
    bool pending = probe->pending;
    pthread_mutex_unlock(&store->probe_lock);
    if (!pending) {
        *probe = (struct store_probe){
            .work = {.mode = mode, .deadline_ns = until, .run = probe_run, .done = probe_done},
            .store = store,
            .run = run,
            .pending = true,
        };
        int rc = store_submit(store, &probe->work);
        if (rc != 0) {
            probe->pending = false;
            return rc;
        }
    }
    pthread_mutex_lock(&store->probe_lock);
    /*
     * A work that has not begun in time ends a moment after its deadline, so wait a little longer. Read the clock again
     * after each wait, because libfaketime, for example, may end it early.
     */
    while (probe->pending && clock_monotonic_ns() < until + 100000000u)
        (void)clock_cond_wait(&store->probe_done, &store->probe_lock, until + 100000000u);
    int result = probe->pending ? DB_E_BUSY : probe->result;
    pthread_mutex_unlock(&store->probe_lock);
    return result;
}

static int check(struct store *store, int timeout_ms)
{
    int rc = probe(store, STORE_MODE_READ, timeout_ms, check_read);
    if (rc != DB_OK)
        return rc;
    rc = probe(store, STORE_MODE_WRITE, timeout_ms, check_write);
    return rc == DB_E_BUSY && writer_works(store) ? DB_OK : rc;
}

int store_check(struct store *store, int timeout_ms)
{
    pthread_mutex_lock(&store->check_lock);
    uint64_t now = clock_monotonic_ns();
    if (store->checked_ns == 0 || now - store->checked_ns > CHECK_VALID_NS) {
        int rc = check(store, timeout_ms);
        store->check_result = is_damaged(store) ? DB_E_DAMAGED : rc;
        store->checked_ns = clock_monotonic_ns();
    }
    int rc = store->check_result;
    pthread_mutex_unlock(&store->check_lock);
    return rc;
}

/* ---- store_look_through() ---- */

static void *look_through_main(void *arg)
{
    struct store_thread *self = arg;
    char found[256];
    const struct sched_param none = {0};
    prctl(PR_SET_NAME, "store-look");
    (void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
    uint64_t start = clock_monotonic_ns();
    int rc = self->db->driver->look_through(self->db, found, sizeof(found));
    if (rc == DB_E_DAMAGED)
        log_error(sqlite_file_damaged, "s:component", "store", "s:found", found);
    else if (rc == DB_OK)
        log_debug("the database was checked: it is intact", "s:component", "store", "u:ms",
                  (clock_monotonic_ns() - start) / 1000000u);
    atomic_store(&self->store->looked, true);
    return NULL;
}

void store_look_through(struct store *store, const struct settings *settings)
{
    struct store_thread *self = &store->looker;
    char path[SQLITE_FILE_PATH], error[1024];
    struct db_sqlite_options options = {.path = path, .read_only = true, .busy_timeout_ms = store->timeout_ms};
    if (!store_file(settings, path, sizeof(path)))
        return;
    self->store = store;
    int rc = db_open_sqlite(&self->db, &options, error, sizeof(error));
    self->started = rc == DB_OK && pthread_create(&self->thread, NULL, look_through_main, self) == 0;
    if (!self->started)
        log_warn("the database is not checked", "s:component", "store", "s:error",
                 rc == DB_OK ? "a thread cannot be started" : error);
}

void store_look_through_end(struct store *store)
{
    struct store_thread *self = &store->looker;
    /* repeat it: an interrupt stops a running statement, but not one that is about to start */
    while (self->started && !atomic_load(&store->looked)) {
        self->db->driver->interrupt(self->db);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    if (self->started)
        pthread_join(self->thread, NULL);
    if (self->db)
        self->db->driver->close(self->db);
    self->db = NULL;
}
