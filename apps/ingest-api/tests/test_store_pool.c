/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit, deadlines, the bounded queue, a full disk, health. */
#include "store_fixture.h"

#include "store/pool.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A work item for tests: it does what it is told and records the order of events. */
struct step {
    struct store_work work;
    const char *sql;
    int returns;
    sem_t *wait; /* run blocks until posted */
    sem_t begun, finished;
    int result, ran, order_run, order_done;
    atomic_uint *clock;
};

static int step_run(struct store_work *work, struct db *db)
{
    struct step *step = (struct step *)work;
    step->ran++;
    step->order_run = (int)atomic_fetch_add(step->clock, 1) + 1;
    sem_post(&step->begun);
    if (step->wait)
        sem_wait(step->wait);
    int rc = step->sql ? db_exec(db, step->sql, "") : DB_OK;
    return rc != DB_OK ? rc : step->returns;
}

static void step_done(struct store_work *work, int result)
{
    struct step *step = (struct step *)work;
    step->result = result;
    step->order_done = (int)atomic_fetch_add(step->clock, 1) + 1;
    sem_post(&step->finished);
}

static void step_init(struct step *step, enum store_mode mode, const char *sql, int returns, atomic_uint *clock)
{
    memset(step, 0, sizeof(*step));
    step->work = (struct store_work){.mode = mode, .run = step_run, .done = step_done};
    step->sql = sql;
    step->returns = returns;
    step->clock = clock;
    sem_init(&step->begun, 0, 0);
    sem_init(&step->finished, 0, 0);
}

static int step_wait(struct step *step)
{
    while (sem_wait(&step->finished) != 0)
        assert_int_equal(errno, EINTR);
    return step->result;
}

/* The result of a check is reused for a second. Forget it. */
static void forget_check(struct fixture *f)
{
    pthread_mutex_lock(&f->store->check_lock);
    f->store->checked_ns = 0;
    pthread_mutex_unlock(&f->store->check_lock);
}

/* Holds the writer until released, and then fails, so that waiting work starts a new transaction and does not join this one. */
#define HELD 1
static void hold(struct fixture *f, struct step *holder, sem_t *release, atomic_uint *clock)
{
    sem_init(release, 0, 0);
    step_init(holder, STORE_MODE_WRITE, NULL, HELD, clock);
    holder->wait = release;
    assert_int_equal(store_submit(f->store, &holder->work), 0);
    sem_wait(&holder->begun);
}

static void make_table(struct fixture *f)
{
    assert_int_equal(fixture_exec(f, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"), DB_OK);
}

/* ---- group commit ---- */

/* Five work items wait while the writer is held. Two of them fail. */
static void a_failing_work_rolls_back_alone(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[5];
    sem_t release;
    atomic_uint clock = 0;
    static const struct {
        const char *sql;
        int returns, expected;
    } plan[5] = {
        {"INSERT INTO t VALUES (1, 'kept')", 0, 0}, {"INSERT INTO t VALUES (2, 'withdrawn by its own')", 42, 42},
        {"INSERT INTO t VALUES (3, 'kept')", 0, 0}, {"INSERT INTO t VALUES (1, 'twice')", 0, DB_E_CONFLICT},
        {"INSERT INTO t VALUES (5, 'kept')", 0, 0},
    };
    make_table(f);
    f->store->batch_ns = UINT64_MAX; /* on any machine all fit in one batch */
    hold(f, &holder, &release, &clock);
    for (int i = 0; i < 5; i++) {
        step_init(&step[i], STORE_MODE_WRITE, plan[i].sql, plan[i].returns, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    }
    sem_post(&release);
    for (int i = 0; i < 5; i++)
        assert_int_equal(step_wait(&step[i]), plan[i].expected);
    assert_int_equal(step_wait(&holder), HELD);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), 3);
    assert_int_equal(fixture_count(f, "SELECT sum(id) FROM t"), 9);
    /* One commit for all: the first is finished only after the last has run. */
    assert_true(step[0].order_done > step[4].order_run);
}

static void an_old_batch_accepts_no_more_work(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[2];
    sem_t release;
    atomic_uint clock = 0;
    f->store->batch_ns = 0;
    hold(f, &holder, &release, &clock);
    for (int i = 0; i < 2; i++) {
        step_init(&step[i], STORE_MODE_WRITE, NULL, 0, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    }
    sem_post(&release);
    assert_int_equal(step_wait(&step[0]), 0);
    assert_int_equal(step_wait(&step[1]), 0);
    assert_int_equal(step_wait(&holder), HELD);
    assert_true(step[0].order_done < step[1].order_run);
}

static void a_failing_first_work_does_not_fail_others(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[2];
    sem_t release;
    atomic_uint clock = 0;
    make_table(f);
    hold(f, &holder, &release, &clock);
    step_init(&step[0], STORE_MODE_WRITE, "INSERT INTO t VALUES (1, 'x')", -77, &clock);
    step_init(&step[1], STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'x')", 0, &clock);
    assert_int_equal(store_submit(f->store, &step[0].work), 0);
    assert_int_equal(store_submit(f->store, &step[1].work), 0);
    sem_post(&release);
    assert_int_equal(step_wait(&step[0]), -77);
    assert_int_equal(step_wait(&step[1]), 0);
    assert_int_equal(fixture_count(f, "SELECT sum(id) FROM t"), 2);
}

#define WRITERS 8
#define EACH 50

static void *write_many(void *arg)
{
    struct fixture *f = arg;
    for (int i = 0; i < EACH; i++)
        if (fixture_exec(f, "INSERT INTO t (v) VALUES ('x')") != DB_OK)
            return arg;
    return NULL;
}

static void writers_at_once_lose_nothing(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[WRITERS];
    void *failed;
    make_table(f);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, write_many, f), 0);
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(thread[i], &failed);
        assert_null(failed);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), WRITERS * EACH);
}

static int read_then_write(void *arg, struct db *db)
{
    (void)arg;
    return db_exec(db, "INSERT INTO t VALUES (9, 'from a reader')", "");
}

static void readers_cannot_write(void **state)
{
    struct fixture *f = *state;
    make_table(f);
    assert_true(store_run(f->store, STORE_MODE_READ, read_then_write, NULL) < 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), 0);
}

/* ---- deadlines and bounds ---- */

static void a_work_past_its_deadline_is_refused_and_not_run(void **state)
{
    struct fixture *f = *state;
    struct step holder, late, patient;
    sem_t release;
    atomic_uint clock = 0;
    make_table(f);
    hold(f, &holder, &release, &clock);
    step_init(&patient, STORE_MODE_WRITE, "INSERT INTO t VALUES (1, 'x')", 0, &clock);
    step_init(&late, STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'x')", 0, &clock);
    late.work.deadline_ns = clock_monotonic_ns() + 30000000;
    assert_int_equal(store_submit(f->store, &patient.work), 0);
    assert_int_equal(store_submit(f->store, &late.work), 0);
    assert_int_equal(step_wait(&late), DB_E_BUSY); /* the writer is still held */
    assert_int_equal(holder.order_done, 0);
    sem_post(&release);
    assert_int_equal(step_wait(&patient), 0);
    assert_int_equal(late.ran, 0);
    assert_int_equal(step_wait(&holder), HELD);
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[5];
    sem_t release;
    atomic_uint clock = 0;
    fixture_close(f);
    f->settings.store_queue = 4;
    fixture_open(f);
    hold(f, &holder, &release, &clock);
    for (int i = 0; i < 5; i++) {
        step_init(&step[i], STORE_MODE_WRITE, NULL, 0, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), i < 4 ? 0 : DB_E_BUSY);
    }
    struct metrics_pool stats;
    store_pool_stats(f->store, &stats);
    assert_int_equal(stats.pending, 4);
    assert_int_equal(stats.active, 1);
    assert_int_equal(stats.max, 3); /* two readers and the writer */
    assert_int_equal(stats.idle, 2);
    sem_post(&release);
    for (int i = 0; i < 4; i++)
        assert_int_equal(step_wait(&step[i]), 0);
    assert_int_equal(step[4].ran, 0);
}

static void close_finishes_queued_work(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[3];
    sem_t release;
    atomic_uint clock = 0;
    make_table(f);
    hold(f, &holder, &release, &clock);
    static const char *const sql[3] = {"INSERT INTO t VALUES (1, 'x')", "INSERT INTO t VALUES (2, 'x')",
                                       "INSERT INTO t VALUES (3, 'x')"};
    for (int i = 0; i < 3; i++) {
        step_init(&step[i], STORE_MODE_WRITE, sql[i], 0, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    }
    sem_post(&release);
    fixture_close(f);
    for (int i = 0; i < 3; i++)
        assert_int_equal(step_wait(&step[i]), 0);
    fixture_open(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), 3);
}

/* ---- the disk ---- */

static void a_full_database_is_reported_and_recovers(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[3];
    sem_t release;
    atomic_uint clock = 0;
    char limit[64];
    make_table(f);
    int64_t pages = fixture_count(f, "PRAGMA page_count");
    snprintf(limit, sizeof(limit), "PRAGMA max_page_count = %lld", (long long)pages + 4);
    assert_int_equal(fixture_exec(f, limit), DB_OK);
    assert_int_equal(fixture_exec(f, "INSERT INTO t VALUES (1, 'fits')"), DB_OK);

    /* The second work item of a batch fills the disk: SQLite may roll back the whole batch. Then no work item may be reported as stored. */
    hold(f, &holder, &release, &clock);
    step_init(&step[0], STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'beside it')", 0, &clock);
    step_init(&step[1], STORE_MODE_WRITE, "INSERT INTO t VALUES (3, hex(randomblob(100000)))", 0, &clock);
    step_init(&step[2], STORE_MODE_WRITE, "INSERT INTO t VALUES (4, 'beside it')", 0, &clock);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    sem_post(&release);
    assert_int_equal(step_wait(&holder), HELD);
    for (int i = 0; i < 3; i++)
        step_wait(&step[i]);
    assert_int_equal(step[1].result, DB_E_FULL);
    int64_t stored = 1 + (step[0].result == 0) + (step[2].result == 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), stored);

    assert_int_equal(fixture_exec(f, "PRAGMA max_page_count = 100000"), DB_OK);
    assert_int_equal(fixture_exec(f, "INSERT INTO t VALUES (5, hex(randomblob(100000)))"), DB_OK);
}

/* If mount is allowed: a real file system of 2 MB that becomes full and then gets room again. */
static void a_full_file_system_is_reported_and_recovers(void **state)
{
    struct fixture *f = *state;
    char mount_point[300];
    struct settings usual = f->settings;
    snprintf(mount_point, sizeof(mount_point), "%s/mnt", f->settings.data_dir);
    assert_int_equal(mkdir(mount_point, 0700), 0);
    if (mount("tmpfs", mount_point, "tmpfs", 0, "size=2m") != 0) {
        rmdir(mount_point);
        print_message("skipped: mounting is not allowed here (%s)\n", strerror(errno));
        skip();
    }
    fixture_close(f);
    strcat(f->settings.data_dir, "/mnt");
    fixture_open(f);
    make_table(f);
    int64_t acknowledged = 0;
    int rc = DB_OK;
    for (int i = 0; i < 200 && rc == DB_OK; i++) {
        rc = fixture_exec(f, "INSERT INTO t (v) VALUES (hex(randomblob(10000)))");
        acknowledged += rc == DB_OK;
    }
    assert_int_equal(rc, DB_E_FULL);
    assert_true(acknowledged > 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"),
                     acknowledged); /* still readable, and nothing is applied in part */
    assert_int_equal(fixture_exec(f, "INSERT INTO t (v) VALUES (hex(randomblob(200000)))"), DB_E_FULL);

    assert_int_equal(mount("tmpfs", mount_point, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    assert_int_equal(fixture_exec(f, "INSERT INTO t (v) VALUES (hex(randomblob(200000)))"), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), acknowledged + 1);
    forget_check(f);
    assert_int_equal(store_check(f->store, 120000), DB_OK);
    fixture_close(f);
    assert_int_equal(umount(mount_point), 0);
    assert_int_equal(rmdir(mount_point), 0);
    f->settings = usual;
    fixture_open(f);
}

/* ---- many writers: a lost connection ---- */

/* A fake database. While `is` is set, each connection is lost when a transaction begins. */
struct lost {
    struct db db;
    atomic_bool is;
    atomic_int connected; /* number of connections */
    sem_t begins, may_go;
};

static int lost_ready(struct db *db)
{
    struct lost *lost = (struct lost *)db;
    if (atomic_load(&lost->is))
        return DB_E_CONNECTION;
    atomic_fetch_add(&lost->connected, 1);
    return DB_OK;
}

static int lost_begin(struct db *db, bool write)
{
    struct lost *lost = (struct lost *)db;
    (void)write;
    if (!atomic_load(&lost->is))
        return DB_OK;
    sem_post(&lost->begins);
    sem_wait(&lost->may_go);
    return DB_E_CONNECTION;
}

static int end_transaction(struct db *db)
{
    (void)db;
    return DB_OK;
}

static bool always(struct db *db)
{
    (void)db;
    return true;
}

static void start_lost(struct store *store, struct lost *lost, unsigned i)
{
    static const struct db_driver driver = {.ready = lost_ready,
                                            .begin = lost_begin,
                                            .commit = end_transaction,
                                            .rollback = end_transaction,
                                            .in_transaction = always};
    lost->db.driver = &driver;
    sem_init(&lost->begins, 0, 0);
    sem_init(&lost->may_go, 0, 0);
    store->reader[i] = (struct store_thread){.store = store, .db = &lost->db};
    assert_int_equal(pthread_create(&store->reader[i].thread, NULL, store_either_main, &store->reader[i]), 0);
}

static unsigned active(struct store *store)
{
    struct metrics_pool stats;
    store_pool_stats(store, &stats);
    return stats.active;
}

/* One of two threads loses its connection while it has a work item. The other thread, which waits for work, does it. */
static void returned_work_wakes_a_waiting_thread(void **state)
{
    (void)state;
    static struct store store;
    static struct lost good, bad;
    struct step holder, given;
    sem_t release;
    atomic_uint clock = 0;
    store = (struct store){.lock = PTHREAD_MUTEX_INITIALIZER,
                           .read_ready = PTHREAD_COND_INITIALIZER,
                           .max_waiting = 10,
                           .timeout_ms = 3600000,
                           .readers = 2,
                           .many_writers = true,
                           .next_deadline_ns = UINT64_MAX};
    clock_cond_init(&store.deadline_changed);
    work_list_init(&store.waiting[0]);
    work_list_init(&store.waiting[1]);
    sem_init(&release, 0, 0);
    start_lost(&store, &good, 0);
    step_init(&holder, STORE_MODE_READ, NULL, 0, &clock);
    holder.wait = &release;
    assert_int_equal(store_submit(&store, &holder.work), 0);
    sem_wait(&holder.begun);
    start_lost(&store, &bad, 1); /* not earlier: it would take the holder's work */
    wait_until(atomic_load(&bad.connected) == 1);
    atomic_store(&bad.is, true);
    step_init(&given, STORE_MODE_WRITE, NULL, 0, &clock);
    assert_int_equal(store_submit(&store, &given.work), 0);
    sem_wait(&bad.begins);
    sem_post(&release);
    assert_int_equal(step_wait(&holder), 0);
    wait_until(active(&store) == 1);
    sem_post(&bad.may_go);
    assert_int_equal(step_wait(&given), 0);
    assert_int_equal(given.ran, 1);
    atomic_store(&bad.is, false);
    pthread_mutex_lock(&store.lock);
    store.stopping = true;
    pthread_cond_broadcast(&store.read_ready);
    pthread_mutex_unlock(&store.lock);
    for (int i = 0; i < 2; i++)
        pthread_join(store.reader[i].thread, NULL);
}

/* ---- health ---- */

static void a_busy_writer_is_healthy(void **state)
{
    struct fixture *f = *state;
    struct step holder;
    sem_t release;
    atomic_uint clock = 0;
    int rc;
    assert_int_equal(store_check(f->store, 120000), DB_OK);
    do { /* on a busy machine, the reader that it asks may be late too */
        forget_check(f);
        hold(f, &holder, &release, &clock);
        rc = store_check(f->store, 100);
        sem_post(&release);
        assert_int_equal(step_wait(&holder), HELD);
    } while (rc == DB_E_BUSY);
    assert_int_equal(rc, DB_OK);
}

static int nested(void *arg, struct db *db)
{
    (void)arg;
    /* The same statement, nested: each use has its own instance. */
    static const char sql[] = "SELECT 1 FROM iam.organisations";
    struct db_stmt *outer = db_prepare(db, sql);
    int rows = 0;
    while (db_step(outer) == DB_ROW) {
        struct db_stmt *inner = db_prepare(db, sql);
        while (db_step(inner) == DB_ROW)
            rows++;
        db_done(inner);
    }
    db_done(outer);
    return rows == 4 ? 0 : -1;
}

static int broken(void *arg, struct db *db)
{
    (void)arg;
    struct db_stmt *stmt = db_prepare(db, "SELECT x FROM iam.nowhere");
    must(!stmt);
    must(db_error_code(db) < 0);
    must(strstr(db_error_text(db), "iam_nowhere") != NULL);
    db_bind_int(stmt, 1, 1); /* all of these accept a NULL statement */
    must(db_step(stmt) == DB_E_OTHER);
    must(!db_column_text(stmt, 0));
    db_done(stmt);
    return db_exec(db, "SELECT x FROM iam.nowhere", "");
}

static void statements_nest_and_errors_are_reported(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_run(f->store, STORE_MODE_READ, nested, NULL), 0);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, broken, NULL), DB_E_OTHER);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, nested, NULL), 0); /* the connection still works */
}

/* A failed test leaves its mount behind. */
static int teardown(void **state)
{
    char mount_point[300];
    snprintf(mount_point, sizeof(mount_point), "%.255s", ((struct fixture *)*state)->settings.data_dir);
    size_t length = strlen(mount_point);
    bool inside = length > 4 && strcmp(mount_point + length - 4, "/mnt") == 0;
    int rc = fixture_teardown(state);
    if (inside && umount2(mount_point, MNT_DETACH) == 0) {
        rmdir(mount_point);
        mount_point[length - 4] = 0;
        rmdir(mount_point);
    }
    return rc;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_failing_work_rolls_back_alone),
        TEST(an_old_batch_accepts_no_more_work),
        TEST(a_failing_first_work_does_not_fail_others),
        TEST(writers_at_once_lose_nothing),
        TEST(readers_cannot_write),
        TEST(a_work_past_its_deadline_is_refused_and_not_run),
        TEST(a_full_queue_refuses_at_once),
        TEST(close_finishes_queued_work),
        TEST(a_full_database_is_reported_and_recovers),
        TEST(a_full_file_system_is_reported_and_recovers),
        cmocka_unit_test(returned_work_wakes_a_waiting_thread),
        TEST(a_busy_writer_is_healthy),
        TEST(statements_nest_and_errors_are_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
