/* SPDX-License-Identifier: Apache-2.0 */
/* One row per type. The fields are described in series/type_ops.h, each type in its own file. */
#include "types/types.h"
#include "types/counter.h"
#include "types/exemplar.h"
#include "types/gauge.h"
#include "types/histogram.h"
#include "types/histogram_read.h"
#include "types/native.h"
#include "types/summary.h"
#include "types/window.h"
#include "types/workers.h"

static const char *const plain_samples[] = {"", NULL};
static const char *const counter_samples[] = {"", "_total", "_created", NULL};
static const char *const histogram_samples[] = {"", "_bucket", "_sum", "_count", "_created", NULL};
static const char *const summary_samples[] = {"", "_sum", "_count", "_created", NULL};
static const char *const info_samples[] = {"", "_info", NULL};

/* The value in the child, like a set gauge's. */
#define KEPT .own_bytes = sizeof(struct promc_child_value), .digest = promc_kept_digest, .read = promc_kept_read

#define COUNTER                                                                                              \
    .type = PROMC_COUNTER, .shape = PROMC_SHAPE_COUNTER, .name = "counter", .text_type = "counter",          \
    .openmetrics_type = "counter", .suffix = "_total", .samples = counter_samples, .refuses_suffixes = true, \
    .accumulates = true

#define HISTOGRAM                                                                                              \
    .type = PROMC_HISTOGRAM, .shape = PROMC_SHAPE_HISTOGRAM, .name = "histogram", .text_type = "histogram",    \
    .openmetrics_type = "histogram", .suffix = "", .samples = histogram_samples, .reserved_label = "le",       \
    .refuses_suffixes = true, .accumulates = true, .plan = promc_histogram_plan, .fill = promc_histogram_fill, \
    .view = promc_histogram_view, .free = promc_exemplars_free, .repair = promc_histogram_repair,              \
    .digest = promc_histogram_digest, .read = promc_histogram_read

const struct promc_type_ops promc_types[PROMC_ROWS] = {
    [PROMC_ROW_COUNTER] = {COUNTER, .cells = 2, .free = promc_exemplars_free, .digest = promc_counter_digest,
                           .read = promc_counter_read},
    [PROMC_ROW_COUNTER_KEPT] = {COUNTER, KEPT},
    [PROMC_ROW_GAUGE] = {.type = PROMC_GAUGE,
                         .name = "gauge",
                         .text_type = "gauge",
                         .openmetrics_type = "gauge",
                         .suffix = "",
                         .samples = plain_samples,
                         KEPT},
    [PROMC_ROW_GAUGE_WORKERS] = {.type = PROMC_GAUGE,
                                 .name = "gauge",
                                 .text_type = "gauge",
                                 .openmetrics_type = "gauge",
                                 .suffix = "",
                                 .samples = plain_samples,
                                 .cells = PROMC_WORKERS_CELLS,
                                 .process_gone = promc_workers_gone,
                                 .digest = promc_workers_digest,
                                 .read = promc_workers_read},
    [PROMC_ROW_UPDOWN] = {.type = PROMC_UPDOWN,
                          .name = "gauge",
                          .text_type = "gauge",
                          .openmetrics_type = "gauge",
                          .suffix = "",
                          .samples = plain_samples,
                          .cells = 1,
                          .process_gone = promc_updown_gone,
                          .digest = promc_updown_digest,
                          .read = promc_updown_read},
    [PROMC_ROW_HISTOGRAM] = {HISTOGRAM},
    [PROMC_ROW_NATIVE] = {HISTOGRAM, .same = promc_native_same, .own_bytes = sizeof(struct promc_child_behind),
                          .behind_bytes = promc_native_bytes, .init = promc_native_init,
                          .removed = promc_native_removed},
    [PROMC_ROW_SUMMARY] = {.type = PROMC_SUMMARY,
                           .shape = PROMC_SHAPE_SUMMARY,
                           .name = "summary",
                           .text_type = "summary",
                           .openmetrics_type = "summary",
                           .suffix = "",
                           .samples = summary_samples,
                           .reserved_label = "quantile",
                           .refuses_suffixes = true,
                           .accumulates = true,
                           .plan = promc_summary_plan,
                           .fill = promc_summary_fill,
                           .same = promc_summary_same,
                           .view = promc_summary_view,
                           .own_bytes = sizeof(struct promc_child_behind),
                           .behind_bytes = promc_window_bytes,
                           .init = promc_window_clear,
                           .repair = promc_histogram_repair,
                           .forked = promc_window_clear,
                           .digest = promc_histogram_digest,
                           .read = promc_summary_read},
    [PROMC_ROW_INFO] = {.type = PROMC_INFO,
                        .name = "info",
                        .text_type = "gauge",
                        .openmetrics_type = "info",
                        .suffix = "_info",
                        .samples = info_samples,
                        .refuses_suffixes = true,
                        .has_no_unit = true,
                        KEPT},
    [PROMC_ROW_STATESET] = {.type = PROMC_STATESET,
                            .name = "stateset",
                            .text_type = "gauge",
                            .openmetrics_type = "stateset",
                            .suffix = "",
                            .samples = plain_samples,
                            .refuses_suffixes = true,
                            .has_no_unit = true,
                            KEPT},
    [PROMC_ROW_UNTYPED] = {.type = PROMC_UNTYPED,
                           .name = "untyped",
                           .text_type = "untyped",
                           .openmetrics_type = "unknown",
                           .suffix = "",
                           .samples = plain_samples,
                           KEPT},
};
