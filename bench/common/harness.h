/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file harness.h
 * Shared by the C and C++ benchmark programs: the clock, the two-thread run, the workload, the output.
 * The Go, Rust and Node programs do the same in their own language; bench/README.md is the definition.
 */
#ifndef BENCH_HARNESS_H
#define BENCH_HARNESS_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Prevents the compiler from keeping values in registers from one operation to the next, as a call between them would. */
#define BENCH_BARRIER() __asm__ volatile("" ::: "memory")

/** Unroll the loop over a batch's operations: the increment of a counter costs less than one step of a loop. */
#define BENCH_UNROLL _Pragma("GCC unroll 8")

enum {
    BENCH_VALUES = 1024,      /**< observations, cycled through */
    BENCH_LOOKUP_SERIES = 64, /**< label sets of the lookup cases, cycled through */
    BENCH_BOUNDS = 11,
    BENCH_HISTOGRAM_FILL = 100 /**< observations in each histogram of the text cases */
};

/** The three label values of series number i: method, route, status_code. All different for different i. */
typedef struct bench_labels {
    const char *method;
    char route[32];
    const char *status;
} bench_labels;
void bench_labels_of(uint32_t i, bench_labels *out);
extern const char *const bench_label_names[3];

/** The default bounds of the Prometheus libraries, 0.005 … 10. */
extern const double bench_bounds[BENCH_BOUNDS];
/** Pseudo-random latencies from 0 to 12 s, which hit every bucket; the same in every program. */
extern double bench_values[BENCH_VALUES];
void bench_values_init(void);
/** The value of counter number i in the text cases: one to seven digits. */
uint64_t bench_counter_value(uint32_t i);

uint64_t bench_now_ns(void);
/** How often the scheduler has preempted this thread (involuntary context switches). */
long bench_descheduled(void);

/** Do `n` operations; `thread` is 0 or 1. */
typedef void (*bench_loop)(void *state, uint64_t n, unsigned thread);
/** Nanoseconds per operation of one thread. */
typedef struct bench_times {
    double alone;    /**< one thread while the other sleeps, and then vice versa, as the cores may differ */
    double apart;    /**< two threads at once, each on its own metric: the machine's cost of a second thread */
    double together; /**< two threads at once on one metric */
} bench_times;
/**
 * Measures the three in turn, batch by batch, on two cores: alone and together on states[0], apart with thread t on
 * states[t]. Each result is the median of 50 batches in which no thread lost its core, of the mean of both threads' times.
 */
bench_times bench_ns_per_op(bench_loop loop, void *const states[2]);
/** OPERATION_1t, OPERATION_2t_apart and OPERATION_2t. */
void bench_emit_times(const char *operation, bench_times times);

/** Render once; @return the bytes written. */
typedef size_t (*bench_render)(void *state);
/** Nanoseconds of the fastest of many renderings; *bytes is their size. Exits if their sizes differ. */
double bench_render_ns(bench_render render, void *state, size_t *bytes);

/** Resident bytes of this process, from smaps_rollup (statm is only approximate on new kernels). */
double bench_resident_bytes(void);

/** Sorts the array. NaN if it is empty. */
double bench_median(double *values, size_t count);

/** One result line, `name value`, on stdout. */
void bench_emit(const char *name, double value);

#ifdef __cplusplus
}
#endif
#endif
