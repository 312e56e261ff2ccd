/* SPDX-License-Identifier: Apache-2.0 */
#include "harness.h"

#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

enum { BATCH_NS = 1000000, GOOD_BATCHES = 50, ROUNDS_MAX = 400, RENDERINGS_MIN = 3 };
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

/* ---- updates: one thread, two threads ---- */

/*
 * What the two threads do in a batch. The three phases alternate, so that all of them meet the same state of the machine;
 * they are measured in the same way, so their results may be divided by each other.
 */
enum phase { ALONE, APART, TOGETHER, PHASES };

typedef struct pair {
    bench_loop loop;
    void *const *states;
    uint64_t n[PHASES];
    unsigned arrived; /* how often a thread reached the start or the end of a batch: four times per batch */
    sem_t wake[2];    /* a thread sleeps while the other one runs alone */
    bool over;
    uint64_t start_ns[2], end_ns[2]; /* of each thread, in this batch */
    long switches[2];                /* how often each thread was descheduled in this batch */
    double samples[PHASES][GOOD_BATCHES];
    unsigned good[PHASES];
} pair;

long bench_descheduled(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
}

/*
 * Bind each thread to its own core if there are two: otherwise the scheduler may put both on one core, or move them. A new
 * thread inherits its creator's cores, so `all` is read when the process starts.
 */
static void pin(unsigned thread)
{
    static cpu_set_t all;
    cpu_set_t one;
    unsigned seen = 0;
    if (CPU_COUNT(&all) == 0 && sched_getaffinity(0, sizeof(all), &all) != 0)
        return;
    for (size_t cpu = 0; CPU_COUNT(&all) > 1 && cpu < CPU_SETSIZE; cpu++)
        if (CPU_ISSET(cpu, &all) && seen++ == thread) {
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            (void)sched_setaffinity(0, sizeof(one), &one);
            return;
        }
}

static void run_batch(pair *p, enum phase phase, unsigned thread)
{
    void *state = p->states[phase == APART ? thread : 0];
    long before = bench_descheduled();
    p->start_ns[thread] = bench_now_ns();
    p->loop(state, p->n[phase], thread);
    p->end_ns[thread] = bench_now_ns();
    p->switches[thread] = bench_descheduled() - before;
}

/* Wait until both threads have arrived here for the time-th time. */
static void meet(pair *p, unsigned time)
{
    __atomic_add_fetch(&p->arrived, 1, __ATOMIC_ACQ_REL);
    while (__atomic_load_n(&p->arrived, __ATOMIC_ACQUIRE) < 2 * time)
        ;
}

/* Sleep until the other thread posts. */
static void rest(pair *p, unsigned thread)
{
    while (sem_wait(&p->wake[thread]) != 0)
        ;
}

static void *second_side(void *arg)
{
    pair *p = arg;
    pin(1);
    p->loop(p->states[0], 1000, 1);
    p->loop(p->states[1], 1000, 1);
    for (unsigned times = 0;;) {
        rest(p, 1);
        if (p->over)
            return NULL;
        run_batch(p, ALONE, 1);
        (void)sem_post(&p->wake[0]);
        for (enum phase phase = APART; phase < PHASES; phase++) {
            meet(p, ++times);
            run_batch(p, phase, 1);
            meet(p, ++times);
        }
    }
}

/*
 * Did both run at the same time for nine tenths of the shorter batch? (A thread that loses its core at the start may begin
 * after the other has finished; then there would be no contention.)
 */
static bool overlapped(const pair *p)
{
    uint64_t first = p->end_ns[0] - p->start_ns[0], second = p->end_ns[1] - p->start_ns[1];
    uint64_t from = p->start_ns[0] > p->start_ns[1] ? p->start_ns[0] : p->start_ns[1];
    uint64_t to = p->end_ns[0] < p->end_ns[1] ? p->end_ns[0] : p->end_ns[1];
    return to > from && 10 * (to - from) >= 9 * (first < second ? first : second);
}

/*
 * If a thread lost its core in a batch, the other one ran alone. Such a batch is used only if there are not enough good
 * ones. A batch in which they did not run together is never used.
 */
static void take(pair *p, enum phase phase, bool last_chance)
{
    if (p->good[phase] == GOOD_BATCHES || (phase != ALONE && !overlapped(p)))
        return;
    if (p->switches[0] + p->switches[1] == 0 || last_chance)
        p->samples[phase][p->good[phase]++] =
            (double)(p->end_ns[0] - p->start_ns[0] + p->end_ns[1] - p->start_ns[1]) / 2 / (double)p->n[phase];
}

static bool enough(const pair *p)
{
    return p->good[ALONE] == GOOD_BATCHES && p->good[APART] == GOOD_BATCHES && p->good[TOGETHER] == GOOD_BATCHES;
}

static void first_side(pair *p)
{
    for (unsigned round = 0, times = 0; round < ROUNDS_MAX && !enough(p); round++) {
        bool last_chance = round + GOOD_BATCHES >= ROUNDS_MAX;
        run_batch(p, ALONE, 0);
        (void)sem_post(&p->wake[1]);
        rest(p, 0);
        take(p, ALONE, last_chance);
        for (enum phase phase = APART; phase < PHASES; phase++) {
            meet(p, ++times);
            run_batch(p, phase, 0);
            meet(p, ++times);
            take(p, phase, last_chance);
        }
    }
    p->over = true;
    (void)sem_post(&p->wake[1]);
}

/* Operations in a batch of BATCH_NS by one thread. */
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

bench_times bench_ns_per_op(bench_loop loop, void *const states[2])
{
    pair p = {.loop = loop, .states = states};
    pthread_t other;
    pin(0);
    p.n[ALONE] = p.n[APART] = calibrate(loop, states[0]);
    p.n[TOGETHER] = p.n[ALONE] / 4; /* with contention an operation may take many times as long */
    if (sem_init(&p.wake[0], 0, 0) != 0 || sem_init(&p.wake[1], 0, 0) != 0 ||
        pthread_create(&other, NULL, second_side, &p) != 0) {
        fprintf(stderr, "cannot start a second thread\n");
        exit(1);
    }
    first_side(&p);
    pthread_join(other, NULL);
    return (bench_times){bench_median(p.samples[ALONE], p.good[ALONE]), bench_median(p.samples[APART], p.good[APART]),
                         bench_median(p.samples[TOGETHER], p.good[TOGETHER])};
}

void bench_emit_times(const char *operation, bench_times times)
{
    printf("%s_1t %.9g\n%s_2t_apart %.9g\n%s_2t %.9g\n", operation, times.alone, operation, times.apart, operation,
           times.together);
}

double bench_render_ns(bench_render render, void *state, size_t *bytes)
{
    uint64_t best = UINT64_MAX, spent = 0;
    for (int i = 0; i < RENDERINGS_MIN || spent < RENDER_BUDGET_NS; i++) {
        uint64_t start = bench_now_ns();
        size_t written = render(state);
        uint64_t took = bench_now_ns() - start;
        if (i > 0 && written != *bytes) { /* all scrapes must have the same size: a shorter one would look fast */
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
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), ascending);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void bench_emit(const char *name, double value)
{
    printf("%s %.9g\n", name, value);
}
