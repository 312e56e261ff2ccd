/* SPDX-License-Identifier: Apache-2.0 */
/* promc's side of the table. The cases are defined in bench/README.md. */
#include "../common/harness.h"

#include <promc/promc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 64 * 1024, SCRAPES = 7 };

static void must(int code, const char *what)
{
    if (code < 0) {
        fprintf(stderr, "promc: %s: %s: %s\n", what, promc_strerror(code), promc_error_detail());
        exit(1);
    }
}

/* Room for a million series. This is only address space: memory is committed when it is used. */
static promc_registry *new_registry(void)
{
    promc_registry *registry;
    promc_registry_settings settings;
    promc_registry_default_settings(&settings);
    settings.arena_bytes = (size_t)2 << 30;
    settings.max_threads = 4;
    settings.max_series_per_family = 2000000;
    settings.no_self_metrics = true;
    must(promc_registry_create(&registry, &settings), "registry");
    return registry;
}

static promc_family *new_counters(promc_registry *registry, const char *name)
{
    promc_family *family;
    promc_family_settings settings = {
        .name = name, .help = "Requests served.", .labels = {"method", "route", "status_code"}};
    must(promc_counter_register(registry, &settings, &family), "counter");
    return family;
}

static promc_family *new_histograms(promc_registry *registry)
{
    promc_family *family;
    promc_histogram_settings settings = {.family = {.name = "http_request_duration_seconds",
                                                    .help = "Time to answer.",
                                                    .labels = {"method", "route", "status_code"}}};
    must(promc_histogram_register(registry, &settings, &family), "histogram");
    return family;
}

static promc_counter counter_at(promc_family *family, const bench_labels *labels)
{
    promc_counter counter;
    const char *values[] = {labels->method, labels->route, labels->status};
    must(promc_counter_get(family, values, &counter), "series");
    return counter;
}

static void fill_counters(promc_family *family, uint32_t series)
{
    for (uint32_t i = 0; i < series; i++) {
        bench_labels labels;
        bench_labels_of(i, &labels);
        promc_counter_add_u64(counter_at(family, &labels), bench_counter_value(i));
    }
}

static void fill_histograms(promc_family *family, uint32_t series)
{
    uint32_t v = 0;
    for (uint32_t i = 0; i < series; i++) {
        bench_labels labels;
        bench_labels_of(i, &labels);
        const char *values[] = {labels.method, labels.route, labels.status};
        promc_histogram histogram;
        must(promc_histogram_get(family, values, &histogram), "series");
        for (int k = 0; k < BENCH_HISTOGRAM_FILL; k++)
            promc_histogram_observe(histogram, bench_values[v++ % BENCH_VALUES]);
    }
}

/* ---- updates ---- */

static void inc(void *state, uint64_t n, unsigned thread)
{
    promc_counter counter = *(const promc_counter *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter_inc(counter);
        BENCH_BARRIER();
    }
}

/* The same handles as elements of a static table (promc/table.h). */
#define BENCH_STATUSES(VALUE) VALUE(STATUS_OK, "200") VALUE(STATUS_NOT_FOUND, "404")
PROMC_LABEL(bench_status, "status_code", BENCH_STATUSES);
#define BENCH_METRICS(METRIC, LABEL, OPEN) \
    METRIC(COUNTER, requests, "table_requests_total", "Requests served.", LABEL(bench_status), PROMC_PLAIN)
PROMC_TABLE(bench_table, BENCH_METRICS);
PROMC_TABLE_DEFINE(bench_table, BENCH_METRICS);

static void table_inc(void *state, uint64_t n, unsigned thread)
{
    enum bench_status status = *(const enum bench_status *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter_inc(bench_table.requests[status]);
        BENCH_BARRIER();
    }
}

/* A handle in memory, where programs keep it: it is read for each update. */
static void kept_inc(void *state, uint64_t n, unsigned thread)
{
    const promc_counter *kept = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter_inc(*kept);
        BENCH_BARRIER();
    }
}

static void counter_case(promc_registry *registry)
{
    promc_family *family = new_counters(registry, "http_requests_total");
    promc_counter counters[2];
    static enum bench_status statuses[] = {STATUS_OK, STATUS_NOT_FOUND};
    for (uint32_t i = 0; i < 2; i++) {
        bench_labels labels;
        bench_labels_of(3 + i, &labels);
        counters[i] = counter_at(family, &labels);
    }
    bench_emit_times("counter_inc", bench_ns_per_op(inc, (void *[]){&counters[0], &counters[1]}));
    bench_emit_times("kept_inc", bench_ns_per_op(kept_inc, (void *[]){&counters[0], &counters[1]}));
    must(promc_table_register(registry, &bench_table_table, &bench_table), "table");
    bench_emit_times("table_inc", bench_ns_per_op(table_inc, (void *[]){&statuses[0], &statuses[1]}));
}

static void observe(void *state, uint64_t n, unsigned thread)
{
    promc_histogram histogram = *(const promc_histogram *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_histogram_observe(histogram, bench_values[i % BENCH_VALUES]);
        BENCH_BARRIER();
    }
}

static void observe_case(promc_registry *registry)
{
    promc_family *family = new_histograms(registry);
    promc_histogram histograms[] = {promc_histogram_with(family, "GET", "/", "200"),
                                    promc_histogram_with(family, "GET", "/", "404")};
    bench_emit_times("observe", bench_ns_per_op(observe, (void *[]){&histograms[0], &histograms[1]}));
}

static void observe_summary(void *state, uint64_t n, unsigned thread)
{
    promc_summary summary = *(const promc_summary *)state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_summary_observe(summary, bench_values[i % BENCH_VALUES]);
        BENCH_BARRIER();
    }
}

static void summary_case(promc_registry *registry)
{
    promc_family *family;
    promc_summary_settings settings = {.family = {.name = "http_request_duration_summary_seconds",
                                                  .help = "Time to answer.",
                                                  .labels = {"method", "route", "status_code"}}};
    must(promc_summary_register(registry, &settings, &family), "summary");
    promc_summary summaries[] = {promc_summary_with(family, "GET", "/", "200"),
                                 promc_summary_with(family, "GET", "/", "404")};
    bench_emit_times("summary_observe", bench_ns_per_op(observe_summary, (void *[]){&summaries[0], &summaries[1]}));
}

typedef struct lookup {
    promc_family *family;
    bench_labels labels[BENCH_LOOKUP_SERIES];
    const char *strings[BENCH_LOOKUP_SERIES][3];
    promc_str values[BENCH_LOOKUP_SERIES][3];
    promc_label_set *sets[BENCH_LOOKUP_SERIES];
} lookup;

static void lookup_inc(void *state, uint64_t n, unsigned thread)
{
    lookup *l = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter_inc(promc_counter_with_values(l->family, l->strings[i % BENCH_LOOKUP_SERIES], 3));
        BENCH_BARRIER();
    }
}

static void lookup_inc_n(void *state, uint64_t n, unsigned thread)
{
    lookup *l = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter counter;
        promc_counter_get_n(l->family, l->values[i % BENCH_LOOKUP_SERIES], 3, &counter);
        promc_counter_inc(counter);
        BENCH_BARRIER();
    }
}

static void lookup_key(void *state, uint64_t n, unsigned thread)
{
    lookup *l = state;
    (void)thread;
    BENCH_UNROLL
    for (uint64_t i = 0; i < n; i++) {
        promc_counter_inc(promc_counter_of(l->family, l->sets[i % BENCH_LOOKUP_SERIES]));
        BENCH_BARRIER();
    }
}

static void lookup_fill(lookup *l, promc_registry *registry, const char *name)
{
    promc_family *family = new_counters(registry, name);
    l->family = family;
    for (uint32_t i = 0; i < BENCH_LOOKUP_SERIES; i++) {
        bench_labels_of(i, &l->labels[i]);
        const char *v[] = {l->labels[i].method, l->labels[i].route, l->labels[i].status};
        for (int k = 0; k < 3; k++) {
            l->strings[i][k] = v[k];
            l->values[i][k] = (promc_str){v[k], strlen(v[k])};
        }
        counter_at(family, &l->labels[i]);
        must(promc_label_set_make(&l->sets[i], registry, v, 3), "label set");
    }
}

static void lookup_case(promc_registry *registry)
{
    static lookup l[2];
    void *const states[] = {&l[0], &l[1]};
    lookup_fill(&l[0], registry, "http_requests_total");
    lookup_fill(&l[1], registry, "other_requests_total");
    bench_emit_times("lookup_inc", bench_ns_per_op(lookup_inc, states));
    bench_emit_times("lookup_inc_n", bench_ns_per_op(lookup_inc_n, states));
    bench_emit_times("lookup_key", bench_ns_per_op(lookup_key, states));
}

/* ---- scrapes ---- */

typedef struct rendering {
    promc_registry *registry;
    enum promc_format format;
    char slice[SLICE];
} rendering;

static size_t render(void *state)
{
    rendering *r = state;
    promc_scrape *scrape;
    promc_scrape_settings settings = {.format = r->format};
    size_t total = 0;
    long got;
    must(promc_scrape_begin(r->registry, &settings, &scrape), "scrape");
    while ((got = promc_scrape_read(scrape, r->slice, SLICE)) > 0)
        total += (size_t)got;
    must((int)got, "scrape");
    promc_scrape_end(scrape);
    return total;
}

static void text_case(promc_registry *registry, const char *name)
{
    static rendering r;
    size_t bytes;
    r = (rendering){.registry = registry, .format = PROMC_FORMAT_TEXT};
    double ns = bench_render_ns(render, &r, &bytes);
    bench_emit(name, (double)bytes / ns * 1000);
}

/*
 * Protobuf needs fewer bytes, so its speed is given in bytes of the equivalent text: comparable with the text rows, and a
 * faster scrape is a larger number.
 */
static void histograms_case(promc_registry *registry, const char *name)
{
    static rendering r;
    size_t text_bytes, protobuf_bytes;
    fill_histograms(new_histograms(registry), 1000);
    r = (rendering){.registry = registry, .format = PROMC_FORMAT_TEXT};
    double text_ns = bench_render_ns(render, &r, &text_bytes);
    bench_emit("text_histograms_1k", (double)text_bytes / text_ns * 1000);
    bench_emit("text_histograms_us", text_ns / 1000);
    if (strcmp(name, "protobuf_histograms_1k") != 0)
        return;
    r.format = PROMC_FORMAT_PROTOBUF;
    double ns = bench_render_ns(render, &r, &protobuf_bytes);
    bench_emit(name, (double)text_bytes / ns * 1000);
    bench_emit("protobuf_histograms_us", ns / 1000);
    bench_emit("protobuf_histograms_bytes", (double)protobuf_bytes);
}

/*
 * How long an event loop is blocked: the longest of begin, each slice, and end. A step in which the thread lost its core to
 * another program does not count.
 */
typedef struct stall {
    uint64_t start_ns, longest_ns;
    long switches;
} stall;

static void stall_begin(stall *s)
{
    s->switches = bench_descheduled();
    s->start_ns = bench_now_ns();
}

static void stall_end(stall *s)
{
    uint64_t took = bench_now_ns() - s->start_ns;
    if (took > s->longest_ns && bench_descheduled() == s->switches)
        s->longest_ns = took;
}

static double longest_stall_ns(promc_registry *registry, char *slice)
{
    promc_scrape *scrape;
    promc_scrape_settings settings = {.format = PROMC_FORMAT_TEXT};
    stall s = {0};
    stall_begin(&s);
    must(promc_scrape_begin(registry, &settings, &scrape), "scrape");
    stall_end(&s);
    for (long got = 1; got > 0;) {
        stall_begin(&s);
        got = promc_scrape_read(scrape, slice, SLICE);
        stall_end(&s);
    }
    stall_begin(&s);
    promc_scrape_end(scrape);
    stall_end(&s);
    return (double)s.longest_ns;
}

static void slices_case(promc_registry *registry)
{
    static char slice[SLICE];
    double maxima[SCRAPES];
    fill_counters(new_counters(registry, "http_requests_total"), 1000000);
    uint64_t start = bench_now_ns();
    for (int i = 0; i < SCRAPES; i++)
        maxima[i] = longest_stall_ns(registry, slice);
    bench_emit("scrape_1m_ms", (double)(bench_now_ns() - start) / SCRAPES / 1e6);
    bench_emit("slice_stall_us", bench_median(maxima, SCRAPES) / 1000);
}

/* ---- memory and creation ---- */

static promc_counter *handles;

static void *increment_all(void *arg)
{
    for (uint32_t i = 0; i < *(const uint32_t *)arg; i++)
        promc_counter_inc(handles[i]);
    return NULL;
}

static void memory_case(promc_registry *registry, uint32_t series)
{
    bench_labels *labels = malloc(series * sizeof(*labels));
    handles = malloc(series * sizeof(*handles));
    if (!labels || !handles)
        abort();
    for (uint32_t i = 0; i < series; i++)
        bench_labels_of(i, &labels[i]);
    memset(handles, 0, series * sizeof(*handles)); /* make it resident before the first measurement */
    promc_family *family = new_counters(registry, "http_requests_total");

    double before = bench_resident_bytes();
    uint64_t start = bench_now_ns();
    for (uint32_t i = 0; i < series; i++)
        handles[i] = counter_at(family, &labels[i]);
    bench_emit("series_create_ns", (double)(bench_now_ns() - start) / series);
    increment_all(&series);
    double one = bench_resident_bytes();
    bench_emit("bytes_per_series", (one - before) / series);

    pthread_t thread;
    if (pthread_create(&thread, NULL, increment_all, &series) != 0)
        abort();
    pthread_join(thread, NULL);
    bench_emit("bytes_per_series_and_thread", (bench_resident_bytes() - one) / series);
    free(labels);
    free(handles);
}

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    promc_registry *registry = new_registry();
    bench_values_init();
    if (strcmp(name, "counter") == 0)
        counter_case(registry);
    else if (strcmp(name, "observe") == 0)
        observe_case(registry);
    else if (strcmp(name, "summary") == 0)
        summary_case(registry);
    else if (strcmp(name, "lookup") == 0)
        lookup_case(registry);
    else if (strcmp(name, "text_counters_10k") == 0)
        fill_counters(new_counters(registry, "http_requests_total"), 10000), text_case(registry, name);
    else if (strcmp(name, "text_counters_100k") == 0)
        fill_counters(new_counters(registry, "http_requests_total"), 100000), text_case(registry, name);
    else if (strcmp(name, "text_histograms_1k") == 0 || strcmp(name, "protobuf_histograms_1k") == 0)
        histograms_case(registry, name);
    else if (strcmp(name, "memory") == 0)
        memory_case(registry, 100000);
    else if (strcmp(name, "slices") == 0)
        slices_case(registry);
    else
        return fprintf(stderr, "usage: promc_bench CASE; no case \"%s\"\n", name), 2;
    promc_registry_destroy(registry);
    return 0;
}
