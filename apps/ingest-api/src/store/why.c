/* SPDX-License-Identifier: Apache-2.0 */
#include "store/why.h"

#include "base/backends.h"
#include "base/clock.h"
#include "base/disk.h"
#include "base/settings.h"
#include "db/postgres_blocked.h"
#include "db/sqlite_file.h"
#include "db/sqlite_lock.h"
#include "store/pool.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#define MS 1000000u

/* A copy of the store's state, made under its lock. Times are ages in ms; 0: not the case. */
struct stand {
    int64_t write_ms, read_ms;        /* how long the oldest work has waited */
    int64_t begin_ms, transaction_ms; /* the writer is trying to begin; has a transaction */
    int64_t busy_ms;                  /* how long the oldest work has run */
    int64_t full_ms, away_ms;
    unsigned waiting, connections, away;
    char away_text[sizeof(((struct store *)0)->away)];
};

static int64_t age_ms(uint64_t now, uint64_t since_ns)
{
    return since_ns && since_ns < now ? (int64_t)((now - since_ns) / MS) : 0;
}

static int64_t oldest_ms(uint64_t now, const struct work_list *list)
{
    return list->first ? age_ms(now, list->first->submitted_ns) : 0;
}

static void look_at_thread(struct stand *stand, const struct store_thread *thread, uint64_t now)
{
    int64_t busy = age_ms(now, thread->busy_since_ns), away = age_ms(now, thread->away_since_ns);
    stand->busy_ms = busy > stand->busy_ms ? busy : stand->busy_ms;
    stand->away_ms = away > stand->away_ms ? away : stand->away_ms;
    stand->away += thread->away_since_ns != 0;
}

static void look(struct store *store, struct stand *stand)
{
    memset(stand, 0, sizeof(*stand));
    pthread_mutex_lock(&store->lock);
    uint64_t now = clock_monotonic_ns();
    stand->write_ms = oldest_ms(now, &store->waiting[STORE_MODE_WRITE]);
    stand->read_ms = oldest_ms(now, &store->waiting[STORE_MODE_READ]);
    stand->begin_ms = age_ms(now, store->begin_since_ns);
    stand->transaction_ms = age_ms(now, store->write_since_ns);
    stand->full_ms = age_ms(now, store->full_since_ns);
    stand->waiting = store->waiting[0].n + store->waiting[1].n;
    stand->connections = store_connections(store);
    for (unsigned i = 0; i < store->readers; i++)
        look_at_thread(stand, &store->reader[i], now);
    snprintf(stand->away_text, sizeof(stand->away_text), "%s", store->away);
    pthread_mutex_unlock(&store->lock);
}

/* ---- SQLite ---- */

static void add_holder(struct causes *causes, const char *path, int pid, const char *name, int64_t since_ms)
{
    struct cause *cause = causes_add(causes, "store", "locked", "writes have waited", since_ms);
    snprintf(cause->path, sizeof(cause->path), "%.255s", path);
    if (pid <= 0) {
        cause_because(cause, "another process has SQLite's write lock",
                      "another process has the write lock of SQLite; this process cannot see it (%s)",
                      pid == -1 ? "it runs in another container" : "try again as root: ingest-api why");
        return;
    }
    cause->pid = pid;
    snprintf(cause->process, sizeof(cause->process), "%s", name);
    cause_because(cause, "another process has SQLite's write lock", "SQLite is locked by process %d%s%s%s", pid,
                  *name ? " (" : "", name, *name ? ")" : "");
}

static void sqlite_why(const struct stand *stand, const char *path, struct causes *causes)
{
    int64_t now = clock_wall_ms();
    char name[SQLITE_LOCK_NAME];
    if (stand->begin_ms >= CAUSE_WAIT_MS) {
        int pid = sqlite_lock_holder(path, name);
        if (pid != 0) /* 0: the lock has just been released */
            add_holder(causes, path, pid, name, now - stand->begin_ms);
    } else if (stand->write_ms >= CAUSE_WAIT_MS && stand->transaction_ms >= CAUSE_WAIT_MS) {
        struct cause *cause = causes_add(causes, "store", "busy", "writes have waited", now - stand->write_ms);
        cause->count = stand->waiting;
        cause_because(cause, "a long transaction of this process occupies the writer",
                      "one transaction of this process has run for %.1f s; a large import does that",
                      (double)stand->transaction_ms / 1000);
    }
}

/* ---- PostgreSQL ---- */

#ifdef INGEST_POSTGRES
static void add_away(struct causes *causes, const struct postgres_blocked *server, const char *error, int64_t since_ms)
{
    struct cause *cause = causes_add(causes, "store", "away", "queries have waited", since_ms);
    snprintf(cause->host, sizeof(cause->host), "%s", server->host);
    cause_because(cause, "PostgreSQL does not answer", "PostgreSQL (%s) does not answer: %s", server->host, error);
}

static void add_session(struct causes *causes, const struct postgres_blocked *by)
{
    struct cause *cause = causes_add(causes, "store", "locked", "queries have waited", by->since_ms);
    cause->pid = by->pid;
    cause->count = by->waiting;
    snprintf(cause->process, sizeof(cause->process), "%.31s", by->application);
    snprintf(cause->host, sizeof(cause->host), "%s", by->host);
    cause_because(cause, "another PostgreSQL session has a lock",
                  "session %d%s%s%s of PostgreSQL (%s) has a lock that they need%s%s", by->pid,
                  *by->application ? " (" : "", by->application, *by->application ? ")" : "", by->host,
                  *by->state ? ", and is " : "", by->state);
}

static void postgres_why(const struct stand *stand, const char *url, struct causes *causes)
{
    struct postgres_blocked server;
    char error[256] = "";
    bool waits = stand->away_ms >= CAUSE_WAIT_MS || stand->busy_ms >= CAUSE_WAIT_MS ||
                 stand->read_ms >= CAUSE_WAIT_MS || stand->write_ms >= CAUSE_WAIT_MS;
    if (!waits)
        return;
    int rc = postgres_blocked(url, &server, error, sizeof(error));
    if (rc < 0)
        add_away(causes, &server, error, clock_wall_ms() - (stand->away_ms ? stand->away_ms : stand->busy_ms));
    else if (rc > 0 && clock_wall_ms() - server.since_ms >= CAUSE_WAIT_MS)
        add_session(causes, &server);
    else if (stand->away == stand->connections &&
             stand->away_ms >= CAUSE_WAIT_MS) /* our separate connection works, those of the store do not */
        add_away(causes, &server, stand->away_text, clock_wall_ms() - stand->away_ms);
}
#endif

/* ---- SQLite and PostgreSQL ---- */

static void add_full(struct causes *causes, const struct stand *stand, const char *path)
{
    struct cause *cause =
        causes_add(causes, "disk", "full", "writes have failed for", clock_wall_ms() - stand->full_ms);
    char folder[SQLITE_FILE_PATH];
    struct disk_room room;
    snprintf(folder, sizeof(folder), "%s", path);
    char *slash = strrchr(folder, '/');
    if (slash && slash > folder)
        *slash = 0;
    if (!*path) {
        cause_because(cause, "the disk is full", "the disk of PostgreSQL is full");
        return;
    }
    snprintf(cause->path, sizeof(cause->path), "%.255s", folder);
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY)
        cause_because(cause, "the disk is full", "no file of this process may grow beyond %.1f MB (ulimit -f), in %s",
                      (double)limit.rlim_cur / 1e6, folder);
    else if (disk_room(folder, &room))
        cause_because(cause, "the disk is full", "no space at %s: %.1f MB of %.1f MB are free", folder, room.free / 1e6,
                      room.size / 1e6);
    else
        cause_because(cause, "the disk is full", "no space at %s", folder);
}

static void add_busy(struct causes *causes, const struct stand *stand, int64_t waited)
{
    struct cause *cause = causes_add(causes, "store", "busy", "queries have waited", clock_wall_ms() - waited);
    cause->count = stand->waiting;
    cause_because(cause, "all connections to the database are in use",
                  "all %u connections to the database are in use, the longest for %.1f s (STORE_THREADS)",
                  stand->connections, (double)stand->busy_ms / 1000);
}

void store_why(struct store *store, const struct settings *settings, struct causes *causes)
{
    char path[SQLITE_FILE_PATH] = "";
    struct stand stand;
    unsigned before = causes->n;
    look(store, &stand);
    if (stand.full_ms > 0)
        add_full(causes, &stand, store_file(settings, path, sizeof(path)) ? path : "");
    if (store_file(settings, path, sizeof(path)))
        sqlite_why(&stand, path, causes);
#ifdef INGEST_POSTGRES
    else
        postgres_why(&stand, settings->store_url, causes);
#endif
    int64_t waited = store->many_writers && stand.write_ms > stand.read_ms ? stand.write_ms : stand.read_ms;
    if (causes->n == before && waited >= CAUSE_WAIT_MS)
        add_busy(causes, &stand, waited);
}

void store_why_outside(const struct settings *settings, struct causes *causes)
{
    char path[SQLITE_FILE_PATH], name[SQLITE_LOCK_NAME];
    if (store_file(settings, path, sizeof(path))) {
        int pid = sqlite_lock_holder(path, name);
        if (pid > 0)
            add_holder(causes, path, pid, name, 0);
        return;
    }
#ifdef INGEST_POSTGRES
    struct postgres_blocked server;
    char error[256] = "";
    int rc = postgres_blocked(settings->store_url, &server, error, sizeof(error));
    if (rc < 0)
        add_away(causes, &server, error, 0);
    else if (rc > 0)
        add_session(causes, &server);
#endif
}
