/* SPDX-License-Identifier: Apache-2.0 */
/* kill -9, migrations, two processes on one file. Children run as `test_store_durability ROLE DIRECTORY`. */
#include "queue/queue_internal.h"
#include "store_fixture.h"

#include <signal.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

static const char *self;

struct child {
    pid_t pid;
    FILE *out;
};

static struct child start(const char *role, const char *directory)
{
    struct child child;
    int fd[2];
    posix_spawn_file_actions_t actions;
    char *argv[] = {(char *)(uintptr_t)self, (char *)(uintptr_t)role, (char *)(uintptr_t)directory, NULL};
    assert_int_equal(pipe(fd), 0);
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, fd[1], 1);
    posix_spawn_file_actions_addclose(&actions, fd[0]);
    assert_int_equal(posix_spawn(&child.pid, self, &actions, NULL, argv, environ), 0);
    posix_spawn_file_actions_destroy(&actions);
    close(fd[1]);
    child.out = fdopen(fd[0], "r");
    assert_non_null(child.out);
    return child;
}

static int end(struct child *child, int signal)
{
    int status;
    if (signal)
        kill(child->pid, signal);
    assert_int_equal(waitpid(child->pid, &status, 0), child->pid);
    fclose(child->out);
    return status;
}

/* ---- the child processes ---- */

struct insert {
    const char *organisation;
    int number;
};

static int run_insert(void *arg, struct db *db)
{
    struct insert *insert = arg;
    char email[64], key[32];
    struct prospect_upsert result;
    snprintf(email, sizeof(email), "n%08d@example.com", insert->number);
    snprintf(key, sizeof(key), "%d", insert->number);
    struct prospect_input row = {.field = {{email, strlen(email)}}};
    int rc = prospects_upsert(db, insert->organisation, &row, 1, &result);
    /* The row and its job are one commit. */
    return rc == DB_OK ? queue_publish(db, QUEUE_PROSPECT_VALIDATE, insert->organisation, NULL, key, "{}", NULL) : rc;
}

static int run_first_organisation(void *arg, struct db *db)
{
    struct db_stmt *stmt = db_prepare(db, "SELECT id FROM iam.organisations WHERE name = 'One'");
    int rc = db_step(stmt);
    if (rc == DB_ROW)
        strcpy(arg, db_column_uuid(stmt, 0));
    db_done(stmt);
    return rc == DB_ROW ? DB_OK : DB_E_NOT_FOUND;
}

/* Prints the number of each acknowledged row, until killed. */
static int child_write(struct settings *settings)
{
    struct store *store;
    struct insert insert = {0};
    char organisation[37];
    if (store_open(&store, settings) != 0 ||
        store_run(store, STORE_MODE_READ, run_first_organisation, organisation) != DB_OK)
        return 1;
    insert.organisation = organisation;
    for (;; insert.number++) {
        if (store_run(store, STORE_MODE_WRITE, run_insert, &insert) != DB_OK)
            return 2;
        printf("%d\n", insert.number);
        fflush(stdout);
    }
}

/* As `ingest-api org create`: open, write once, close. */
static int child_create(struct settings *settings)
{
    struct store *store;
    char name[32], id[37];
    struct fixture_organisation organisation = {name, id};
    snprintf(name, sizeof(name), "cli %d", (int)getpid());
    if (store_open(&store, settings) != 0)
        return 1;
    int rc = store_run(store, STORE_MODE_WRITE, fixture_create_organisation, &organisation);
    store_close(store);
    printf("%s\n", id);
    return rc == DB_OK ? 0 : 2;
}

static int run_lease_forever(struct settings *settings)
{
    struct store *store;
    struct queue *queue;
    struct job job;
    if (store_open(&store, settings) != 0 || queue_open(&queue, settings, store) != 0)
        return 1;
    if (queue_lease(queue, QUEUE_EMAIL_SEND, &job, 1, 3600000) != 1)
        return 2;
    printf("leased\n");
    fflush(stdout);
    for (;;)
        pause();
}

static int child_main(const char *role, const char *directory)
{
    struct settings settings;
    log_set_level(LOG_FATAL + 1);
    fixture_settings(&settings, directory);
    settings.store_timeout_ms = 120000;
    if (strcmp(role, "write") == 0)
        return child_write(&settings);
    if (strcmp(role, "lease") == 0)
        return run_lease_forever(&settings);
    return child_create(&settings);
}

/* ---- the tests ---- */

static void acknowledged_rows_survive_kill_9(void **state)
{
    struct fixture *f = *state;
    char line[64];
    int expected = 0;
    for (int round = 0; round < 3; round++) {
        fixture_close(f);
        struct child child = start("write", f->settings.data_dir);
        int last = -1;
        for (int i = 0; i < 30 + round * 40 && fgets(line, sizeof(line), child.out); i++)
            last = atoi(line);
        kill(child.pid, SIGKILL);
        while (fgets(line, sizeof(line), child.out)) /* printed before it died */
            last = atoi(line);
        int status = end(&child, 0);
        assert_true(WIFSIGNALED(status));
        assert_true(last > 0);
        if (last + 1 > expected)
            expected = last + 1;
        fixture_open(f);
        int64_t rows = fixture_count(f, "SELECT count(*) FROM crm.prospects");
        assert_true(rows >= expected && rows <= expected + 1); /* one row may be committed but not yet printed */
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.jobs"), rows);
        assert_int_equal(fixture_count(f, "SELECT live FROM tracking.queues"), rows);
        assert_int_equal(fixture_count(f, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
                         0);
    }
}

static void a_command_runs_beside_the_service(void **state)
{
    struct fixture *f = *state;
    char line[64];
    fixture_close(f); /* only the service and the commands may have the file open */
    struct child service = start("write", f->settings.data_dir), command[3];
    for (int i = 0; i < 5; i++)
        assert_non_null(fgets(line, sizeof(line), service.out));
    for (int i = 0; i < 3; i++)
        command[i] = start("create", f->settings.data_dir);
    /* Keep reading the service's output, so that it does not block on its pipe. */
    int done = 0, status;
    while (done < 3) {
        assert_non_null(fgets(line, sizeof(line), service.out));
        for (int i = 0; i < 3; i++)
            if (command[i].pid && waitpid(command[i].pid, &status, WNOHANG) == command[i].pid) {
                assert_true(WIFEXITED(status));
                assert_int_equal(WEXITSTATUS(status), 0);
                fclose(command[i].out);
                command[i].pid = 0;
                done++;
            }
    }
    /* Rows acknowledged after the command has closed the file must be durable too: if the service had lost its lock, the command
     * would delete the WAL. */
    for (int i = 0; i < 20; i++)
        assert_non_null(fgets(line, sizeof(line), service.out));
    int last = atoi(line);
    kill(service.pid, SIGKILL);
    while (fgets(line, sizeof(line), service.out))
        last = atoi(line);
    assert_true(WIFSIGNALED(end(&service, 0)));
    fixture_open(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM iam.organisations"), 5);
    assert_true(fixture_count(f, "SELECT count(*) FROM crm.prospects") > last);
}

static void migrations_apply_once(void **state)
{
    struct fixture *f = *state;
    int64_t tables = fixture_count(f, "SELECT count(*) FROM sqlite_master");
    int64_t applied = fixture_count(f, "SELECT sum(applied_at) FROM tracking.schema_migrations");
    for (int i = 0; i < 2; i++) {
        fixture_close(f);
        fixture_open(f);
    }
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM sqlite_master"), tables);
    assert_int_equal(fixture_count(f, "SELECT sum(applied_at) FROM tracking.schema_migrations"), applied);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM iam.organisations"), 2);
}

static void two_processes_make_one_new_database(void **state)
{
    struct fixture *f = *state;
    struct child child[4];
    char path[300];
    int status;
    snprintf(path, sizeof(path), "%s/ingest.db", f->settings.data_dir);
    fixture_close(f);
    assert_int_equal(unlink(path), 0);
    for (int i = 0; i < 4; i++)
        child[i] = start("create", f->settings.data_dir);
    for (int i = 0; i < 4; i++) {
        status = end(&child[i], 0);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
    fixture_open(f);
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM tracking.schema_migrations"),
                     fixture_count(f, "SELECT max(version) FROM tracking.schema_migrations"));
    assert_int_equal(fixture_count(f, "SELECT count(*) FROM iam.organisations"), 4);
}

static void a_newer_schema_is_refused(void **state)
{
    struct fixture *f = *state;
    struct store *store;
    assert_int_equal(fixture_exec(f, "INSERT INTO tracking.schema_migrations VALUES (9999, 'of the future', 1)"),
                     DB_OK);
    assert_int_equal(store_open(&store, &f->settings), -1);
    assert_null(store);
    assert_int_equal(fixture_exec(f, "DELETE FROM tracking.schema_migrations WHERE version = 9999"), DB_OK);
}

static void an_invalid_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct settings settings = f->settings;
    struct store *store;
    char path[300];
    snprintf(path, sizeof(path), "%s/text", f->settings.data_dir);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is not a database\n", file);
    fclose(file);
    assert_true((size_t)snprintf(settings.store_url, sizeof(settings.store_url), "sqlite:%s", path) <
                sizeof(settings.store_url));
    assert_int_equal(store_open(&store, &settings), -1);
    snprintf(settings.store_url, sizeof(settings.store_url), "sqlite:/nowhere/at/all.db");
    assert_int_equal(store_open(&store, &settings), -1);
    snprintf(settings.store_url, sizeof(settings.store_url), "mysql://x");
    assert_int_equal(store_open(&store, &settings), -1);
}

static void only_the_owner_can_read_the_file(void **state)
{
    struct fixture *f = *state;
    char path[300];
    struct stat st;
    static const char *const names[] = {"ingest.db", "ingest.db-wal"};
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", f->settings.data_dir, names[i]);
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static int run_publish(void *arg, struct db *db)
{
    return queue_publish(db, QUEUE_EMAIL_SEND, arg, NULL, NULL, "{}", NULL);
}

/* Its lease is a minute long, but the next process sees that the worker is dead. */
static void jobs_of_a_killed_worker_come_back_at_once(void **state)
{
    struct fixture *f = *state;
    char line[64];
    struct job job;
    assert_int_equal(store_run(f->store, STORE_MODE_WRITE, run_publish, f->organisation), DB_OK);
    struct child worker = start("lease", f->settings.data_dir);
    assert_non_null(fgets(line, sizeof(line), worker.out));
    assert_string_equal(line, "leased\n");
    struct queue_timing timing = {.lease_ms = 60000, .backoff_ms = 1000, .backoff_max_ms = 300000, .stats_ms = 50};
    f->queue->timing = timing;
    assert_int_equal(queue_start_stats(f->queue), 0);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 200),
                     0); /* the worker is alive and keeps its lease */
    end(&worker, SIGKILL);
    assert_int_equal(queue_lease(f->queue, QUEUE_EMAIL_SEND, &job, 1, 3600000), 1);
    assert_int_equal(job.attempt, 2);
    job_release(&job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        TEST(acknowledged_rows_survive_kill_9),
        TEST(a_command_runs_beside_the_service),
        TEST(migrations_apply_once),
        TEST(two_processes_make_one_new_database),
        TEST(a_newer_schema_is_refused),
        TEST(an_invalid_database_is_refused),
        TEST(only_the_owner_can_read_the_file),
        TEST(jobs_of_a_killed_worker_come_back_at_once),
    };
    self = argv[0];
    if (argc == 3)
        return child_main(argv[1], argv[2]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
