/* SPDX-License-Identifier: Apache-2.0 */
/* A reader's view of a family and of a series. A type fills its part; the other members are invalid. */
#ifndef PROMC_TYPES_VALUES_H
#define PROMC_TYPES_VALUES_H

#include "series/type_ops.h"
#include "types/native.h"
#include "types/summary.h"
#include <promc/histogram.h>
#include <promc/summary.h>

struct promc_family_view {
    const struct promc_family_data *data;
    const struct promc_type_ops *ops;
    promc_str name;            /* OpenMetrics' family name: a counter without `_total`, an info without `_info` */
    promc_str sample_name;     /* the same with the suffix; equal to name for the other types */
    promc_str help;            /* raw, not escaped; length 0: none */
    promc_str unit;            /* length 0: none */
    promc_str constant_labels; /* rendered and escaped, `a="b",c="d"`; length 0: none. A name outside the classic
                                   grammar is quoted: `"my.label"="b"` */
    unsigned constant_label_count;
    unsigned label_count;
    promc_str label_names[PROMC_LABELS_MOST];
    bool utf8_name;       /* the name is outside the classic grammar */
    bool utf8_labels;     /* a label name, constant or not, is outside the classic grammar */
    bool native, classic; /* histograms: their kinds, one or both */
    unsigned bound_count; /* histograms: finite bounds */
    const double *bounds;
    const struct promc_le *le; /* bound_count + 1 texts; the last is +Inf. Summaries: quantile_count texts */
    unsigned quantile_count;   /* summaries */
    const double *quantiles;   /* ascending */
    const struct promc_summary_data *summary;
};

/* The values of one histogram, of one instant. */
struct promc_histogram_picture {
    uint64_t counts[PROMC_MAX_BUCKETS + 1]; /* not cumulative */
    uint64_t total;                         /* their sum */
    double sum;
};

/* The values of one series. */
struct promc_values {
    uint64_t integer; /* its value is integer + number */
    double number;    /* a counter's is 0 while only whole numbers were added */
    bool timed;       /* the value has a time, time_ms */
    uint64_t time_ms;
    struct promc_histogram_picture histogram; /* summaries: its total and sum */
    struct promc_native_view native; /* its total is the histogram's; without classic buckets all are in counts[0] */
    double quantiles[PROMC_MAX_QUANTILES]; /* of the window; NaN without observations in it */
};

/* The values of a series without observations. A native histogram is empty, but native; quantiles are NaN. */
void promc_values_withhold(const struct promc_family_view *family, const struct promc_child *child,
                           struct promc_values *out);

#endif
