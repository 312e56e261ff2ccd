/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads of the store: readers, the writer with its group commit, and the timer that ends waits.
 *
 * A work is in exactly one place: in a waiting list, or with the thread that took it. The thread calls done() once,
 * outside the lock, and never touches the work afterwards, because its owner may free it.
 */
#include "store/pool.h"

#include "base/clock.h"
#include "base/log.h"

#include <stdio.h>
#include <sys/prctl.h>

/* A batch ends when nothing waits, when it is full, or when it is store->batch_ns old. */
#define BATCH_MAX 256

void work_list_init(struct work_list *list)
{
    list->first = NULL;
    list->last = &list->first;
    list->n = 0;
}

void work_list_push(struct work_list *list, struct store_work *work)
{
    work->next = NULL;
    *list->last = work;
    list->last = &work->next;
    list->n++;
}

void work_list_push_front(struct work_list *list, struct store_work *work)
{
    work->next = list->first;
    if (!list->first)
        list->last = &work->next;
    list->first = work;
    list->n++;
}

struct store_work *work_list_pop(struct work_list *list)
{
    struct store_work *work = list->first;
    if (!work)
        return NULL;
    list->first = work->next;
    if (!list->first)
        list->last = &list->first;
    list->n--;
    return work;
}

unsigned store_connections(const struct store *store)
{
    return store->readers + !store->many_writers;
}

/* ---- taking work ---- */

/* Needs the lock. Take the next work whose deadline has not passed; move late ones to `expired`. */
static struct store_work *take_locked(struct store *store, enum store_mode mode, struct work_list *expired)
{
    uint64_t now = clock_monotonic_ns();
    struct store_work *work;
    while ((work = work_list_pop(&store->waiting[mode])) && work->deadline_ns < now)
        work_list_push(expired, work);
    return work;
}

/* Needs the lock. The same for an idle thread, which becomes active. */
static struct store_work *begin_locked(struct store_thread *self, enum store_mode mode, struct work_list *expired)
{
    struct store *store = self->store;
    struct store_work *work = take_locked(store, mode, expired);
    if (work) {
        store->active++;
        self->busy_since_ns = clock_monotonic_ns();
        self->submitted_ns = work->submitted_ns;
        if (self == &store->writer && store->begin_since_ns == 0)
            store->begin_since_ns = self->busy_since_ns;
        metrics_pool_waited(self->busy_since_ns - work->waiting_ns);
    }
    return work;
}

/* work_list_pop() reads `next` before done(): after it the work belongs to its owner again and may be freed. */
static void finish_all(struct work_list *list, int result)
{
    struct store_work *work;
    while ((work = work_list_pop(list)))
        work->done(work, result);
}

static void expire_all(struct work_list *list)
{
    uint64_t now = list->first ? clock_monotonic_ns() : 0;
    for (struct store_work *work = list->first; work; work = work->next)
        metrics_pool_gave_up(now - work->waiting_ns);
    finish_all(list, DB_E_BUSY);
}

/* Wait for work and become active. @return NULL: the store stops and no work is left. */
static struct store_work *take(struct store_thread *self, enum store_mode mode, pthread_cond_t *ready)
{
    struct store *store = self->store;
    struct store_work *work = NULL;
    while (!work) {
        struct work_list expired;
        work_list_init(&expired);
        pthread_mutex_lock(&store->lock);
        while (store->waiting[mode].n == 0 && !store->stopping)
            pthread_cond_wait(ready, &store->lock);
        bool end = store->waiting[mode].n == 0;
        work = begin_locked(self, mode, &expired);
        pthread_mutex_unlock(&store->lock);
        expire_all(&expired);
        if (end)
            break;
    }
    return work;
}

/* The thread has done its work and becomes idle. @param result of the work */
static void release(struct store_thread *self, enum store_mode mode, int result)
{
    struct store *store = self->store;
    pthread_mutex_lock(&store->lock);
    store->active--;
    if (mode == STORE_MODE_WRITE) {
        store->write_since_ns = 0;
        if (result == DB_OK)
            store->full_since_ns = 0;
        else if (result == DB_E_FULL && store->full_since_ns == 0)
            store->full_since_ns = self->busy_since_ns;
    }
    self->busy_since_ns = 0;
    pthread_mutex_unlock(&store->lock);
}

/* ---- readers ---- */

static int run_read(struct store_work *work, struct db *db)
{
    int rc = db_begin(db, false);
    if (rc != DB_OK)
        return rc;
    rc = work->run(work, db);
    /* nothing was written, so how the transaction ends matters only for the metrics */
    if (rc != 0 || db_commit(db) != DB_OK)
        db_rollback(db);
    return rc;
}

void *store_reader_main(void *arg)
{
    struct store_thread *self = arg;
    struct store_work *work;
    prctl(PR_SET_NAME, "store-read");
    while ((work = take(self, STORE_MODE_READ, &self->store->read_ready))) {
        int rc = run_read(work, self->db);
        release(self, STORE_MODE_READ, rc);
        work->done(work, rc);
    }
    return NULL;
}

/* ---- the writer ---- */

/* The works of one transaction, with their results. */
struct batch {
    struct store_work *work[BATCH_MAX];
    int result[BATCH_MAX];
    unsigned n;
};

static void batch_add(struct batch *batch, struct store_work *work, int result)
{
    batch->work[batch->n] = work;
    batch->result[batch->n++] = result;
}

/*
 * The database has rolled back by itself (disk full, I/O error), so the earlier works of the batch are lost too.
 * @return the error
 */
static int lost(struct db *db)
{
    int code = db_error_code(db);
    return code < 0 ? code : DB_E_OTHER;
}

/*
 * Run a work after the first of a batch, in its own savepoint, so that its failure does not affect the others.
 * @return DB_OK, or the error that ended the whole transaction.
 */
static int run_in_savepoint(struct batch *batch, struct store_work *work, struct db *db)
{
    int rc = db_savepoint(db);
    if (rc == DB_OK) {
        int result = work->run(work, db);
        if (!db->driver->in_transaction(db))
            rc = lost(db);
        else
            rc = result == 0 ? db_savepoint_release(db) : db_savepoint_rollback(db);
        batch_add(batch, work, result);
    } else {
        batch_add(batch, work, rc);
    }
    return rc;
}

/* Add waiting works to the batch until it is full or old. */
static int run_more(struct store *store, struct batch *batch, struct db *db, uint64_t start_ns)
{
    int rc = DB_OK;
    while (rc == DB_OK && batch->n < BATCH_MAX && clock_monotonic_ns() - start_ns < store->batch_ns) {
        struct work_list expired;
        work_list_init(&expired);
        pthread_mutex_lock(&store->lock);
        struct store_work *work = take_locked(store, STORE_MODE_WRITE, &expired);
        if (work)
            metrics_pool_waited(clock_monotonic_ns() - work->waiting_ns);
        pthread_mutex_unlock(&store->lock);
        expire_all(&expired);
        if (!work)
            break;
        rc = run_in_savepoint(batch, work, db);
    }
    return rc;
}

/* Run a batch. Its first work needs no savepoint: if it fails, nothing else is rolled back. */
static void run_batch(struct store *store, struct batch *batch, struct store_work *first, struct db *db)
{
    uint64_t start_ns = clock_monotonic_ns();
    batch->n = 0;
    int rc = db_begin(db, true);
    if (rc != DB_OK) {
        batch_add(batch, first, rc);
        return;
    }
    /* set only now: a writer that still waits for another process's lock does not work, see store_check() */
    pthread_mutex_lock(&store->lock);
    store->write_since_ns = clock_monotonic_ns();
    store->begin_since_ns = 0;
    pthread_mutex_unlock(&store->lock);
    int result = first->run(first, db);
    if (result == 0 && !db->driver->in_transaction(db))
        result = lost(db);
    batch_add(batch, first, result);
    if (result != 0) {
        db_rollback(db);
        return;
    }
    rc = run_more(store, batch, db, start_ns);
    if (rc == DB_OK)
        rc = db_commit(db);
    if (rc == DB_OK)
        return;
    /*
     * The commit failed. A work that failed by itself may have done so because of another work's rows, so all works get
     * the commit's error, and their callers may try again.
     */
    db_rollback(db);
    for (unsigned i = 0; i < batch->n; i++)
        batch->result[i] = rc;
    log_error("write transaction failed", "s:component", "store", "s:error", db_error_name(rc), "i:works",
              (int64_t)batch->n);
}

void *store_writer_main(void *arg)
{
    struct store_thread *self = arg;
    struct store *store = self->store;
    struct store_work *work;
    struct batch batch;
    prctl(PR_SET_NAME, "store-write");
    while ((work = take(self, STORE_MODE_WRITE, &store->write_ready))) {
        run_batch(store, &batch, work, self->db);
        for (unsigned i = 0; i < batch.n; i++)
            batch.work[i]->done(batch.work[i], batch.result[i]);
        if (self->db->driver->idle)
            self->db->driver->idle(self->db);
        release(self, STORE_MODE_WRITE, batch.result[0]);
    }
    return NULL;
}

/* ---- many writers ---- */

/* Needs the lock. @return the queue whose first work has waited longest. */
static enum store_mode older(const struct store *store)
{
    const struct store_work *read = store->waiting[STORE_MODE_READ].first;
    const struct store_work *write = store->waiting[STORE_MODE_WRITE].first;
    if (!read)
        return STORE_MODE_WRITE;
    return !write || read->submitted_ns <= write->submitted_ns ? STORE_MODE_READ : STORE_MODE_WRITE;
}

static struct store_work *take_either(struct store_thread *self)
{
    struct store *store = self->store;
    struct store_work *work = NULL;
    for (bool end = false; !work && !end;) {
        struct work_list expired;
        work_list_init(&expired);
        pthread_mutex_lock(&store->lock);
        while (store->waiting[0].n + store->waiting[1].n == 0 && !store->stopping)
            pthread_cond_wait(&store->read_ready, &store->lock);
        end = store->waiting[0].n + store->waiting[1].n == 0;
        work = begin_locked(self, older(store), &expired);
        pthread_mutex_unlock(&store->lock);
        expire_all(&expired);
    }
    return work;
}

/* The connection was lost before anything was sent: put the work back to the front, for a thread with a connection. */
static void give_back(struct store *store, struct store_work *work)
{
    pthread_mutex_lock(&store->lock);
    work->waiting_ns = clock_monotonic_ns();
    work_list_push_front(&store->waiting[work->mode], work);
    if (work->deadline_ns < store->next_deadline_ns) {
        store->next_deadline_ns = work->deadline_ns;
        pthread_cond_signal(&store->deadline_changed);
    }
    pthread_cond_signal(&store->read_ready);
    pthread_mutex_unlock(&store->lock);
}

/* @return whether the work was run; then *result is its result. */
static bool run_alone(struct store_work *work, struct db *db, int *result)
{
    int rc = db_begin(db, work->mode == STORE_MODE_WRITE);
    if (rc == DB_E_CONNECTION)
        return false;
    if (rc == DB_OK) {
        rc = work->run(work, db);
        if (rc == 0 && !db->driver->in_transaction(db))
            rc = lost(db);
        if (rc == 0)
            rc = db_commit(db);
        if (rc != 0)
            db_rollback(db);
    }
    *result = rc;
    return true;
}

/* Record that the thread has no connection; error NULL: it has one again. @return whether the store stops. */
static bool note_away(struct store_thread *self, const char *error)
{
    struct store *store = self->store;
    pthread_mutex_lock(&store->lock);
    if (!error)
        self->away_since_ns = 0;
    else if (self->away_since_ns == 0)
        self->away_since_ns = clock_monotonic_ns();
    if (error)
        (void)snprintf(store->away, sizeof(store->away), "%s", error);
    bool stopping = store->stopping;
    pthread_mutex_unlock(&store->lock);
    return stopping;
}

/* Reconnect until it succeeds, with growing pauses. @return false: the store stops. */
static bool stay_connected(struct store_thread *self)
{
    struct db *db = self->db;
    uint64_t pause_ns = 50000000u;
    bool stopping = false;
    while (!stopping && db->driver->ready(db) != DB_OK) {
        struct timespec t = {.tv_nsec = (long)pause_ns};
        if (pause_ns == 50000000u)
            log_warn("no connection to the database", "s:component", "store", "s:error", db_error_text(db));
        nanosleep(&t, NULL);
        pause_ns = pause_ns < 400000000u ? pause_ns * 2 : 800000000u;
        stopping = note_away(self, db_error_text(db));
    }
    if (!stopping)
        (void)note_away(self, NULL);
    return !stopping;
}

void *store_either_main(void *arg)
{
    struct store_thread *self = arg;
    struct store *store = self->store;
    struct store_work *work;
    prctl(PR_SET_NAME, "store");
    bool connected = stay_connected(self);
    while ((work = take_either(self))) {
        int result = DB_E_CONNECTION;
        bool run = run_alone(work, self->db, &result);
        release(self, work->mode, result);
        if (!run && connected) { /* not connected: the store stops, so the work fails */
            give_back(store, work);
            connected = stay_connected(self);
        } else {
            work->done(work, result);
        }
    }
    return NULL;
}

/* ---- deadlines ---- */

/* Needs the lock. Move late works to `expired`. @return the earliest deadline of the others. */
static uint64_t sweep(struct work_list *list, uint64_t now, struct work_list *expired)
{
    struct work_list keep;
    struct store_work *work;
    uint64_t next = UINT64_MAX;
    work_list_init(&keep);
    while ((work = work_list_pop(list))) {
        if (work->deadline_ns < now) {
            work_list_push(expired, work);
            continue;
        }
        if (work->deadline_ns < next)
            next = work->deadline_ns;
        work_list_push(&keep, work);
    }
    *list = keep;
    if (!keep.first)
        list->last = &list->first;
    return next;
}

static void wait_until(struct store *store, uint64_t deadline_ns)
{
    if (deadline_ns == UINT64_MAX) {
        pthread_cond_wait(&store->deadline_changed, &store->lock);
        return;
    }
    deadline_ns += 1000000; /* a work is late after its deadline, not at it */
    (void)clock_cond_wait(&store->deadline_changed, &store->lock, deadline_ns);
}

/* Ends works whose deadline passes while all threads are busy and could not do it. */
void *store_timer_main(void *arg)
{
    struct store *store = arg;
    prctl(PR_SET_NAME, "store-timer");
    pthread_mutex_lock(&store->lock);
    while (!store->stopping) {
        uint64_t now = clock_monotonic_ns();
        if (now <= store->next_deadline_ns) {
            wait_until(store, store->next_deadline_ns);
            continue;
        }
        struct work_list expired;
        work_list_init(&expired);
        uint64_t reads = sweep(&store->waiting[STORE_MODE_READ], now, &expired);
        uint64_t writes = sweep(&store->waiting[STORE_MODE_WRITE], now, &expired);
        store->next_deadline_ns = reads < writes ? reads : writes;
        pthread_mutex_unlock(&store->lock);
        expire_all(&expired);
        pthread_mutex_lock(&store->lock);
    }
    pthread_mutex_unlock(&store->lock);
    return NULL;
}
