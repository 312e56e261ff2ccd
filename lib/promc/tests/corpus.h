/* SPDX-License-Identifier: Apache-2.0 */
/* A registry with everything that has ever broken an exposition. For tests that check the exposition with other parsers. */
#ifndef PROMC_TESTS_CORPUS_H
#define PROMC_TESTS_CORPUS_H

#include <promc/promc.h>

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char *const hostile_values[] = {
    "",         "plain",       "with space", "quote\"",   "back\\slash",     "new\nline",
    "\\n",      "\\\"",        "trailing\\", "{a=\"b\"}", "a,b=c",           "# EOF",
    "\r\n",     "\t",          "żółw",       "花火 😱",    "bad\xff\xfeutf8", "cut\xe2\x82",
    "\x01\x7f", "le=\"+Inf\"", "} 1 # {",    "other ",
};
#define HOSTILE_VALUES (sizeof(hostile_values) / sizeof(hostile_values[0]))

static inline void corpus_numbers(promc_registry *registry)
{
    static const double values[] = {0,
                                    -0.0,
                                    1,
                                    -1,
                                    0.1,
                                    1e-5,
                                    123456.789,
                                    1e21,
                                    5e-324,
                                    1.7976931348623157e308,
                                    0.30000000000000004,
                                    9007199254740993.0,
                                    4294967296.0,
                                    -2.5e-7,
                                    (double)INFINITY,
                                    -(double)INFINITY,
                                    (double)NAN};
    promc_family *family;
    assert_int_equal(
        promc_gauge_register(registry,
                             &(promc_family_settings){.name = "corpus_numbers",
                                                      .help = "Help with \"quotes\", a \\ and\na new line.",
                                                      .labels = {"index"}},
                             &family),
        0);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        char index[8];
        snprintf(index, sizeof(index), "%zu", i);
        promc_gauge_set(promc_gauge_with(family, index), values[i]);
    }
}

static inline void corpus_histograms(promc_registry *registry)
{
    static const double odd[] = {-1.5, 0, 1e-9, 0.1, 1, 1e6, 1e21};
    promc_family *plain, *negative, *bare;
    assert_int_equal(promc_histogram_register(registry,
                                              &(promc_histogram_settings){.family = {.name = "corpus_latency_seconds",
                                                                                     .unit = "seconds",
                                                                                     .help = "Latency.",
                                                                                     .labels = {"route", "code"}}},
                                              &plain),
                     0);
    assert_int_equal(
        promc_histogram_register(registry,
                                 &(promc_histogram_settings){.family = {.name = "corpus_balance", .labels = {"who"}},
                                                             .buckets = odd,
                                                             .bucket_count = 7},
                                 &negative),
        0);
    assert_int_equal(promc_histogram_register(registry,
                                              &(promc_histogram_settings){.family = {.name = "corpus_bare_bytes"},
                                                                          .buckets = (const double[]){1, 1024, 1048576},
                                                                          .bucket_count = 3},
                                              &bare),
                     0);
    promc_histogram single;
    assert_int_equal(promc_histogram_get(bare, NULL, &single), 0);
    for (int i = 0; i < 1000; i++) {
        promc_histogram_observe(
            promc_histogram_with(plain, hostile_values[(size_t)i % HOSTILE_VALUES], i % 2 ? "200" : "500"), i * 0.0137);
        promc_histogram_observe(promc_histogram_with(negative, "a"), i - 500.5);
        promc_histogram_observe(single, i * 1000.0);
    }
    (void)promc_histogram_with(negative, "never observed");
}

/* A family with the maximum number of labels; each hostile value occurs once in each label. */
static inline void corpus_many_labels(promc_registry *registry)
{
    char names[PROMC_MAX_LABEL_LIST][8];
    const char *list[PROMC_MAX_LABEL_LIST + 1] = {NULL}, *values[PROMC_MAX_LABEL_LIST];
    promc_family *wide;
    for (size_t i = 0; i < PROMC_MAX_LABEL_LIST; i++) {
        snprintf(names[i], sizeof(names[i]), "l%zu", i);
        list[i] = names[i];
    }
    assert_int_equal(promc_counter_register(
                         registry, &(promc_family_settings){.name = "corpus_wide_total", .label_list = list}, &wide),
                     0);
    for (size_t series = 0; series < HOSTILE_VALUES; series++) {
        for (size_t i = 0; i < PROMC_MAX_LABEL_LIST; i++)
            values[i] = hostile_values[(series + i) % HOSTILE_VALUES];
        promc_counter_add_u64(promc_counter_with_values(wide, values, PROMC_MAX_LABEL_LIST), series);
    }
}

/* Copied samples, every second one with its time. */
static inline void corpus_times(promc_registry *registry)
{
    promc_family *copied;
    assert_int_equal(
        promc_gauge_register(registry, &(promc_family_settings){.name = "corpus_copied", .labels = {"i"}}, &copied), 0);
    for (int i = 0; i < 8; i++) {
        char text[8];
        snprintf(text, sizeof(text), "%d", i);
        promc_gauge gauge = promc_gauge_with(copied, text);
        promc_gauge_set(gauge, i);
        if (i % 2 == 0)
            assert_int_equal(promc_gauge_set_at(gauge, i + 0.5, INT64_C(1700000000000) + i), 0);
    }
}

static inline void corpus_fill(promc_registry *registry)
{
    promc_family *hostile, *plain, *empty, *updown;
    promc_counter single;
    assert_int_equal(promc_counter_register(registry,
                                            &(promc_family_settings){.name = "corpus_hostile_total",
                                                                     .help = "Hostile label values.",
                                                                     .labels = {"value", "again"}},
                                            &hostile),
                     0);
    for (size_t i = 0; i < HOSTILE_VALUES; i++) {
        promc_counter_add_u64(promc_counter_with(hostile, hostile_values[i], hostile_values[HOSTILE_VALUES - 1 - i]),
                              i);
        promc_counter_add(promc_counter_with(hostile, hostile_values[i], "fraction"), 0.1);
    }
    char *huge = malloc(65537);
    memset(huge, '"', 65536);
    huge[65536] = '\0';
    promc_counter_inc(promc_counter_with(hostile, huge, "64 KiB of quotes"));
    free(huge);
    assert_int_equal(promc_counter_register(registry, &(promc_family_settings){.name = "corpus_plain"}, &plain), 0);
    assert_int_equal(promc_counter_get(plain, NULL, &single), 0);
    promc_counter_add_u64(single, UINT64_C(18446744073709551615));
    assert_int_equal(
        promc_counter_register(
            registry, &(promc_family_settings){.name = "corpus_empty_total", .help = "None.", .labels = {"a"}}, &empty),
        0);
    assert_int_equal(promc_updown_register(
                         registry, &(promc_family_settings){.name = "corpus_in_flight", .labels = {"route"}}, &updown),
                     0);
    promc_updown_dec(promc_updown_with(updown, "/"));
    corpus_many_labels(registry);
    corpus_times(registry);
    corpus_numbers(registry);
    corpus_histograms(registry);
}

/* Without promc's own metrics, so that two scrapes are equal. */
static inline promc_registry *corpus_create(promc_registry_settings settings)
{
    promc_registry *registry;
    settings.no_self_metrics = true;
    assert_int_equal(promc_registry_create(&registry, &settings), 0);
    corpus_fill(registry);
    return registry;
}

/* noinline: otherwise gcc 12 warns of a dangling pointer after strstr() in the inlined result. */
static __attribute__((noinline, unused)) char *corpus_scrape(promc_registry *registry, promc_scrape_settings settings,
                                                             size_t *length)
{
    char *text;
    assert_int_equal(promc_scrape_string(registry, &settings, &text, length), 0);
    return text;
}

#endif
