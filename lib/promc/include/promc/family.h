/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/family.h
 * A metric family: a name, a type, a help text, and the names of its labels. Registered once, never removed.
 * Its series are its children, one for each combination of label values.
 */
#ifndef PROMC_FAMILY_H
#define PROMC_FAMILY_H

#include <promc/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For birth_zero_seconds: new series are never shown as 0, whatever the registry has. For families whose totals are restored by add(). */
#define PROMC_BIRTH_ZERO_OFF UINT32_MAX

/** At most this many labels a family (constant labels not counted). */
#define PROMC_MAX_LABELS 16

typedef struct promc_family promc_family;

enum promc_type {
    PROMC_COUNTER,
    PROMC_GAUGE,  /**< may be set: one cell that all threads share */
    PROMC_UPDOWN, /**< a gauge that only goes up and down by whole numbers: sharded, as fast as a counter */
    PROMC_HISTOGRAM,
    PROMC_SUMMARY,
    PROMC_INFO,
    PROMC_STATESET,
    PROMC_UNTYPED
};

/**
 * What every family has, as a designated initialiser:
 * `&(promc_family_settings){.name = "jobs_total", .help = "Jobs done.", .labels = {"queue"}}`.
 * All strings are copied.
 */
typedef struct promc_family_settings {
    /** UTF-8; the classic grammar `[a-zA-Z_:][a-zA-Z0-9_:]*` is recommended. A counter may be given with or without `_total`. */
    const char *name;
    /** One sentence for the reader of a dashboard. NULL or "" leaves HELP out. */
    const char *help;
    /** Base unit, e.g. "seconds", "bytes"; must be the last part of the name (before `_total`). NULL for none. */
    const char *unit;
    /** Label names, ended by NULL or by the array's end. `le` / `quantile` / `__*` are refused where reserved. */
    const char *labels[PROMC_MAX_LABELS];
    /**
     * Cap on this family's series; past it updates go to the overflow series: all values `other`, and a label of its own,
     * `promc_overflow="true"`, so that no value of the program's is taken for it. 0: the registry's.
     */
    uint32_t max_series;
    /** Seconds without an update after which a series is dropped at a scrape. 0: never. */
    uint32_t idle_expiry_seconds;
    /** Labels with fixed values on every series of this family, ended by a NULL name. NULL for none. */
    const promc_label *constant_labels;
    /**
     * Seconds for which scrapers see a new series as 0, so that rate() and increase() see its first events. Of counters, histograms and
     * summaries that inc, add or observe update; of no effect for others. 0: the registry's. PROMC_BIRTH_ZERO_OFF: never. At most 86,400.
     * See "Born at zero" in scrape.h for its rules.
     */
    uint32_t birth_zero_seconds;
    /**
     * One of `labels`: the cap is for each value of it (an organisation's series cannot push another's out), and updates past it go to
     * an overflow series of that value: it keeps it, has the other values as `other`, and `promc_overflow` with this label's name.
     * The whole family then has no cap but the memory budget; past that all values are `other`. NULL or "": one cap for the family.
     */
    const char *cap_label;
    /** Must be zero: see version.h. */
    uint64_t reserved[4];
} promc_family_settings;

/** A label value with its length, for values that are not NUL-terminated. */
typedef struct promc_str {
    const char *data;
    size_t length;
} promc_str;

/*
 * What promc_counter_with() and its like make of their values: an array and its length. ISO C++ has no compound
 * literals, so that there they are function templates.
 */
#ifdef __cplusplus
#define PROMC_WITH_TEMPLATE(type)                                                   \
    extern "C++" template <typename... Values>                                      \
    inline promc_##type promc_##type##_with(promc_family *family, Values... values) \
    {                                                                               \
        const char *const list[] = {values..., nullptr};                            \
        return promc_##type##_with_values(family, list, sizeof...(values));         \
    }
#else
#define PROMC_VALUES(...) \
    (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *)
#endif

/** @return the family of that name, or NULL. Counters are found with or without `_total`. Lock-free. */
PROMC_API promc_family *promc_family_find(promc_registry *registry, const char *name);
/** The name as in text 0.0.4, a counter's with `_total`. Valid until the registry is destroyed. */
PROMC_API const char *promc_family_name(const promc_family *family);
/** The type it was registered as. */
PROMC_API enum promc_type promc_family_type(const promc_family *family);

/**
 * Remove the series with exactly these label values (as many as the family has labels).
 * Handles to it stay safe: updates through them are counted as stale and change nothing.
 * @return 0, PROMC_E_NOT_FOUND, PROMC_E_LABEL_COUNT.
 */
PROMC_API int promc_family_remove(promc_family *family, const char *const *values);

/**
 * Remove every series whose labels match all `match[0 … count-1]` pairs.
 * @return how many were removed (≥ 0), or PROMC_E_LABEL_NAME for a label the family does not have.
 */
PROMC_API int promc_family_remove_matching(promc_family *family, const promc_label *match, size_t count);

/** Series alive in the family. Lock-free. */
PROMC_API uint32_t promc_family_series_count(const promc_family *family);

#ifdef __cplusplus
}
#endif
#endif
