/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the encoder reads. A reading walks families in registration order and their series in creation order, over
 * as many calls and as long as it likes: what is created meanwhile behind it appears, what is removed is skipped, and
 * nothing that it stands on is reclaimed before promc_reading_end().
 * Strings are (pointer, length) into the arena and stay valid until promc_reading_end().
 */
#ifndef PROMC_READ_SNAPSHOT_H
#define PROMC_READ_SNAPSHOT_H

#include "registry/registry_internal.h"
#include "series/series.h"

struct promc_reading {
    promc_registry *registry;
    uint64_t token;
    uint32_t slot;
    uint32_t now;                     /* ticks at the begin; for idle expiry */
    struct promc_family_data *family; /* current, NULL before the first */
    struct promc_child *child;        /* current, NULL before the family's first */
    bool started, at_end;
    uint32_t hidden; /* PROMC_FAMILY_*: families with one of these are skipped */
};

struct promc_family_view {
    const struct promc_family_data *data;
    enum promc_type type;
    promc_str name;            /* OpenMetrics' family name: a counter without `_total`, an info without `_info` */
    promc_str sample_name;     /* the same with the suffix; equal to name for the other types */
    promc_str help;            /* raw, not escaped; length 0: none */
    promc_str unit;            /* length 0: none */
    promc_str constant_labels; /* rendered and escaped, `a="b",c="d"`; length 0: none. A name outside the classic
                                   grammar is quoted: `"my.label"="b"` */
    unsigned constant_label_count;
    unsigned label_count;
    promc_str label_names[PROMC_MAX_LABELS];
    bool utf8_name;       /* the name is outside the classic grammar */
    bool utf8_labels;     /* a label name, constant or not, is */
    bool native, classic; /* histograms: which they are; one or both */
    unsigned bound_count; /* histograms: finite bounds */
    const double *bounds;
    const struct promc_le *le; /* bound_count + 1 texts; the last is +Inf. Summaries: quantile_count texts */
    unsigned quantile_count;   /* summaries */
    const double *quantiles;   /* ascending */
};

struct promc_series_view {
    const struct promc_child *child;
    promc_str labels; /* rendered and escaped, without braces, constant labels not included; length 0: none */
    double created;   /* seconds since the Unix epoch, never after now */
};

/* Clean up what may be reclaimed, and register. @return 0 or PROMC_E_BUSY. */
int promc_reading_begin(promc_registry *registry, struct promc_reading *reading);
/* Idempotent. */
void promc_reading_end(struct promc_reading *reading);

/* @return false: no further family. Hidden ones are skipped. O(1). */
bool promc_reading_next_family(struct promc_reading *reading, struct promc_family_view *view);
/* @return false: no further series in this family. O(1) amortised. Expires idle series as it goes. */
bool promc_reading_next_series(struct promc_reading *reading, struct promc_series_view *view);

/* Constant label i of a family, raw. */
void promc_family_constant(const promc_registry *registry, const struct promc_family_view *view, unsigned i,
                           promc_str *name, promc_str *value);
/* Label values of a series, raw (for protobuf and other escapings). @return how many. */
unsigned promc_series_values(const promc_registry *registry, const struct promc_series_view *view,
                             promc_str values[PROMC_MAX_LABELS]);

/* Value = *integer + *fraction; *fraction is 0 while only whole numbers were added. */
void promc_read_counter(const promc_registry *registry, const struct promc_child *child, uint64_t *integer,
                        double *fraction);
/* PROMC_GAUGE and PROMC_UPDOWN (and PROMC_UNTYPED). */
double promc_read_gauge(const promc_registry *registry, const struct promc_child *child);
/*
 * @param buckets  bound_count + 1 counts, not cumulative; `_count` is their sum.
 * @param sum      of exactly those observations.
 * @return false if a writer could not be caught standing still or answering (the picture is then the newest one).
 */
bool promc_read_histogram(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum);

struct promc_native_view;
/*
 * The same of a native histogram: also its native buckets, whose total is that of buckets[]. A histogram without classic buckets has
 * all in buckets[0].
 */
bool promc_read_native(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum,
                       struct promc_native_view *native);

/*
 * A summary's. @param quantiles  the values of the family's quantiles in the window: NaN if nothing was observed in it.
 * @param total, sum  of everything since the start, of one instant.
 */
void promc_read_summary(promc_registry *registry, const struct promc_child *child, double *quantiles, uint64_t *total,
                        double *sum);

/* The encoder's hooks: collectors first, then a reading; and after it what it cost. */

/* Run the collectors, each at most once at a time, and none after deadline_ns (0: no deadline); then set promc's own. */
void promc_collectors_run(promc_registry *registry, uint64_t deadline_ns);
/* Sets promc_scrape_duration_seconds and promc_scrape_bytes; shown by the next scrape. */
void promc_scrape_finished(promc_registry *registry, double seconds, uint64_t bytes);

#endif
