/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file measured.h
 * The common part of the ready-made collectors: a table of metrics whose values are read from the system. A value that is unavailable at
 * registration has no family; if a value cannot be read later, the last good one stays.
 */
#ifndef PROMC_COLLECT_MEASURED_H
#define PROMC_COLLECT_MEASURED_H

#include <promc/gauge.h>

#define PROMC_MEASURED_MAX 16

/* mallinfo2(3). In two steps: outside of glibc, __GLIBC_PREREQ(2, 33) is not a valid expression. */
#ifdef __GLIBC__
#if __GLIBC_PREREQ(2, 33)
#define PROMC_HAS_MALLINFO2
#endif
#endif

/** One series. Entries of one family are adjacent and differ in label_values. */
struct promc_measure {
    const char *name, *help, *unit;
    enum promc_type type; /**< PROMC_COUNTER or PROMC_GAUGE */
    const char *labels[3];
    const char *label_values[3];
};

/** Values in the order of the table. */
struct promc_measurements {
    bool have[PROMC_MEASURED_MAX];
    double value[PROMC_MEASURED_MAX];
};

/**
 * Read the available values. @param state the source's own, zeroed before the first call.
 * @return 0, or a negative code if a value that was available before could not be read.
 */
typedef int (*promc_measure_fn)(void *state, struct promc_measurements *out);

struct promc_measured_source {
    const char *collector; /**< its name in promc_collector_errors_total */
    const struct promc_measure *table;
    unsigned count;
    promc_measure_fn measure;
    size_t state_bytes;
};

/**
 * Read once, register the families of the available values, and a collector that updates them. Each process has its own state, a forked
 * child a copy of its parent's.
 * @param source static.
 * @param prefix of every name, including the collector's; "" for none.
 * @return 0, also if nothing could be read; PROMC_E_FULL, PROMC_E_DUPLICATE, …
 */
int promc_measured_register(promc_registry *registry, const struct promc_measured_source *source, const char *prefix);

extern const struct promc_measured_source promc_measured_process, promc_measured_malloc, promc_measured_cgroup,
    promc_measured_scheduler, promc_measured_pressure;

static inline void promc_measured_set(struct promc_measurements *out, unsigned i, double value)
{
    out->have[i] = true;
    out->value[i] = value;
}

#endif
