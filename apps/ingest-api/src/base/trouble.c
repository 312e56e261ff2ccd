/* SPDX-License-Identifier: Apache-2.0 */
#include "base/trouble.h"

#include "base/clock.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

/* ---- trouble: something does not answer ---- */

static struct record {
    pthread_mutex_t lock;     /* guards everything except reading `since_ms` */
    _Atomic int64_t since_ms; /* 0: no trouble */
    uint64_t count;
    char place[TROUBLE_PLACE], detail[TROUBLE_DETAIL];
} records[TROUBLES] = {{.lock = PTHREAD_MUTEX_INITIALIZER},
                       {.lock = PTHREAD_MUTEX_INITIALIZER},
                       {.lock = PTHREAD_MUTEX_INITIALIZER},
                       {.lock = PTHREAD_MUTEX_INITIALIZER}};

void trouble_met(enum trouble trouble, const char *place, const char *detail)
{
    struct record *record = &records[trouble];
    pthread_mutex_lock(&record->lock);
    if (atomic_load_explicit(&record->since_ms, memory_order_relaxed) == 0) {
        atomic_store_explicit(&record->since_ms, clock_wall_ms(), memory_order_relaxed);
        record->count = 0;
    }
    record->count++;
    (void)snprintf(record->place, sizeof(record->place), "%s", place);
    (void)snprintf(record->detail, sizeof(record->detail), "%s", detail);
    pthread_mutex_unlock(&record->lock);
}

void trouble_over(enum trouble trouble)
{
    struct record *record = &records[trouble];
    if (atomic_load_explicit(&record->since_ms, memory_order_relaxed) == 0)
        return;
    pthread_mutex_lock(&record->lock);
    atomic_store_explicit(&record->since_ms, 0, memory_order_relaxed);
    pthread_mutex_unlock(&record->lock);
}

bool trouble_get(enum trouble trouble, struct trouble_state *state)
{
    struct record *record = &records[trouble];
    pthread_mutex_lock(&record->lock);
    *state = (struct trouble_state){.since_ms = atomic_load_explicit(&record->since_ms, memory_order_relaxed),
                                    .count = record->count};
    (void)snprintf(state->place, sizeof(state->place), "%s", record->place);
    (void)snprintf(state->detail, sizeof(state->detail), "%s", record->detail);
    pthread_mutex_unlock(&record->lock);
    return state->since_ms != 0;
}

/* ---- tally: a share fails ---- */

#define WINDOW_NS UINT64_C(60000000000)
#define FEW 5
#define RISES_AT 10 /* per cent: `since_ms` is when the share last rose to this */

/* Counts of two windows: the current and the previous one. */
static struct counts {
    pthread_mutex_t lock; /* guards everything except `good`, which any thread increments */
    _Atomic uint64_t good;
    uint64_t bad, good_before, bad_before;
    uint64_t began_ns;
    int64_t since_ms, latest_ms;
    char place[TROUBLE_PLACE], detail[TROUBLE_DETAIL];
} tallies[TALLIES] = {{.lock = PTHREAD_MUTEX_INITIALIZER}, {.lock = PTHREAD_MUTEX_INITIALIZER}};

/* Needs the lock. Begin a new window if the current one is over. */
static void move_on(struct counts *counts)
{
    uint64_t now = clock_monotonic_ns(), age = now - counts->began_ns;
    if (age < WINDOW_NS)
        return;
    uint64_t good = atomic_exchange_explicit(&counts->good, 0, memory_order_relaxed);
    /* if nobody looked for a long time, the numbers may be old and say nothing about now */
    counts->good_before = age < 2 * WINDOW_NS ? good : 0;
    counts->bad_before = age < 2 * WINDOW_NS ? counts->bad : 0;
    counts->bad = 0;
    counts->began_ns = now;
}

/* Needs the lock. */
static bool is_high(struct counts *counts, unsigned percent, uint64_t *bad, uint64_t *all)
{
    *bad = counts->bad + counts->bad_before;
    *all = *bad + atomic_load_explicit(&counts->good, memory_order_relaxed) + counts->good_before;
    return *bad >= FEW && *bad * 100 >= *all * percent;
}

void tally_good(enum tally tally)
{
    atomic_fetch_add_explicit(&tallies[tally].good, 1, memory_order_relaxed);
}

void tally_bad(enum tally tally, const char *place, const char *detail)
{
    struct counts *counts = &tallies[tally];
    uint64_t bad, all;
    pthread_mutex_lock(&counts->lock);
    move_on(counts);
    counts->bad++;
    counts->latest_ms = clock_wall_ms();
    (void)snprintf(counts->place, sizeof(counts->place), "%s", place);
    (void)snprintf(counts->detail, sizeof(counts->detail), "%s", detail);
    if (!is_high(counts, RISES_AT, &bad, &all))
        counts->since_ms = 0;
    else if (counts->since_ms == 0)
        counts->since_ms = clock_wall_ms();
    pthread_mutex_unlock(&counts->lock);
}

bool tally_get(enum tally tally, unsigned percent, struct trouble_state *state)
{
    struct counts *counts = &tallies[tally];
    *state = (struct trouble_state){.since_ms = 0};
    pthread_mutex_lock(&counts->lock);
    move_on(counts);
    bool high = is_high(counts, percent, &state->count, &state->of) && counts->since_ms;
    if (state->count == 0)
        counts->since_ms = 0;
    state->since_ms = counts->since_ms;
    state->latest_ms = counts->latest_ms;
    (void)snprintf(state->place, sizeof(state->place), "%s", counts->place);
    (void)snprintf(state->detail, sizeof(state->detail), "%s", counts->detail);
    pthread_mutex_unlock(&counts->lock);
    return high;
}
