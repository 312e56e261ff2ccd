/* SPDX-License-Identifier: Apache-2.0 */
/* The walk: slices of any size, filters, limits, bad arguments, and series that come and go while it runs. */
#include "corpus.h"

#include <pthread.h>

static void read_in_slices(promc_registry *registry, enum promc_format format, size_t slice, const char *expected,
                           size_t length)
{
    promc_scrape *scrape;
    char *buffer = malloc(slice), *all = malloc(length + 1);
    size_t got = 0;
    long n;
    assert_int_equal(promc_scrape_begin(registry, &(promc_scrape_settings){.format = format}, &scrape), 0);
    while ((n = promc_scrape_read(scrape, buffer, slice)) > 0) {
        assert_true((size_t)n <= slice && got + (size_t)n <= length);
        assert_true((size_t)n == slice || got + (size_t)n == length); /* every slice but the last is full */
        memcpy(all + got, buffer, (size_t)n);
        got += (size_t)n;
    }
    assert_int_equal(n, 0);
    assert_int_equal(promc_scrape_read(scrape, buffer, slice), 0); /* 0 also the second time */
    assert_int_equal(got, length);
    assert_memory_equal(all, expected, length);
    promc_scrape_end(scrape);
    free(all);
    free(buffer);
}

static void test_slices(void **state)
{
    (void)state;
    static const size_t slices[] = {1, 2, 7, 100, 4096, 65536, 1 << 20};
    promc_registry *registry = corpus_create((promc_registry_settings){.created_timestamps = true});
    for (int format = PROMC_FORMAT_TEXT; format <= PROMC_FORMAT_PROTOBUF; format++) {
        size_t length;
        char *text = corpus_scrape(registry, (promc_scrape_settings){.format = (enum promc_format)format}, &length);
        for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
            read_in_slices(registry, (enum promc_format)format, slices[i], text, length);
        free(text);
    }
    promc_registry_destroy(registry);
}

static void test_text(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *jobs, *latency;
    assert_int_equal(
        promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true,
                                                                    .constant_labels = &(promc_label){"zone", "a\"1"},
                                                                    .constant_label_count = 1}),
        0);
    promc_counter_register(
        registry, &(promc_family_settings){.name = "jobs", .help = "Jobs \"done\".\n", .labels = {"queue"}}, &jobs);
    promc_counter_inc(promc_counter_with(jobs, "a\nb"));
    promc_histogram_register(registry,
                             &(promc_histogram_settings){.family = {.name = "size_bytes", .unit = "bytes"},
                                                         .buckets = (const double[]){1, 2.5},
                                                         .bucket_count = 2},
                             &latency);
    promc_histogram h;
    promc_histogram_get(latency, NULL, &h);
    promc_histogram_observe(h, 2);
    promc_histogram_observe(h, 3.25);
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_string_equal(text, "# HELP jobs_total Jobs \"done\".\\n\n"
                              "# TYPE jobs_total counter\n"
                              "jobs_total{zone=\"a\\\"1\",queue=\"a\\nb\"} 1\n"
                              "# TYPE size_bytes histogram\n"
                              "size_bytes_bucket{zone=\"a\\\"1\",le=\"1\"} 0\n"
                              "size_bytes_bucket{zone=\"a\\\"1\",le=\"2.5\"} 1\n"
                              "size_bytes_bucket{zone=\"a\\\"1\",le=\"+Inf\"} 2\n"
                              "size_bytes_sum{zone=\"a\\\"1\"} 5.25\n"
                              "size_bytes_count{zone=\"a\\\"1\"} 2\n");
    free(text);
    promc_registry_destroy(registry);
}

static void test_name_filter(void **state)
{
    (void)state;
    static const struct {
        const char *names[2];
        size_t count;
        int hostile, latency;
    } cases[] = {
        {{0}, 0, 1, 1},
        {{"corpus_hostile_total"}, 1, 1, 0},
        {{"corpus_hostile"}, 1, 1, 0},
        {{"corpus_latency_seconds"}, 1, 0, 1},
        {{"corpus_latency_seconds_bucket"}, 1, 0, 1},
        {{"corpus_latency_seconds_bucket", "corpus_hostile_total"}, 2, 1, 1},
        {{"corpus"}, 1, 0, 0},
        {{""}, 1, 0, 0},
        {{"corpus_hostile_totals"}, 1, 0, 0},
    };
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        for (int format = 0; format <= PROMC_FORMAT_OPENMETRICS; format++) {
            char *text = corpus_scrape(registry,
                                       (promc_scrape_settings){.format = (enum promc_format)format,
                                                               .names = cases[i].count ? cases[i].names : NULL,
                                                               .name_count = cases[i].count},
                                       NULL);
            assert_int_equal(strstr(text, "corpus_hostile_total{") != NULL, cases[i].hostile);
            assert_int_equal(strstr(text, "corpus_latency_seconds_sum{") != NULL, cases[i].latency);
            free(text);
        }
    }
    promc_registry_destroy(registry);
}

static void test_family_without_series_is_left_out(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_null(strstr(text, "corpus_empty"));
    free(text);
    const char *value = "now there is one";
    promc_counter_inc(promc_counter_with(promc_family_find(registry, "corpus_empty_total"), value));
    text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_non_null(strstr(text, "# HELP corpus_empty_total None.\n# TYPE corpus_empty_total counter\n"
                                 "corpus_empty_total{a=\"now there is one\"} 1\n"));
    free(text);
    assert_int_equal(promc_family_remove(promc_family_find(registry, "corpus_empty_total"), &value), 0);
    text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_null(strstr(text, "corpus_empty"));
    free(text);
    promc_registry_destroy(registry);
}

static void test_empty_registry(void **state)
{
    (void)state;
    promc_registry *registry;
    size_t length;
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, &length);
    assert_int_equal(length, 0);
    free(text);
    text = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_OPENMETRICS}, NULL);
    assert_string_equal(text, "# EOF\n");
    free(text);
    text = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &length);
    assert_int_equal(length, 0);
    free(text);
    promc_registry_destroy(registry);
}

static void test_bad_arguments(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    promc_scrape *scrape;
    char c, *text;
    assert_int_equal(promc_scrape_begin(NULL, NULL, &scrape), PROMC_E_INVALID);
    assert_int_equal(promc_scrape_begin(registry, NULL, NULL), PROMC_E_INVALID);
    assert_int_equal(promc_scrape_string(registry, NULL, NULL, NULL), PROMC_E_INVALID);
    assert_int_equal(
        promc_scrape_string(registry, &(promc_scrape_settings){.format = (enum promc_format)9}, &text, NULL),
        PROMC_E_INVALID);
    assert_non_null(strstr(promc_error_detail(), "format 9"));
    assert_int_equal(promc_scrape_begin(registry, NULL, &scrape), 0);
    assert_int_equal(promc_scrape_read(scrape, &c, 0), PROMC_E_INVALID);
    assert_int_equal(promc_scrape_read(scrape, NULL, 1), PROMC_E_INVALID);
    assert_int_equal(promc_scrape_read(NULL, &c, 1), PROMC_E_INVALID);
    assert_int_equal(promc_scrape_read(scrape, &c, 1), 1);
    assert_int_equal(c, '#');
    promc_scrape_end(scrape);
    promc_scrape_end(NULL);
    promc_registry_destroy(registry);
}

static void test_too_many_scrapes(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    promc_scrape *scrapes[33];
    for (int i = 0; i < 32; i++)
        assert_int_equal(promc_scrape_begin(registry, NULL, &scrapes[i]), 0);
    assert_int_equal(promc_scrape_begin(registry, NULL, &scrapes[32]), PROMC_E_BUSY);
    assert_null(scrapes[32]);
    promc_scrape_end(scrapes[7]);
    assert_int_equal(promc_scrape_begin(registry, NULL, &scrapes[7]), 0);
    for (int i = 0; i < 32; i++)
        promc_scrape_end(scrapes[i]);
    promc_registry_destroy(registry);
}

static double value_after(const char *text, const char *series)
{
    const char *line = strstr(text, series);
    assert_non_null(line);
    return strtod(line + strlen(series), NULL);
}

static void test_self_metrics(void **state)
{
    (void)state;
    promc_registry *registry;
    size_t length;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    char *first = corpus_scrape(registry, (promc_scrape_settings){0}, &length);
    char *second = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_true(value_after(second, "\npromc_scrape_bytes ") == (double)length);
    double seconds = value_after(second, "\npromc_scrape_duration_seconds ");
    assert_true(seconds > 0 && seconds < 3600);
    free(first);
    free(second);
    promc_registry_destroy(registry);
}

/* Series that come and go during the scrape. */

enum { CHURNERS = 8, KEYS = 64 };

struct churn {
    promc_family *counters, *histograms;
    bool stop;
};

static void *churn(void *user)
{
    struct churn *churn = user;
    unsigned seed = (unsigned)(uintptr_t)&seed;
    while (!__atomic_load_n(&churn->stop, __ATOMIC_SEQ_CST)) {
        char key[16], other[16];
        const char *values[] = {key, other};
        seed = seed * 1664525 + 1013904223;
        snprintf(key, sizeof(key), "k\"%u", (seed >> 16) % KEYS);
        snprintf(other, sizeof(other), "%u", (seed >> 28) % 2);
        promc_counter_inc(promc_counter_with(churn->counters, key, other));
        promc_histogram_observe(promc_histogram_with(churn->histograms, key), 0.3);
        if (seed >> 31) {
            (void)promc_family_remove(churn->counters, values);
            (void)promc_family_remove(churn->histograms, values);
        }
    }
    return NULL;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Each line is a comment or `series number`, and no series occurs twice. Changes the text. */
static void check_text(char *text)
{
    static char *series[100000];
    size_t count = 0;
    char *line = text;
    for (char *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        *end = '\0';
        if (*line == '#') {
            assert_true(strncmp(line, "# HELP ", 7) == 0 || strncmp(line, "# TYPE ", 7) == 0);
        } else {
            char *space = strrchr(line, ' '), *rest;
            assert_non_null(space);
            assert_true(space[-1] == '}' || !strchr(line, '{'));
            assert_true(strncmp(line, "churn_", 6) == 0);
            (void)strtod(space + 1, &rest);
            assert_true(rest != space + 1 && *rest == '\0');
            *space = '\0';
        }
        assert_true(count < sizeof(series) / sizeof(series[0]));
        series[count++] = line;
    }
    assert_int_equal(*line, '\0'); /* the last line has a line feed */
    qsort(series, count, sizeof(series[0]), compare_lines);
    for (size_t i = 1; i < count; i++)
        if (strcmp(series[i - 1], series[i]) == 0)
            fail_msg("twice in one scrape: %s", series[i]);
}

/* In small slices, so that much happens between two of them. */
static char *scrape_slowly(promc_registry *registry, size_t slice)
{
    promc_scrape *scrape;
    size_t length = 0, capacity = 4 << 20;
    char *text = malloc(capacity);
    long n;
    assert_int_equal(promc_scrape_begin(registry, NULL, &scrape), 0);
    while ((n = promc_scrape_read(scrape, text + length, slice)) > 0) {
        length += (size_t)n;
        assert_true(length + slice < capacity);
    }
    assert_int_equal(n, 0);
    promc_scrape_end(scrape);
    text[length] = '\0';
    return text;
}

static void test_churn(void **state)
{
    (void)state;
    promc_registry *registry;
    static struct churn work; /* static: after a failed assertion its threads still run */
    pthread_t threads[CHURNERS];
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    promc_counter_register(registry, &(promc_family_settings){.name = "churn_total", .labels = {"key", "other"}},
                           &work.counters);
    promc_histogram_register(registry,
                             &(promc_histogram_settings){.family = {.name = "churn_seconds", .labels = {"key"}}},
                             &work.histograms);
    for (int i = 0; i < CHURNERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, churn, &work), 0);
    uint64_t start = promc_now_ns();
    for (int i = 0; promc_now_ns() - start < UINT64_C(3000000000); i++) {
        char *text = scrape_slowly(registry, i % 3 == 0 ? 37 : i % 3 == 1 ? 1000 : 65536);
        check_text(text);
        free(text);
    }
    __atomic_store_n(&work.stop, true, __ATOMIC_SEQ_CST);
    for (int i = 0; i < CHURNERS; i++)
        pthread_join(threads[i], NULL);
    promc_registry_destroy(registry);
}

/* The exact case: exposed, removed and created again in the middle of a scrape. */
static void test_a_series_created_again_is_not_shown_twice(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    const char *const a = "a";
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    promc_counter_register(registry, &(promc_family_settings){.name = "churn_total", .labels = {"key"}}, &family);
    promc_counter_inc(promc_counter_with(family, "a"));
    promc_counter_inc(promc_counter_with(family, "b"));
    promc_scrape *scrape;
    char text[512];
    assert_int_equal(promc_scrape_begin(registry, NULL, &scrape), 0);
    long n = promc_scrape_read(scrape, text, 60);
    assert_int_equal(n, 60);
    assert_int_equal(promc_family_remove(family, &a), 0);
    promc_counter_add_u64(promc_counter_with(family, "a"), 5);
    long rest = promc_scrape_read(scrape, text + n, sizeof(text) - (size_t)n - 1);
    text[n + rest] = '\0';
    assert_string_equal(text, "# TYPE churn_total counter\nchurn_total{key=\"a\"} 1\nchurn_total{key=\"b\"} 1\n");
    promc_scrape_end(scrape);
    /* the next scrape shows the new series */
    char *next = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_string_equal(next, "# TYPE churn_total counter\nchurn_total{key=\"b\"} 1\nchurn_total{key=\"a\"} 5\n");
    free(next);
    promc_registry_destroy(registry);
}

/* A series is in every scrape that begins after its creation, even if many scrapes begin within one tick of the clock. */
static void test_many_scrapes_at_once(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    promc_counter counter;
    char buffer[256];
    assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true}), 0);
    assert_int_equal(
        promc_counter_register(registry, &(promc_family_settings){.name = "a_total", .labels = {"k"}}, &family), 0);
    assert_int_equal(promc_counter_get(family, (const char *const[]){"v"}, &counter), 0);
    for (int i = 0; i < 1000; i++) {
        promc_scrape *scrape;
        assert_int_equal(promc_scrape_begin(registry, &(promc_scrape_settings){0}, &scrape), 0);
        assert_true(promc_scrape_read(scrape, buffer, sizeof(buffer)) > 0);
        promc_scrape_end(scrape);
    }
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_many_scrapes_at_once),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_name_filter),
        cmocka_unit_test(test_family_without_series_is_left_out),
        cmocka_unit_test(test_empty_registry),
        cmocka_unit_test(test_bad_arguments),
        cmocka_unit_test(test_too_many_scrapes),
        cmocka_unit_test(test_self_metrics),
        cmocka_unit_test(test_a_series_created_again_is_not_shown_twice),
        cmocka_unit_test(test_churn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
