/* SPDX-License-Identifier: Apache-2.0 */
/* Prints how fast the store and the queue are on this disk. Asserts nothing. Usage: bench_store [DIRECTORY [ROWS]] */
#include "store_fixture.h"

#include <pthread.h>

#define BATCH 1000

struct import {
    struct fixture *fixture;
    int rows;
    int round; /* the second import of the same rows updates them */
};

static void fill(struct prospect_input *row, char text[5][64], int i, int round)
{
    memset(row, 0, sizeof(*row));
    snprintf(text[0], 64, "person%08x@company%d.example", (unsigned)i * 2654435761u, i % 977);
    snprintf(text[1], 64, "First%d", i % 1000);
    snprintf(text[2], 64, "Last%d", i % 3000);
    snprintf(text[3], 64, "Company %d round %d", i % 977, round);
    snprintf(text[4], 64, "Head of Something %d", i % 50);
    for (int k = 0; k < 5; k++)
        row->field[k] = (struct db_text){text[k], strlen(text[k])};
}

static int run_import(void *arg, struct db *db)
{
    struct import *import = arg;
    static struct prospect_input rows[BATCH];
    static char text[BATCH][5][64];
    for (int at = 0; at < import->rows; at += BATCH) {
        int n = import->rows - at < BATCH ? import->rows - at : BATCH;
        for (int i = 0; i < n; i++)
            fill(&rows[i], text[i], at + i, import->round);
        int rc = prospects_upsert(db, import->fixture->organisation, rows, (size_t)n, NULL);
        if (rc != DB_OK)
            return rc;
    }
    return DB_OK;
}

static int run_publish(void *arg, struct db *db)
{
    struct import *import = arg;
    char key[32];
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < import->rows; i++) {
        snprintf(key, sizeof(key), "%d", i);
        rc = queue_publish(db, QUEUE_DRAFT_GENERATE, import->fixture->organisation, "bench", import->round ? key : NULL,
                           "{\"prospect\":\"0190b6f0-0000-7000-8000-000000000000\"}", NULL);
    }
    return rc;
}

static int run_one(void *arg, struct db *db)
{
    struct prospect_input row;
    char text[5][64];
    struct import *import = arg;
    fill(&row, text, import->round, 7);
    return prospects_upsert(db, import->fixture->organisation, &row, 1, NULL);
}

static void *single_writes(void *arg)
{
    struct import import = *(struct import *)arg;
    for (int i = 0; i < import.rows; i++) {
        import.round = i;
        store_run(import.fixture->store, STORE_MODE_WRITE, run_one, &import);
    }
    return NULL;
}

/* CPU time of all threads: on a busy machine this is the figure to compare. */
static double cpu_seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static double seconds_since(uint64_t start)
{
    return (double)(clock_monotonic_ns() - start) * 1e-9;
}

static void timed(const char *what, struct import *import, int (*run)(void *, struct db *))
{
    double cpu = cpu_seconds();
    uint64_t start = clock_monotonic_ns();
    int rc = store_run(import->fixture->store, STORE_MODE_WRITE, run, import);
    double seconds = seconds_since(start);
    printf("%-44s %9.0f /s  (%d in %.2f s, CPU %.2f s, %s)\n", what, import->rows / seconds, import->rows, seconds,
           cpu_seconds() - cpu, db_error_name(rc));
}

static int run_complete(void *arg, struct db *db)
{
    struct job *jobs = arg;
    int rc = DB_OK;
    for (int i = 0; rc == DB_OK && i < 64 && jobs[i].payload; i++)
        rc = queue_complete(db, &jobs[i]);
    return rc;
}

static void consume(struct fixture *f)
{
    uint64_t start = clock_monotonic_ns();
    int total = 0, n;
    struct job jobs[64] = {0};
    while (total < 50000 && (n = queue_lease(f->queue, QUEUE_DRAFT_GENERATE, jobs, 64, 0)) > 0) {
        store_run(f->store, STORE_MODE_WRITE, run_complete, jobs);
        for (int i = 0; i < n; i++)
            job_release(&jobs[i]);
        total += n;
    }
    printf("%-44s %9.0f /s\n", "lease and complete, 64 at a time", total / seconds_since(start));
}

static void writers(struct fixture *f, int threads, int each)
{
    pthread_t id[64];
    struct import import = {f, each, 0};
    char what[64];
    uint64_t start = clock_monotonic_ns();
    for (int i = 0; i < threads; i++)
        pthread_create(&id[i], NULL, single_writes, &import);
    for (int i = 0; i < threads; i++)
        pthread_join(id[i], NULL);
    snprintf(what, sizeof(what), "one-row transactions, %d at once", threads);
    printf("%-44s %9.0f /s\n", what, threads * each / seconds_since(start));
}

static void stats(struct fixture *f)
{
    struct queue_stats out;
    uint64_t start = clock_monotonic_ns();
    for (int i = 0; i < 1000; i++)
        queue_read_stats(f->queue, QUEUE_DRAFT_GENERATE, &out);
    printf("%-44s %9.1f us (depth %lld)\n", "queue_read_stats", seconds_since(start) * 1e3, (long long)out.depth);
}

int main(int argc, char **argv)
{
    char directory[256];
    struct fixture f = {0};
    int rows = argc > 2 ? atoi(argv[2]) : 500000;
    snprintf(directory, sizeof(directory), "%s/ingest-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    log_set_level(LOG_FATAL + 1);
    if (!mkdtemp(directory))
        return 1;
    fixture_settings(&f.settings, directory);
    if (fixture_postgres())
        fixture_create_database(&f.settings);
    struct fixture_organisation one = {"One", f.organisation};
    if (store_open(&f.store, &f.settings) != 0 || queue_open(&f.queue, &f.settings, f.store) != 0 ||
        store_run(f.store, STORE_MODE_WRITE, fixture_create_organisation, &one) != DB_OK)
        return 1;
    struct import import = {&f, rows, 0};
    timed("prospects imported, one transaction", &import, run_import);
    import.round = 1;
    timed("the same rows again (updates)", &import, run_import);
    if (rows < 50000)
        return 0;
    writers(&f, 1, 200);
    writers(&f, 32, 200);
    import.round = 0;
    timed("jobs published, one transaction", &import, run_publish);
    import.round = 1;
    timed("jobs with an idempotency key", &import, run_publish);
    timed("the same keys again", &import, run_publish);
    stats(&f);
    consume(&f);
    queue_close(f.queue);
    store_close(f.store);
    printf("left in %s\n", directory);
    return 0;
}
