/* SPDX-License-Identifier: Apache-2.0 */
/* The window of recent lags for nodejs_eventloop_lag_*, and the loops' open handles. promc-uv has eventloop_*. */
#include "metrics/internal.h"

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>

#define WINDOW 1000 /* samples of 10 ms: ten seconds */

/* Written only by its loop, read by scrapes. */
struct loop_metrics {
    _Atomic uint32_t next;           /* number of samples so far; the newest is at (next - 1) % WINDOW */
    _Atomic uint32_t window[WINDOW]; /* microseconds */
    _Atomic unsigned servers, sockets, timers, requests;
};

static struct loop_metrics *loops;
static unsigned loop_count;

int metrics_loops_register(unsigned count)
{
    loop_count = count < LOOPS_MAX ? count : LOOPS_MAX;
    loops = calloc(loop_count ? loop_count : 1, sizeof(*loops));
    return loops ? 0 : PROMC_E_NOMEM;
}

void metrics_loops_reset(void)
{
    free(loops);
    loops = NULL;
    loop_count = 0;
}

void metrics_loop_lag(unsigned loop, double seconds)
{
    if (loop >= loop_count || !(seconds >= 0))
        return;
    struct loop_metrics *metrics = &loops[loop];
    uint32_t at = atomic_load_explicit(&metrics->next, memory_order_relaxed);
    uint32_t micros = seconds < 4000 ? (uint32_t)(seconds * 1e6) : UINT32_MAX;
    atomic_store_explicit(&metrics->window[at % WINDOW], micros, memory_order_relaxed);
    atomic_store_explicit(&metrics->next, at + 1, memory_order_release);
}

void metrics_loop_handles(unsigned loop, const struct metrics_loop_handles *handles)
{
    if (loop >= loop_count)
        return;
    atomic_store_explicit(&loops[loop].servers, handles->servers, memory_order_relaxed);
    atomic_store_explicit(&loops[loop].sockets, handles->sockets, memory_order_relaxed);
    atomic_store_explicit(&loops[loop].timers, handles->timers, memory_order_relaxed);
    atomic_store_explicit(&loops[loop].requests, handles->requests, memory_order_relaxed);
}

void metrics_loops_handles_sum(struct metrics_loop_handles *out)
{
    *out = (struct metrics_loop_handles){0};
    for (unsigned i = 0; i < loop_count; i++) {
        out->servers += atomic_load_explicit(&loops[i].servers, memory_order_relaxed);
        out->sockets += atomic_load_explicit(&loops[i].sockets, memory_order_relaxed);
        out->timers += atomic_load_explicit(&loops[i].timers, memory_order_relaxed);
        out->requests += atomic_load_explicit(&loops[i].requests, memory_order_relaxed);
    }
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* @param sorted n ≥ 1 samples. @return seconds */
static double quantile(const uint32_t *sorted, unsigned n, unsigned percent)
{
    unsigned rank = (n - 1) * percent / 100;
    return sorted[rank] / 1e6;
}

void metrics_loops_lag_window(struct lag_window *out)
{
    *out = (struct lag_window){0};
    uint32_t *samples = malloc((size_t)loop_count * WINDOW * sizeof(*samples) + 1);
    if (!samples)
        return;
    unsigned n = 0;
    double sum = 0, squares = 0;
    for (unsigned i = 0; i < loop_count; i++) {
        uint32_t taken = atomic_load_explicit(&loops[i].next, memory_order_acquire);
        uint32_t have = taken < WINDOW ? taken : WINDOW;
        for (uint32_t k = 0; k < have; k++) {
            uint32_t value = atomic_load_explicit(&loops[i].window[k], memory_order_relaxed);
            double seconds = value / 1e6;
            samples[n++] = value;
            sum += seconds;
            squares += seconds * seconds;
            if (k == (taken - 1) % WINDOW && seconds > out->last)
                out->last = seconds;
        }
    }
    if (n > 0) {
        qsort(samples, n, sizeof(*samples), by_value);
        double variance = squares / n - sum / n * (sum / n);
        out->samples = n;
        out->min = samples[0] / 1e6;
        out->max = samples[n - 1] / 1e6;
        out->mean = sum / n;
        out->stddev = variance > 0 ? sqrt(variance) : 0;
        out->p50 = quantile(samples, n, 50);
        out->p90 = quantile(samples, n, 90);
        out->p99 = quantile(samples, n, 99);
    }
    free(samples);
}
