/* SPDX-License-Identifier: Apache-2.0 */
/* Group commit, deadlines, the bounded queue, a full disk, health. */
#include "store_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/mount.h>
#include <sys/stat.h>

/* A work that is told what to do, and tells in which order things happened. */
struct step {
    struct store_work work;
    const char *sql;
    int returns;
    sem_t *wait; /* run blocks until posted */
    sem_t begun, finished;
    int result, ran, order_run, order_done;
    uint64_t ran_ns;
    unsigned *clock;
};

static int step_run(struct store_work *work, struct db *db)
{
    struct step *step = (struct step *)work;
    step->ran++;
    step->ran_ns = clock_monotonic_ns();
    step->order_run = (int)__atomic_add_fetch(step->clock, 1, __ATOMIC_SEQ_CST);
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
    step->order_done = (int)__atomic_add_fetch(step->clock, 1, __ATOMIC_SEQ_CST);
    sem_post(&step->finished);
}

static void step_init(struct step *step, enum store_mode mode, const char *sql, int returns, unsigned *clock)
{
    memset(step, 0, sizeof *step);
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

/* Holds the writer until released. */
static void hold(struct fixture *f, struct step *holder, sem_t *release, unsigned *clock)
{
    sem_init(release, 0, 0);
    step_init(holder, STORE_MODE_WRITE, NULL, 0, clock);
    holder->wait = release;
    assert_int_equal(store_submit(f->store, &holder->work), 0);
    sem_wait(&holder->begun);
}

static void make_table(struct fixture *f)
{
    assert_int_equal(fixture_exec(f, "CREATE TABLE t (id INTEGER PRIMARY KEY, v TEXT)"), DB_OK);
}

/* --- group commit --- */

/* Five works that wait while the writer is held, two of which fail. @return how long after the release the last one ran */
static uint64_t five_at_once(struct fixture *f, struct step *step)
{
    struct step holder;
    sem_t release;
    unsigned clock = 0;
    static const struct {
        const char *sql;
        int returns, expected;
    } plan[5] = {
        {"INSERT INTO t VALUES (1, 'kept')", 0, 0}, {"INSERT INTO t VALUES (2, 'withdrawn by its own')", 42, 42},
        {"INSERT INTO t VALUES (3, 'kept')", 0, 0}, {"INSERT INTO t VALUES (1, 'twice')", 0, DB_E_CONFLICT},
        {"INSERT INTO t VALUES (5, 'kept')", 0, 0},
    };
    hold(f, &holder, &release, &clock);
    for (int i = 0; i < 5; i++) {
        step_init(&step[i], STORE_MODE_WRITE, plan[i].sql, plan[i].returns, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    }
    usleep(20000); /* the holder's batch is too old to take more */
    uint64_t released = clock_monotonic_ns();
    sem_post(&release);
    for (int i = 0; i < 5; i++)
        assert_int_equal(step_wait(&step[i]), plan[i].expected);
    assert_int_equal(step_wait(&holder), 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), 3);
    assert_int_equal(fixture_count(f, "SELECT sum(id) FROM t"), 9);
    return step[4].ran_ns - released;
}

static void a_failing_work_rolls_back_alone(void **state)
{
    struct fixture *f = *state;
    struct step step[5];
    make_table(f);
    /* One commit for all: the first is told only when the last has run. True of those that come within 10 ms; on a busy machine it
     * may take some attempts until they do. */
    for (int attempt = 0; attempt < 100; attempt++) {
        bool within = five_at_once(f, step) < 10000000;
        if (within) {
            assert_true(step[0].order_done > step[4].order_run);
            return;
        }
        assert_int_equal(fixture_exec(f, "DELETE FROM t"), DB_OK);
    }
    print_message("too busy a machine to see a batch\n");
}

static void a_failing_first_work_does_not_take_others_along(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[2];
    sem_t release;
    unsigned clock = 0;
    make_table(f);
    hold(f, &holder, &release, &clock);
    step_init(&step[0], STORE_MODE_WRITE, "INSERT INTO t VALUES (1, 'x')", -77, &clock);
    step_init(&step[1], STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'x')", 0, &clock);
    assert_int_equal(store_submit(f->store, &step[0].work), 0);
    assert_int_equal(store_submit(f->store, &step[1].work), 0);
    usleep(20000);
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

/* --- deadlines and bounds --- */

static void a_work_past_its_deadline_is_answered_and_not_begun(void **state)
{
    struct fixture *f = *state;
    struct step holder, late, patient;
    sem_t release;
    unsigned clock = 0;
    make_table(f);
    hold(f, &holder, &release, &clock);
    step_init(&patient, STORE_MODE_WRITE, "INSERT INTO t VALUES (1, 'x')", 0, &clock);
    step_init(&late, STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'x')", 0, &clock);
    late.work.deadline_ns = clock_monotonic_ns() + 30000000;
    assert_int_equal(store_submit(f->store, &patient.work), 0);
    assert_int_equal(store_submit(f->store, &late.work), 0);
    assert_int_equal(step_wait(&late), DB_E_BUSY); /* while the writer is still held */
    assert_int_equal(holder.order_done, 0);
    sem_post(&release);
    assert_int_equal(step_wait(&patient), 0);
    assert_int_equal(late.ran, 0);
    assert_int_equal(step_wait(&holder), 0);
}

static void a_full_queue_refuses_at_once(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[5];
    sem_t release;
    unsigned clock = 0;
    fixture_close(f);
    f->settings.store_queue = 4;
    fixture_open(f);
    hold(f, &holder, &release, &clock);
    for (int i = 0; i < 5; i++) {
        step_init(&step[i], STORE_MODE_WRITE, NULL, 0, &clock);
        assert_int_equal(store_submit(f->store, &step[i].work), i < 4 ? 0 : DB_E_BUSY);
    }
    struct store_pool_stats stats;
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

static void close_finishes_what_is_queued(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[3];
    sem_t release;
    unsigned clock = 0;
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

/* --- the disk --- */

static void a_full_database_is_said_and_passes(void **state)
{
    struct fixture *f = *state;
    struct step holder, step[3];
    sem_t release;
    unsigned clock = 0;
    char limit[64];
    make_table(f);
    int64_t pages = fixture_count(f, "PRAGMA page_count");
    snprintf(limit, sizeof limit, "PRAGMA max_page_count = %lld", (long long)pages + 4);
    assert_int_equal(fixture_exec(f, limit), DB_OK);
    assert_int_equal(fixture_exec(f, "INSERT INTO t VALUES (1, 'fits')"), DB_OK);

    /* A batch whose second work fills the disk: SQLite may roll all of it back, so none may be told it is stored. */
    hold(f, &holder, &release, &clock);
    step_init(&step[0], STORE_MODE_WRITE, "INSERT INTO t VALUES (2, 'beside it')", 0, &clock);
    step_init(&step[1], STORE_MODE_WRITE, "INSERT INTO t VALUES (3, hex(randomblob(100000)))", 0, &clock);
    step_init(&step[2], STORE_MODE_WRITE, "INSERT INTO t VALUES (4, 'beside it')", 0, &clock);
    for (int i = 0; i < 3; i++)
        assert_int_equal(store_submit(f->store, &step[i].work), 0);
    usleep(20000);
    sem_post(&release);
    assert_int_equal(step_wait(&holder), 0);
    for (int i = 0; i < 3; i++)
        step_wait(&step[i]);
    assert_int_equal(step[1].result, DB_E_FULL);
    int64_t stored = 1 + (step[0].result == 0) + (step[2].result == 0);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), stored);

    assert_int_equal(fixture_exec(f, "PRAGMA max_page_count = 100000"), DB_OK);
    assert_int_equal(fixture_exec(f, "INSERT INTO t VALUES (5, hex(randomblob(100000)))"), DB_OK);
}

/* The real thing, where mounting is allowed: a file system of 2 MB that runs full and is given room again. */
static void a_full_file_system_is_said_and_passes(void **state)
{
    struct fixture *f = *state;
    char mount_point[300];
    struct settings usual = f->settings;
    snprintf(mount_point, sizeof mount_point, "%s/mnt", f->settings.data_dir);
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
                     acknowledged); /* still readable, nothing half applied */
    assert_int_equal(fixture_exec(f, "INSERT INTO t (v) VALUES (hex(randomblob(200000)))"), DB_E_FULL);

    assert_int_equal(mount("tmpfs", mount_point, "tmpfs", MS_REMOUNT, "size=16m"), 0);
    assert_int_equal(fixture_exec(f, "INSERT INTO t (v) VALUES (hex(randomblob(200000)))"), DB_OK);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM t"), acknowledged + 1);
    usleep(1100000); /* a check's answer is reused for a second */
    assert_int_equal(store_check(f->store, 120000), DB_OK);
    fixture_close(f);
    assert_int_equal(umount(mount_point), 0);
    assert_int_equal(rmdir(mount_point), 0);
    f->settings = usual;
    fixture_open(f);
}

/* --- health --- */

static void a_busy_writer_is_not_ill(void **state)
{
    struct fixture *f = *state;
    struct step holder;
    sem_t release;
    unsigned clock = 0;
    int rc;
    assert_int_equal(store_check(f->store, 120000), DB_OK);
    do { /* the reader that it asks, too, may be late on a busy machine */
        usleep(1100000);
        hold(f, &holder, &release, &clock);
        rc = store_check(f->store, 100);
        sem_post(&release);
        assert_int_equal(step_wait(&holder), 0);
    } while (rc == DB_E_BUSY);
    assert_int_equal(rc, DB_OK);
}

static int nested(void *arg, struct db *db)
{
    (void)arg;
    /* The same statement within itself: an instance each. */
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
    must(stmt == NULL);
    must(db_error_code(db) < 0);
    must(strstr(db_error_text(db), "iam_nowhere") != NULL);
    db_bind_int(stmt, 1, 1); /* all of these accept it */
    must(db_step(stmt) == DB_E_OTHER);
    must(db_column_text(stmt, 0) == NULL);
    db_done(stmt);
    return db_exec(db, "SELECT x FROM iam.nowhere", "");
}

static void statements_nest_and_errors_are_told(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(store_run(f->store, STORE_MODE_READ, nested, NULL), 0);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, broken, NULL), DB_E_OTHER);
    assert_int_equal(store_run(f->store, STORE_MODE_READ, nested, NULL), 0); /* the connection is well */
}

/* A test that failed half-way leaves its mount behind. */
static int teardown(void **state)
{
    char mount_point[300];
    snprintf(mount_point, sizeof mount_point, "%.255s", ((struct fixture *)*state)->settings.data_dir);
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
        TEST(a_failing_first_work_does_not_take_others_along),
        TEST(writers_at_once_lose_nothing),
        TEST(readers_cannot_write),
        TEST(a_work_past_its_deadline_is_answered_and_not_begun),
        TEST(a_full_queue_refuses_at_once),
        TEST(close_finishes_what_is_queued),
        TEST(a_full_database_is_said_and_passes),
        TEST(a_full_file_system_is_said_and_passes),
        TEST(a_busy_writer_is_not_ill),
        TEST(statements_nest_and_errors_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
