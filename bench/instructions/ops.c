/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     ops OPERATION N
 *
 * Does one operation N times. `run` counts the instructions of two such processes with different N. The difference,
 * divided by the difference of the N, is the cost of one operation without the program's start and end.
 */
#include "../common/harness.h"

#include <promc-http/request.h>
#include <promc/promc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SERIES = 1000, SLICE = 64 * 1024 };

static promc_registry *registry;
static promc_family *counters, *histograms;
static promc_counter counter;
static promc_histogram histogram;
static promc_gauge gauge;
static promc_updown updown;
static promc_http *http;
static promc_http_route *route;
static bench_labels labels[BENCH_LOOKUP_SERIES];

static void must(int code)
{
    if (code < 0) {
        fprintf(stderr, "ops: %s: %s\n", promc_strerror(code), promc_error_detail());
        exit(1);
    }
}

static const char *const *values_of(uint64_t i, const char *values[3])
{
    const bench_labels *l = &labels[i % BENCH_LOOKUP_SERIES];
    values[0] = l->method;
    values[1] = l->route;
    values[2] = l->status;
    return values;
}

static void set_up(void)
{
    const char *values[3];
    promc_registry_settings settings;
    promc_family *family;
    promc_registry_default_settings(&settings);
    settings.arena_bytes = (size_t)1 << 30;
    settings.max_series_per_family = 2000000;
    settings.no_self_metrics = true;
    must(promc_registry_create(&registry, &settings));
    must(promc_counter_register(
        registry, &(promc_family_settings){.name = "a_total", .labels = {"method", "route", "status_code"}},
        &counters));
    must(promc_histogram_register(
        registry,
        &(promc_histogram_settings){.family = {.name = "b_seconds", .labels = {"method", "route", "status_code"}}},
        &histograms));
    must(promc_gauge_register(registry, &(promc_family_settings){.name = "c"}, &family));
    must(promc_gauge_get(family, NULL, &gauge));
    must(promc_updown_register(registry, &(promc_family_settings){.name = "d"}, &family));
    must(promc_updown_get(family, NULL, &updown));
    for (uint32_t i = 0; i < BENCH_LOOKUP_SERIES; i++) {
        bench_labels_of(i, &labels[i]);
        must(promc_counter_get(counters, values_of(i, values), &counter));
    }
    must(promc_histogram_get(histograms, values_of(0, values), &histogram));
    must(promc_http_create(&http, registry, NULL));
    must(promc_http_route_declare(http, "/health", 1u << PROMC_HTTP_GET, &route));
    promc_counter_inc(counter); /* attach the thread */
    promc_histogram_observe(histogram, 1);
}

static void nothing(uint64_t i)
{
    (void)i;
}

static void counter_inc(uint64_t i)
{
    (void)i;
    promc_counter_inc(counter);
}

static void counter_add_fraction(uint64_t i)
{
    (void)i;
    promc_counter_add(counter, 0.5);
}

static void gauge_set(uint64_t i)
{
    promc_gauge_set(gauge, (double)i);
}

static void gauge_add(uint64_t i)
{
    (void)i;
    promc_gauge_add(gauge, 0.5);
}

static void updown_inc(uint64_t i)
{
    (void)i;
    promc_updown_inc(updown);
}

static void histogram_observe(uint64_t i)
{
    promc_histogram_observe(histogram, bench_values[i % BENCH_VALUES]);
}

static void lookup_inc(uint64_t i)
{
    const char *values[3];
    promc_counter_inc(promc_counter_with_values(counters, values_of(i, values), 3));
}

static void series_create(uint64_t i)
{
    char name[16] = "";
    promc_counter created;
    for (size_t at = 0; at < 8; at++)
        name[at] = (char)('a' + (i >> (4 * at)) % 16);
    const char *values[] = {"GET", name, "200"};
    must(promc_counter_get(counters, values, &created));
}

static void http_request(uint64_t i)
{
    promc_http_token token;
    (void)i;
    promc_http_begin(http, &token);
    promc_http_end(&token, route, PROMC_HTTP_GET, 200, 0, 120);
}

/* ---- scrapes: N scrapes of SERIES series; divided by SERIES again in `run` ---- */

static void scrape(enum promc_format format)
{
    static char slice[SLICE];
    promc_scrape *reading;
    long got;
    must(promc_scrape_begin(registry, &(promc_scrape_settings){.format = format}, &reading));
    while ((got = promc_scrape_read(reading, slice, SLICE)) > 0)
        ;
    must((int)got);
    promc_scrape_end(reading);
}

static void fill(promc_family *family, int histogram_too)
{
    for (uint32_t i = 0; i < SERIES; i++) {
        bench_labels l;
        bench_labels_of(i, &l);
        const char *values[] = {l.method, l.route, l.status};
        promc_counter c;
        promc_histogram h;
        if (!histogram_too) {
            must(promc_counter_get(family, values, &c));
            promc_counter_add_u64(c, bench_counter_value(i));
            continue;
        }
        must(promc_histogram_get(family, values, &h));
        for (uint32_t k = 0; k < 10; k++)
            promc_histogram_observe(h, bench_values[(10 * i + k) % BENCH_VALUES]);
    }
}

static void text_scrape(uint64_t i)
{
    (void)i;
    scrape(PROMC_FORMAT_TEXT);
}

static void openmetrics_scrape(uint64_t i)
{
    (void)i;
    scrape(PROMC_FORMAT_OPENMETRICS);
}

static void protobuf_scrape(uint64_t i)
{
    (void)i;
    scrape(PROMC_FORMAT_PROTOBUF);
}

static const struct operation {
    const char *name;
    void (*once)(uint64_t i);
    enum { FILL_NOTHING, FILL_COUNTERS, FILL_HISTOGRAMS } fill;
} operations[] = {
    {"nothing", nothing, FILL_NOTHING},
    {"counter_inc", counter_inc, FILL_NOTHING},
    {"counter_add_fraction", counter_add_fraction, FILL_NOTHING},
    {"gauge_set", gauge_set, FILL_NOTHING},
    {"gauge_add", gauge_add, FILL_NOTHING},
    {"updown_inc", updown_inc, FILL_NOTHING},
    {"histogram_observe", histogram_observe, FILL_NOTHING},
    {"lookup_inc", lookup_inc, FILL_NOTHING},
    {"series_create", series_create, FILL_NOTHING},
    {"http_request", http_request, FILL_NOTHING},
    {"text_counter", text_scrape, FILL_COUNTERS},
    {"openmetrics_counter", openmetrics_scrape, FILL_COUNTERS},
    {"protobuf_counter", protobuf_scrape, FILL_COUNTERS},
    {"text_histogram", text_scrape, FILL_HISTOGRAMS},
    {"openmetrics_histogram", openmetrics_scrape, FILL_HISTOGRAMS},
    {"protobuf_histogram", protobuf_scrape, FILL_HISTOGRAMS},
};

int main(int argc, char **argv)
{
    for (size_t o = 0; argc == 3 && o < sizeof(operations) / sizeof(operations[0]); o++) {
        if (strcmp(operations[o].name, argv[1]) != 0)
            continue;
        bench_values_init();
        set_up();
        if (operations[o].fill != FILL_NOTHING)
            fill(operations[o].fill == FILL_COUNTERS ? counters : histograms, operations[o].fill == FILL_HISTOGRAMS);
        uint64_t n = strtoull(argv[2], NULL, 10);
        for (uint64_t i = 0; i < n; i++) {
            operations[o].once(i);
            BENCH_BARRIER();
        }
        promc_http_destroy(http);
        promc_registry_destroy(registry);
        return 0;
    }
    fprintf(stderr, "usage: ops OPERATION N\n");
    return 2;
}
