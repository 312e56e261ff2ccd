/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/scrape.h
 * The exposition: a resumable encoder. begin, read until 0, end. Memory is constant for any number of
 * series, and a slice may have any size ≥ 1, so an event loop can serve a million series without stalling.
 *
 * Specifications: Prometheus text format 0.0.4, OpenMetrics 1.0 text.
 */
#ifndef PROMC_SCRAPE_H
#define PROMC_SCRAPE_H

#include <promc/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

enum promc_format {
    PROMC_FORMAT_TEXT,        /**< text/plain; version=0.0.4 */
    PROMC_FORMAT_OPENMETRICS, /**< application/openmetrics-text; version=1.0.0 */
    PROMC_FORMAT_PROTOBUF     /**< application/vnd.google.protobuf, delimited io.prometheus.client.MetricFamily */
};

/** How names outside `[a-zA-Z_:][a-zA-Z0-9_:]*` are written. */
enum promc_escaping {
    PROMC_ESCAPING_UNDERSCORES, /**< the default if a request does not choose */
    PROMC_ESCAPING_ALLOW_UTF8,
    PROMC_ESCAPING_DOTS,
    PROMC_ESCAPING_VALUES
};

/*
 * Born at zero. If the first event creates a series, Prometheus first sees it with that event counted, and increase() never sees the event.
 * In a family with birth_zero_seconds a scraper sees a new series as 0 until it has that age; then the value appears as a step.
 *  - Use at least twice the longest scrape interval plus its time-out (15 s for an interval of 5 s). `promc_birth_zero_seconds` is the shortest
 *    value of the registry; `promc_series_withheld` counts the young series, for which a person and Prometheus see different values.
 *  - A young series is completely 0: buckets, sum, count; a native histogram is empty but native, quantiles are NaN, exemplars wait.
 *  - If a series is removed before it is twice that age, it is still shown until then, with its value. Its handles are stale at once, and
 *    a lookup of its label values returns it with its counts. It does not expire before that age.
 *  - Not for a program that restores a total with promc_counter_add(): the restored part would appear as a step. Set
 *    PROMC_BIRTH_ZERO_OFF for such a family. Families whose values come from callbacks and collectors are never withheld.
 *  - Set it for all families that are divided by each other, or for none of them.
 *  - Limits: /federate at longer intervals, scrapers without the header (`for_scraper`), a process that ends within the time, a Prometheus that
 *    starts later. A series that is created before its events (by a table, or promc_counter_get() at the start) needs none of this.
 */

/** Settings of a scrape. Start from zero; all zero is text 0.0.4 with all families. */
typedef struct promc_scrape_settings {
    enum promc_format format;
    enum promc_escaping escaping;
    /** The request named the escaping, so the Content-Type must name it too. Set by promc_negotiate(). */
    bool escaping_negotiated;
    /**
     * The reader scrapes regularly, as Prometheus does: new series are shown as 0 for a while ("Born at zero", above). promc_exposition sets
     * it for requests with X-Prometheus-Scrape-Timeout-Seconds. Others (a person with curl, a file, a push) see the value at once.
     */
    bool for_scraper;
    /**
     * Leave out promc's own metrics and those of the ready-made collectors (`process_…`, `malloc_…`). For output that is merged with other
     * programs' metrics, where series with the same name and labels collide. promc_textfile_write() and promc-push set it.
     */
    bool no_self_metrics;
    /**
     * The request asked for text 1.0.0, which is 0.0.4 with quoted UTF-8 names and an explicit escaping. It changes only the
     * Content-Type. Set by promc_negotiate().
     */
    bool text_1_0_0;
    /** Only families with these names (the `name[]` parameter), `name_count` of them; NULL for all. Not copied. */
    const char *const *names;
    size_t name_count;
    /** CLOCK_MONOTONIC ns (promc_now_ns()) after which collectors are skipped; 0: none. */
    uint64_t deadline_ns;
    /**
     * Run no collector and no callback: their families keep the values of the last scrape, and so does promc_scrape_duration_seconds.
     * For frequent readers, such as the history of the exporter's live view.
     */
    bool no_collectors;
    /** 1: no sample has a time (promc_gauge_set_at()), for readers that refuse times. promc_textfile_write() and promc-push set it. */
    uint64_t no_timestamps;
    /** Must be zero: see version.h. */
    uint64_t reserved[2];
} promc_scrape_settings;

typedef struct promc_scrape promc_scrape;

/**
 * Choose format and escaping from a request's Accept header (NULL or "": text 0.0.4). Honours q-values, the specificity of
 * ranges (RFC 9110) and `escaping=`; if promc has none of these formats, it falls back to text 0.0.4, like Prometheus' own libraries. Protobuf without
 * an escaping uses the one of the header's preferred text format: Prometheus 3 names it only there, and a metric must keep its name.
 * Sets format, escaping and escaping_negotiated; leaves the other fields. Any bytes are safe. O(length), no allocation.
 */
PROMC_API void promc_negotiate(const char *accept, promc_scrape_settings *out);

/** The Content-Type for these settings, byte for byte as Prometheus 3 wants it. A static string. */
PROMC_API const char *promc_content_type(const promc_scrape_settings *settings);

/**
 * Start a scrape. Runs the registry's collectors.
 * @return 0, PROMC_E_NOMEM, PROMC_E_BUSY (32 scrapes of this registry are in flight), PROMC_E_INVALID, PROMC_E_VERSION.
 */
PROMC_API int promc_scrape_begin(promc_registry *registry, const promc_scrape_settings *settings, promc_scrape **out);

/**
 * Write the next slice.
 * @return bytes written (> 0), 0 when the exposition is complete, or a negative code.
 * One thread at a time per scrape; different scrapes are independent.
 */
PROMC_API long promc_scrape_read(promc_scrape *scrape, char *buffer, size_t capacity);

/** Free the scrape, complete or not. NULL is allowed. */
PROMC_API void promc_scrape_end(promc_scrape *scrape);

/**
 * The whole exposition in one malloc()ed, NUL-terminated string; the caller frees it. For small programs and tests.
 */
PROMC_API int promc_scrape_string(promc_registry *registry, const promc_scrape_settings *settings, char **out,
                                  size_t *length);

#ifdef __cplusplus
}
#endif
#endif
