/* SPDX-License-Identifier: Apache-2.0 */
/* The threads of the store: readers, the one writer with its group commit, and the timer that ends waits. */
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

/* With the lock held: the next work whose deadline has not passed; late ones go to `expired`. */
static struct store_work *take_locked(struct store *store, enum store_mode mode, struct work_list *expired)
{
    uint64_t now = clock_monotonic_ns();
    struct store_work *work;
    while ((work = work_list_pop(&store->waiting[mode])) && work->deadline_ns < now)
        work_list_push(expired, work);
    return work;
}

/* With the lock held: the same for a thread that was idle; it becomes active. */
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

/* `next` is read first: after done() the work belongs to its owner again and may be freed. */
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

/* Wait for work and become active. NULL: the store stops and nothing is left. */
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

/* @param result of the work, which the thread has done */
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
    /* Nothing was written: how the transaction ends matters only to the metrics. */
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

/* The database may have rolled the transaction back by itself (disk full, I/O error): earlier works are lost too. */
static int lost(struct db *db)
{
    int code = db_error_code(db);
    return code < 0 ? code : DB_E_OTHER;
}

/*
 * A work after the first of a batch: in its own savepoint, so that its failure does not affect others.
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

/* More works join while they are waiting and the batch is young. */
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

/* The first work needs no savepoint: if it fails, everything rolled back is its own. */
static void run_batch(struct store *store, struct batch *batch, struct store_work *first, struct db *db)
{
    uint64_t start_ns = clock_monotonic_ns();
    batch->n = 0;
    int rc = db_begin(db, true);
    if (rc != DB_OK) {
        batch_add(batch, first, rc);
        return;
    }
    /* Only now: a writer that waits for another process's lock is not working, see store_check(). */
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
     * Not committed: a work that failed by itself may have done so because of another's rows, so all get the
     * database's error and may be tried again.
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

/* With the lock held: the queue whose first work arrived first. */
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

/* The connection was lost before anything was sent: the work goes back to the front, for a thread with a connection. */
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

/* @return whether it was run; *result is its result then. */
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

/* @return whether the store stops. */
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

/* Reconnect repeatedly, with growing pauses. false: the store stops meanwhile. */
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
        if (!run && connected) {
            give_back(store, work);
            connected = stay_connected(self);
        } else {
            work->done(work, result);
        }
    }
    return NULL;
}

/* ---- deadlines ---- */

/* With the lock held: move late works to `expired`. @return the earliest deadline that remains. */
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

/* Answers works whose deadline passes while every thread is busy: no thread would see them in time. */
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
