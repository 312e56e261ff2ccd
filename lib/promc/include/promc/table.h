/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/table.h
 * Metrics that are known when the program is written: all of them in one table.
 *
 * The table expands to a struct with one member per metric. A series is an element of an array, indexed by
 * the enumerators of its labels, so finding it costs nothing at run time, and a misspelt metric or label value
 * does not compile. One call registers everything and creates the series, so that they are exposed from the
 * start. The same table can be walked as data, for a reference of all metrics.
 *
 * A label with known values: enumerators and their texts.
 *
 *     #define SHOP_METHODS(VALUE) VALUE(METHOD_GET, "get") VALUE(METHOD_POST, "post")
 *     PROMC_LABEL(method, "method", SHOP_METHODS);              // enum method, method_values[], method_count
 *
 * The table, one row per metric: type, member, name, help, labels, options.
 *
 *     #define SHOP_METRICS(METRIC, LABEL, OPEN) \
 *         METRIC(COUNTER, orders, "shop_orders_total", "Orders placed.", LABEL(method), PROMC_PLAIN) \
 *         METRIC(GAUGE, stock, "shop_stock", "Items in stock.", PROMC_NO_LABELS, PROMC_PLAIN) \
 *         METRIC(COUNTER_FAMILY, emails, "shop_emails_total", "E-mails sent.", OPEN("customer") LABEL(method), \
 *                PROMC_CAPPED(5000, 86400))
 *     PROMC_TABLE(shop, SHOP_METRICS);                          // in a header: struct shop, extern shop and shop_table
 *     PROMC_TABLE_DEFINE(shop, SHOP_METRICS);                   // in one source file
 *
 * Use it:
 *
 *     promc_table_register(registry, &shop_table, &shop);
 *     promc_counter_inc(shop.orders[METHOD_POST]);
 *     promc_gauge_set(shop.stock, 17);
 *     promc_counter_inc(promc_counter_with(shop.emails, customer, PROMC_VALUE(method, METHOD_GET)));
 *
 * Types
 *  - COUNTER, GAUGE, UPDOWN, HISTOGRAM, SUMMARY, UNTYPED have only enumerated labels. The member is an array of handles (UNTYPED:
 *    promc_gauge), and every combination is created at registration;
 *  - COUNTER_FAMILY, GAUGE_FAMILY, UPDOWN_FAMILY, HISTOGRAM_FAMILY, SUMMARY_FAMILY, UNTYPED_FAMILY may have open labels too. Their
 *    member is the promc_family; series are found by the ordinary lookup, in the order of the labels, and none is created in advance.
 *    An OPEN label in a row of the first kind does not compile;
 *  - COUNTER_CALLBACK, GAUGE_CALLBACK, UNTYPED_CALLBACK: values that the scrape asks for (promc/callback.h). The member is the
 *    promc_family, for promc_callback_set(); without labels, PROMC_VALUE_FROM(function) in the options is enough;
 *  - INFO, STATESET (promc/info.h): the member is the promc_family, for promc_info_set() and promc_stateset_select(). A stateset's
 *    states are the list of a label, PROMC_STATES(set) in the options; the row does not list the stateset's own label:
 *
 *        METRIC(STATESET, mode, "shop_mode", "Current mode.", PROMC_NO_LABELS, PROMC_STATES(shop_mode))
 *        promc_stateset_select(shop.mode, NULL, PROMC_VALUE(shop_mode, MODE_OPEN));
 *
 * C11 and C++11.
 */
#ifndef PROMC_TABLE_H
#define PROMC_TABLE_H

#include <promc/callback.h>
#include <promc/counter.h>
#include <promc/gauge.h>
#include <promc/histogram.h>
#include <promc/info.h>
#include <promc/summary.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the table as data ---- */

/** A label of a metric in a table. This struct never grows. */
typedef struct promc_table_label {
    const char *name;          /**< NULL ends the list */
    const char *const *values; /**< by enumerator; NULL: an open label */
    size_t value_count;
} promc_table_label;

/** Further options of a metric; see PROMC_PLAIN and the macros below it. */
typedef struct promc_table_options {
    const char *unit;      /**< as promc_family_settings.unit; NULL for none */
    const double *buckets; /**< histograms; NULL: promc_default_buckets */
    size_t bucket_count;
    uint32_t max_series; /**< 0: the registry's default */
    uint32_t
        idle_expiry_seconds; /**< 0: never. Not for rows whose series are array elements: their handles would go stale */
    const promc_summary_settings
        *summary;              /**< summaries; NULL: the defaults. Its family's name, help and labels are the row's */
    const char *const *states; /**< statesets; state_count of them */
    size_t state_count;
    promc_value_fn value;  /**< callbacks without labels: called with NULL; may be NULL */
    const char *cap_label; /**< as promc_family_settings.cap_label */
    uint64_t reserved[4];  /**< must be zero: see version.h */
} promc_table_options;

/** A row. */
typedef struct promc_table_metric {
    enum promc_type type;
    int is_family;   /**< 1: the member is a `promc_family *`; 0: an array of handles, one per combination of values */
    int by_callback; /**< 1: its values come from callbacks; then is_family is 1 too */
    const char *name, *help;
    promc_table_label labels[PROMC_MAX_LABELS + 1];
    promc_table_options options;
    uint64_t reserved[2]; /**< must be zero */
} promc_table_metric;

typedef struct promc_table {
    const char *name;
    const promc_table_metric *metrics;
    size_t metric_count;
    size_t handles_bytes; /**< sizeof the struct */
    uint64_t reserved[2]; /**< must be zero */
} promc_table;

/**
 * Register every metric of the table, in its order, and create the series of all enumerated combinations.
 * @param handles  the struct that PROMC_TABLE made (`&shop`), zeroed first; updates through its zero handles do nothing,
 *                 so a program that never calls this may still update.
 * @return 0, or the code of the first row that failed: as promc_counter_register() and promc_counter_get(); PROMC_E_FULL
 *         also if a row has more combinations than its cap, PROMC_E_INVALID for a row that contradicts itself.
 *         *handles is zeroed then; the families of earlier rows stay registered.
 * Do not call it while other threads use *handles. O(series).
 */
PROMC_API int promc_table_register(promc_registry *registry, const promc_table *table, void *handles);

/** Series that a row creates: the product of its value counts; 0 for a family row. */
PROMC_API size_t promc_table_series(const promc_table_metric *metric);

/**
 * The labels of a row's samples: those of the row, and a stateset's own label with its states as values.
 * @return their number. O(labels).
 */
PROMC_API size_t promc_table_labels(const promc_table_metric *metric, promc_table_label labels[PROMC_MAX_LABELS]);

/* ---- options ---- */

/** For reserved words. */
#define PROMC_TABLE_ZERO \
    {                    \
        0                \
    }

#define PROMC_PLAIN                                    \
    {                                                  \
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, PROMC_TABLE_ZERO \
    }
/** `buckets` is an array, not a pointer. */
#define PROMC_BUCKETS(buckets)                                                                    \
    {                                                                                             \
        0, buckets, sizeof(buckets) / sizeof((buckets)[0]), 0, 0, 0, 0, 0, 0, 0, PROMC_TABLE_ZERO \
    }
#define PROMC_CAPPED(max_series, idle_expiry_seconds)                             \
    {                                                                             \
        0, 0, 0, max_series, idle_expiry_seconds, 0, 0, 0, 0, 0, PROMC_TABLE_ZERO \
    }
/** The cap applies to each value of the label with that name, which is one of the row's labels. */
#define PROMC_CAPPED_BY(cap_label, max_series, idle_expiry_seconds)                       \
    {                                                                                     \
        0, 0, 0, max_series, idle_expiry_seconds, 0, 0, 0, 0, cap_label, PROMC_TABLE_ZERO \
    }
#define PROMC_OPTIONS(unit, buckets, bucket_count, max_series, idle_expiry_seconds)                   \
    {                                                                                                 \
        unit, buckets, bucket_count, max_series, idle_expiry_seconds, 0, 0, 0, 0, 0, PROMC_TABLE_ZERO \
    }

/** `settings`: a static promc_summary_settings; unit, cap, expiry and constant labels in its `family` count too. */
#define PROMC_SUMMARY_LIKE(settings)                             \
    {                                                            \
        0, 0, 0, 0, 0, &(settings), 0, 0, 0, 0, PROMC_TABLE_ZERO \
    }
/** The list of a PROMC_LABEL as a stateset's states. */
#define PROMC_STATES(set)                                                   \
    {                                                                       \
        0, 0, 0, 0, 0, 0, set##_values, set##_count, 0, 0, PROMC_TABLE_ZERO \
    }
/** A callback's value: a promc_value_fn, called with NULL. */
#define PROMC_VALUE_FROM(function)                            \
    {                                                         \
        0, 0, 0, 0, 0, 0, 0, 0, function, 0, PROMC_TABLE_ZERO \
    }

#define PROMC_NO_LABELS

/* ---- labels ---- */

/** A label from a list of VALUE(enumerator, "text"): enum set, set_values[], set_count. */
#define PROMC_LABEL(set, name, list)                                                            \
    enum set { list(PROMC_TABLE_ENUMERATOR) };                                                  \
    static const char *const set##_values[] __attribute__((unused)) = {list(PROMC_TABLE_TEXT)}; \
    PROMC_LABEL_OF(set, name, sizeof(set##_values) / sizeof(set##_values[0]))

/** A label whose enum and array of texts, `set_values`, exist already. Defines set_count. */
#define PROMC_LABEL_OF(set, name, count) \
    enum { set##_count = (count) };      \
    static const char set##_label[] __attribute__((unused)) = name

/** The text of an enumerator, for the ordinary lookup. */
#define PROMC_VALUE(set, enumerator) (set##_values[enumerator])

#define PROMC_TABLE_ENUMERATOR(enumerator, text) enumerator,
#define PROMC_TABLE_TEXT(enumerator, text) text,

/* ---- the struct: one member a row ---- */

#define PROMC_TABLE(table, rows)                                             \
    struct table {                                                           \
        rows(PROMC_TABLE_MEMBER, PROMC_TABLE_DIMENSION, PROMC_TABLE_NO_OPEN) \
    };                                                                       \
    extern struct table table;                                               \
    extern const promc_table table##_table

#define PROMC_TABLE_MEMBER(type, member, name, help, labels, options) PROMC_TABLE_MEMBER_##type(member, labels)
#define PROMC_TABLE_MEMBER_COUNTER(member, labels) promc_counter member labels;
#define PROMC_TABLE_MEMBER_GAUGE(member, labels) promc_gauge member labels;
#define PROMC_TABLE_MEMBER_UPDOWN(member, labels) promc_updown member labels;
#define PROMC_TABLE_MEMBER_HISTOGRAM(member, labels) promc_histogram member labels;
#define PROMC_TABLE_MEMBER_SUMMARY(member, labels) promc_summary member labels;
#define PROMC_TABLE_MEMBER_UNTYPED(member, labels) promc_gauge member labels;
#define PROMC_TABLE_MEMBER_COUNTER_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_GAUGE_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_UPDOWN_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_HISTOGRAM_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_SUMMARY_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_UNTYPED_FAMILY(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_COUNTER_CALLBACK(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_GAUGE_CALLBACK(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_UNTYPED_CALLBACK(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_INFO(member, labels) promc_family *member;
#define PROMC_TABLE_MEMBER_STATESET(member, labels) promc_family *member;
#define PROMC_TABLE_DIMENSION(set) [set##_count]
/* This name is never declared, because an open label has no array. */
#define PROMC_TABLE_NO_OPEN(name) [an_open_label_needs_a_FAMILY_row]

/* ---- the data: one element a row ---- */

#define PROMC_TABLE_DEFINE(table, rows)                                                                               \
    struct table table;                                                                                               \
    static const promc_table_metric table##_metrics[] = {rows(PROMC_TABLE_ROW, PROMC_TABLE_LABEL, PROMC_TABLE_OPEN)}; \
    const promc_table table##_table = {#table, table##_metrics, sizeof(table##_metrics) / sizeof(table##_metrics[0]), \
                                       sizeof(struct table), PROMC_TABLE_ZERO}

#define PROMC_TABLE_ROW(type, member, name, help, labels, options) \
    {PROMC_TABLE_KIND_##type, name, help, {labels{0, 0, 0}}, options, PROMC_TABLE_ZERO},
#define PROMC_TABLE_LABEL(set) {set##_label, set##_values, set##_count},
#define PROMC_TABLE_OPEN(name) {name, 0, 0},
#define PROMC_TABLE_KIND_COUNTER PROMC_COUNTER, 0, 0
#define PROMC_TABLE_KIND_GAUGE PROMC_GAUGE, 0, 0
#define PROMC_TABLE_KIND_UPDOWN PROMC_UPDOWN, 0, 0
#define PROMC_TABLE_KIND_HISTOGRAM PROMC_HISTOGRAM, 0, 0
#define PROMC_TABLE_KIND_SUMMARY PROMC_SUMMARY, 0, 0
#define PROMC_TABLE_KIND_UNTYPED PROMC_UNTYPED, 0, 0
#define PROMC_TABLE_KIND_COUNTER_FAMILY PROMC_COUNTER, 1, 0
#define PROMC_TABLE_KIND_GAUGE_FAMILY PROMC_GAUGE, 1, 0
#define PROMC_TABLE_KIND_UPDOWN_FAMILY PROMC_UPDOWN, 1, 0
#define PROMC_TABLE_KIND_HISTOGRAM_FAMILY PROMC_HISTOGRAM, 1, 0
#define PROMC_TABLE_KIND_SUMMARY_FAMILY PROMC_SUMMARY, 1, 0
#define PROMC_TABLE_KIND_UNTYPED_FAMILY PROMC_UNTYPED, 1, 0
#define PROMC_TABLE_KIND_COUNTER_CALLBACK PROMC_COUNTER, 1, 1
#define PROMC_TABLE_KIND_GAUGE_CALLBACK PROMC_GAUGE, 1, 1
#define PROMC_TABLE_KIND_UNTYPED_CALLBACK PROMC_UNTYPED, 1, 1
#define PROMC_TABLE_KIND_INFO PROMC_INFO, 1, 0
#define PROMC_TABLE_KIND_STATESET PROMC_STATESET, 1, 0

#ifdef __cplusplus
}
#endif
#endif
