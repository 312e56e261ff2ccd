/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCHES = 100, BATCH_NS = 1000000, RENDERINGS_MIN = 3 };
enum { GOOD_BATCHES = 50, BATCHES_MAX = 1000 }; /* two threads */
#define RENDER_BUDGET_NS 300000000u

const char *const bench_label_names[3] = {"method", "route", "status_code"};
const double bench_bounds[BENCH_BOUNDS] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
double bench_values[BENCH_VALUES];

void bench_labels_of(uint32_t i, bench_labels *out)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    static const char *const statuses[] = {"200", "201", "404", "500"};
    out->method = methods[i % 4];
    out->status = statuses[i / 4 % 4];
    snprintf(out->route, sizeof(out->route), "/api/v1/resource-%05u", i / 16);
}

void bench_values_init(void)
{
    uint32_t x = 1;
    for (int i = 0; i < BENCH_VALUES; i++) {
        x = x * 1664525u + 1013904223u;
        double u = x / 4294967296.0;
        bench_values[i] = 12 * u * u * u * u;
    }
}

uint64_t bench_counter_value(uint32_t i)
{
    return (uint64_t)i * 7919 % 1000003;
}

uint64_t bench_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- one thread ---- */

static uint64_t calibrate(bench_loop loop, void *state)
{
    loop(state, 1000, 0); /* attach the thread, fault the pages in */
    for (uint64_t n = 1000;; n *= 2) {
        uint64_t start = bench_now_ns();
        loop(state, n, 0);
        if (bench_now_ns() - start >= BATCH_NS)
            return n;
    }
}

static double one_thread(bench_loop loop, void *state, uint64_t n)
{
    double took[BATCHES];
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = bench_now_ns();
        loop(state, n, 0);
        took[batch] = (double)(bench_now_ns() - start);
    }
    return bench_decile(took, BATCHES) / (double)n;
}

/* ---- two threads ---- */

typedef struct pair {
    bench_loop loop;
    void *state;
    uint64_t n;
    unsigned arrived; /* counts arrivals at the start line, two a batch */
    unsigned go;
    unsigned finished;
    uint64_t released_ns; /* written by the later arrival, before it releases the other */
    uint64_t finished_ns; /* written by the slower one */
    long switches[2];     /* how often each thread was descheduled in this batch */
    unsigned good;        /* batches in `took` */
    double took[GOOD_BATCHES];
} pair;

long bench_descheduled(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

/* Arrive for the batch-th time; @return whether this thread came last. */
static bool meet(unsigned *count, unsigned batch)
{
    return __atomic_add_fetch(count, 1, __ATOMIC_ACQ_REL) == 2 * batch;
}

/* A batch in which one of the threads lost its core would show the other one alone, which is not what is measured:
 * such batches do not count. The clock starts when the later one arrives and stops when the slower one is done. */
static void run_side(pair *p, unsigned thread)
{
    p->loop(p->state, 1000, thread);
    for (unsigned batch = 1; batch <= BATCHES_MAX && __atomic_load_n(&p->good, __ATOMIC_ACQUIRE) < GOOD_BATCHES;
         batch++) {
        long before = bench_descheduled();
        if (meet(&p->arrived, 2 * batch - 1)) {
            p->released_ns = bench_now_ns();
            __atomic_store_n(&p->go, 2 * batch - 1, __ATOMIC_RELEASE);
        }
        while (__atomic_load_n(&p->go, __ATOMIC_ACQUIRE) < 2 * batch - 1)
            ;
        p->loop(p->state, p->n, thread);
        if (meet(&p->finished, batch))
            p->finished_ns = bench_now_ns();
        p->switches[thread] = bench_descheduled() - before;
        if (meet(&p->arrived, 2 * batch)) {
            if (p->switches[0] + p->switches[1] == 0 || batch + GOOD_BATCHES - p->good > BATCHES_MAX)
                p->took[p->good++] = (double)(p->finished_ns - p->released_ns);
            __atomic_store_n(&p->go, 2 * batch, __ATOMIC_RELEASE);
        }
        while (__atomic_load_n(&p->go, __ATOMIC_ACQUIRE) < 2 * batch)
            ;
    }
}

static void *second_side(void *arg)
{
    run_side(arg, 1);
    return NULL;
}

double bench_ns_per_op(bench_loop loop, void *state, unsigned threads)
{
    uint64_t n = calibrate(loop, state);
    if (threads == 1)
        return one_thread(loop, state, n);
    pair p = {.loop = loop, .state = state, .n = n / 4}; /* contended it takes several times as long */
    pthread_t other;
    if (pthread_create(&other, NULL, second_side, &p) != 0) {
        fprintf(stderr, "cannot start a second thread\n");
        exit(1);
    }
    run_side(&p, 0);
    pthread_join(other, NULL);
    return bench_median(p.took, p.good) / (double)p.n;
}

double bench_render_ns(bench_render render, void *state, size_t *bytes)
{
    uint64_t best = UINT64_MAX, spent = 0;
    for (int i = 0; i < RENDERINGS_MIN || spent < RENDER_BUDGET_NS; i++) {
        uint64_t start = bench_now_ns();
        size_t written = render(state);
        uint64_t took = bench_now_ns() - start;
        if (i > 0 && written != *bytes) { /* a time belongs to its own bytes: a short scrape would look fast */
            fprintf(stderr, "rendering %d wrote %zu bytes, the ones before it %zu\n", i + 1, written, *bytes);
            exit(1);
        }
        *bytes = written;
        best = took < best ? took : best;
        spent += took;
    }
    return (double)best;
}

double bench_resident_bytes(void)
{
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    double kib = -1;
    while (file && kib < 0 && fgets(line, sizeof(line), file))
        if (strncmp(line, "Rss:", 4) == 0)
            kib = strtod(line + 4, NULL);
    if (file)
        fclose(file);
    return kib * 1024;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

double bench_decile(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), ascending);
    return values[count / 10];
}

void bench_emit(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
}
