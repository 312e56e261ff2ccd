/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/family.h
 * A metric family: a name, a type, a help text, and label names. It is registered once and lives until it or its registry is destroyed.
 * Its series are its children, one for each combination of label values.
 */
#ifndef PROMC_FAMILY_H
#define PROMC_FAMILY_H

#include <promc/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

/** For birth_zero_seconds: never show new series as 0, whatever the registry's default is. For families whose totals are restored by add(). */
#define PROMC_BIRTH_ZERO_OFF UINT32_MAX

/** Places in promc_family_settings.labels (constant labels not counted). */
#define PROMC_MAX_LABELS 16
/** Maximum labels of a family, in promc_family_settings.label_list. */
#define PROMC_MAX_LABEL_LIST 64

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
 * What a gauge shows if several processes share the arena (promc_registry_settings.shared_path, memory_is_shared); the names are Python's. Except
 * for the first mode, each process has its own value, which its threads share. The gauge combines the values of all processes that have
 * set it; it is 0 if none has. With `LIVE`, a dead process' value is dropped at the next scrape; without it, the value still counts.
 * In an arena of one process all modes are the same.
 */
enum promc_workers {
    PROMC_WORKERS_MOSTRECENT, /**< the value set last by any process: there is only one value */
    PROMC_WORKERS_SUM,
    PROMC_WORKERS_LIVESUM,
    PROMC_WORKERS_MAX,
    PROMC_WORKERS_LIVEMAX,
    PROMC_WORKERS_MIN,
    PROMC_WORKERS_LIVEMIN
};

/**
 * Settings of any family, to be written as a designated initialiser:
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
    /** Label names, ended by NULL or by the array's end. `le`, `quantile` and `__*` are refused where they are reserved. */
    const char *labels[PROMC_MAX_LABELS];
    /**
     * Cap on this family's series. Beyond it, updates go to the overflow series: all its values are `other`, and it has an extra label
     * `promc_overflow="true"`, so that it cannot be confused with the program's own values. 0: the registry's.
     */
    uint32_t max_series;
    /** A scrape removes a series after this many seconds without an update. 0: never. */
    uint32_t idle_expiry_seconds;
    /** Labels with fixed values on every series of this family, ended by a NULL name. NULL for none. */
    const promc_label *constant_labels;
    /**
     * Seconds for which scrapers see a new series as 0, so that rate() and increase() see its first events. For counters, histograms and
     * summaries that inc, add or observe update; no effect on others. 0: the registry's. PROMC_BIRTH_ZERO_OFF: never. At most 86,400.
     * See "Born at zero" in scrape.h for its rules.
     */
    uint32_t birth_zero_seconds;
    /**
     * One of `labels`: the cap then applies to each of its values (one organisation cannot take another's series). Updates beyond the cap go to
     * an overflow series of that value: it keeps the value, the other labels are `other`, and `promc_overflow` has this label's name.
     * Only the memory budget limits the whole family; beyond that all values are `other`. NULL or "": one cap for the family.
     */
    const char *cap_label;
    /** For PROMC_GAUGE, if processes share the arena: an enum promc_workers. Not with callbacks. */
    uint64_t workers;
    /**
     * 1: text 0.0.4 and protobuf show the name as it is given: a counter gets no `_total`, and endings that OpenMetrics reserves for
     * samples are allowed (`jobs_count`, `sessions_created`). For programs with existing dashboards and alerts. OpenMetrics
     * always has `_total` on counters, so use only one format for a scraper. 0 (default): the naming conventions apply.
     */
    uint64_t verbatim_name;
    /**
     * Replaces `labels` if there are more than PROMC_MAX_LABELS: label names, ended by NULL, at most PROMC_MAX_LABEL_LIST (else PROMC_E_LABEL_COUNT).
     * If both are set, the registration fails (PROMC_E_INVALID). A lookup takes time for each label, for those after the fourth a little more.
     */
    union {
        const char *const *label_list;
        uint64_t label_list_room; /**< makes the union 64 bits wide on every machine */
    };
    /** Must be zero: see version.h. (This is the last word. It will become a pointer to further settings.) */
    uint64_t reserved[1];
} promc_family_settings;

/** A label value with its length, for values that are not NUL-terminated. */
typedef struct promc_str {
    const char *data;
    size_t length;
} promc_str;

/*
 * promc_counter_with() and the like turn their values into an array and its length. ISO C++ has no compound
 * literals, so they are function templates there.
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

/**
 * Destroy a family and all its series, e.g. before its module is unloaded. It is not in the next scrape, and its name is free at
 * once, also for another definition. The call waits for a running callback of the family, so do not call it from one.
 * Handles of its series stay safe, like those of removed series. A lookup in progress in another thread is safe and fails with PROMC_E_NOT_FOUND.
 * `family`, its descriptions and its curries become invalid. Its memory is reused after the series' quarantine (a
 * minute) and after the scrapes in flight. Thread safe; O(families + series).
 * @return 0, PROMC_E_INVALID (NULL, one of promc's own families, or an arena that processes share, because others use the family too).
 */
PROMC_API int promc_family_destroy(promc_family *family);

/** Series alive in the family. Lock-free. */
PROMC_API uint32_t promc_family_series_count(const promc_family *family);

#ifdef __cplusplus
}
#endif
#endif
