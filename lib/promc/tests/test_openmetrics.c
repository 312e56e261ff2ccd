/* SPDX-License-Identifier: Apache-2.0 */
/* OpenMetrics 1.0 and 0.0.4, checked by other parsers: the strict one of python3-prometheus-client, and promtool. */
#include "corpus.h"

#include <fcntl.h>
#include <locale.h>
#include <sys/wait.h>
#include <unistd.h>

#define ORACLE "/usr/bin/python3 '" PROMC_TESTS_DIR "/oracle_openmetrics.py'"

/* Feed text to a command. @return its exit status; `printed` has its output. */
static int judge(const char *command, const char *text, size_t length, char *printed, size_t room)
{
    char name[] = "/tmp/promc-oracle-XXXXXX", line[512];
    int fd = mkstemp(name);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, length), length);
    close(fd);
    snprintf(line, sizeof(line), "%s < %s 2>&1", command, name);
    FILE *pipe = popen(line, "r");
    assert_non_null(pipe);
    size_t n = fread(printed, 1, room - 1, pipe);
    printed[n] = '\0';
    int status = pclose(pipe);
    unlink(name);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void expect_strict_parser_reads(promc_registry *registry, promc_scrape_settings settings)
{
    char printed[4096];
    size_t length, lines = 0;
    settings.format = PROMC_FORMAT_OPENMETRICS;
    char *text = corpus_scrape(registry, settings, &length);
    int status = judge(ORACLE, text, length, printed, sizeof(printed));
    if (status == 77 || status == 127) {
        free(text);
        print_message("python3-prometheus-client is not installed: skipped\n");
        skip();
    }
    if (status != 0)
        fail_msg("%s", printed);
    for (const char *p = text; (p = strchr(p, '\n')) != NULL; p++)
        lines += p[1] != '#' && p[1] != '\0';
    assert_int_equal(strtoul(printed, NULL, 10), lines + (text[0] != '#'));
    free(text);
}

static void test_strict_parser(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    expect_strict_parser_reads(registry, (promc_scrape_settings){0});
    promc_registry_destroy(registry);
}

static void test_strict_parser_with_created(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){.created_timestamps = true});
    expect_strict_parser_reads(registry, (promc_scrape_settings){0});
    promc_registry_destroy(registry);
}

static void test_strict_parser_with_constant_labels(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){
        .constant_labels = (const promc_label[]){{"zone", "a\"1\\"}, {"rack", "\n"}}, .constant_label_count = 2});
    expect_strict_parser_reads(registry, (promc_scrape_settings){0});
    promc_registry_destroy(registry);
}

static void test_collectors_and_self_metrics(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_collect_malloc(registry), 0);
    assert_int_equal(promc_collect_cgroup(registry), 0);
    assert_int_equal(promc_collect_scheduler(registry), 0);
    assert_int_equal(promc_collect_pressure(registry), 0);
    expect_strict_parser_reads(registry, (promc_scrape_settings){0});
    promc_registry_destroy(registry);
}

static promc_registry *utf8_registry(void)
{
    promc_registry *registry;
    promc_family *counter, *histogram;
    assert_int_equal(
        promc_registry_create(&registry, &(promc_registry_settings){.no_self_metrics = true, .utf8_names = true}), 0);
    assert_int_equal(promc_counter_register(registry,
                                            &(promc_family_settings){.name = "http.requests_total",
                                                                     .help = "Requests.",
                                                                     .labels = {"status.code", "plain_label"}},
                                            &counter),
                     0);
    promc_counter_inc(promc_counter_with(counter, "200", "x\"y"));
    promc_counter_inc(promc_counter_with(counter, "404", ""));
    assert_int_equal(
        promc_histogram_register(registry,
                                 &(promc_histogram_settings){.family = {.name = "wait.time_seconds", .unit = "seconds"},
                                                             .buckets = (const double[]){1},
                                                             .bucket_count = 1},
                                 &histogram),
        0);
    return registry;
}

static void test_utf8_names(void **state)
{
    (void)state;
    static const struct {
        enum promc_escaping escaping;
        const char *text;
    } cases[] = {
        {PROMC_ESCAPING_UNDERSCORES, "# HELP http_requests Requests.\n"
                                     "# TYPE http_requests counter\n"
                                     "http_requests_total{status_code=\"200\",plain_label=\"x\\\"y\"} 1\n"
                                     "http_requests_total{status_code=\"404\",plain_label=\"\"} 1\n"
                                     "# TYPE wait_time_seconds histogram\n"
                                     "# UNIT wait_time_seconds seconds\n"
                                     "wait_time_seconds_bucket{le=\"1.0\"} 0\n"
                                     "wait_time_seconds_bucket{le=\"+Inf\"} 0\n"
                                     "wait_time_seconds_sum 0\n"
                                     "wait_time_seconds_count 0\n# EOF\n"},
        {PROMC_ESCAPING_ALLOW_UTF8, "# HELP \"http.requests\" Requests.\n"
                                    "# TYPE \"http.requests\" counter\n"
                                    "{\"http.requests_total\",\"status.code\"=\"200\",plain_label=\"x\\\"y\"} 1\n"
                                    "{\"http.requests_total\",\"status.code\"=\"404\",plain_label=\"\"} 1\n"
                                    "# TYPE \"wait.time_seconds\" histogram\n"
                                    "# UNIT \"wait.time_seconds\" seconds\n"
                                    "{\"wait.time_seconds_bucket\",le=\"1.0\"} 0\n"
                                    "{\"wait.time_seconds_bucket\",le=\"+Inf\"} 0\n"
                                    "{\"wait.time_seconds_sum\"} 0\n"
                                    "{\"wait.time_seconds_count\"} 0\n# EOF\n"},
        {PROMC_ESCAPING_DOTS, "# HELP http_dot_requests_ Requests.\n"
                              "# TYPE http_dot_requests_ counter\n"
                              "http_dot_requests__total{status_dot_code=\"200\",plain__label=\"x\\\"y\"} 1\n"
                              "http_dot_requests__total{status_dot_code=\"404\",plain__label=\"\"} 1\n"
                              "# TYPE wait_dot_time__seconds histogram\n"
                              "# UNIT wait_dot_time__seconds seconds\n"
                              "wait_dot_time__seconds_bucket{le=\"1.0\"} 0\n"
                              "wait_dot_time__seconds_bucket{le=\"+Inf\"} 0\n"
                              "wait_dot_time__seconds_sum 0\n"
                              "wait_dot_time__seconds_count 0\n# EOF\n"},
        {PROMC_ESCAPING_VALUES, "# HELP U__http_2e_requests_ Requests.\n"
                                "# TYPE U__http_2e_requests_ counter\n"
                                "U__http_2e_requests__total{U__status_2e_code=\"200\",plain_label=\"x\\\"y\"} 1\n"
                                "U__http_2e_requests__total{U__status_2e_code=\"404\",plain_label=\"\"} 1\n"
                                "# TYPE U__wait_2e_time__seconds histogram\n"
                                "# UNIT U__wait_2e_time__seconds seconds\n"
                                "U__wait_2e_time__seconds_bucket{le=\"1.0\"} 0\n"
                                "U__wait_2e_time__seconds_bucket{le=\"+Inf\"} 0\n"
                                "U__wait_2e_time__seconds_sum 0\n"
                                "U__wait_2e_time__seconds_count 0\n# EOF\n"},
    };
    promc_registry *registry = utf8_registry();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const promc_scrape_settings settings = {.format = PROMC_FORMAT_OPENMETRICS, .escaping = cases[i].escaping};
        char *text = corpus_scrape(registry, settings, NULL);
        assert_string_equal(text, cases[i].text);
        free(text);
        if (cases[i].escaping != PROMC_ESCAPING_ALLOW_UTF8) /* Debian's parser is older than quoted names */
            expect_strict_parser_reads(registry, settings);
    }
    promc_registry_destroy(registry);
}

/* Two names that a scraper without UTF-8 could not distinguish are refused, as metrics and as labels. */
static void test_names_that_escape_to_the_same(void **state)
{
    (void)state;
    promc_registry *registry = utf8_registry();
    promc_family *family;
    promc_family_settings settings = {.name = "http_requests"};
    assert_int_equal(promc_counter_register(registry, &settings, &family), PROMC_E_DUPLICATE);
    settings.name = "wait-time_seconds_sum";
    assert_int_equal(promc_gauge_register(registry, &settings, &family), PROMC_E_RESERVED);
    settings = (promc_family_settings){.name = "x", .labels = {"a.b", "a_b"}};
    assert_int_equal(promc_gauge_register(registry, &settings, &family), PROMC_E_LABEL_NAME);
    settings = (promc_family_settings){.name = "x", .labels = {"a:b"}};
    assert_int_equal(promc_gauge_register(registry, &settings, &family), 0);
    (void)promc_gauge_with(family, "v");
    char *text = corpus_scrape(registry, (promc_scrape_settings){.escaping = PROMC_ESCAPING_ALLOW_UTF8}, NULL);
    assert_non_null(strstr(text, "\nx{\"a:b\"=\"v\"} 0\n")); /* a label's grammar has no colon */
    free(text);
    text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    assert_non_null(strstr(text, "\nx{a_b=\"v\"} 0\n"));
    free(text);
    promc_registry_destroy(registry);
}

static void test_sum_of_negative_buckets(void **state)
{
    (void)state;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    char *classic = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
    char *openmetrics = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_OPENMETRICS}, NULL);
    assert_non_null(strstr(classic, "\ncorpus_balance_sum{"));
    assert_null(
        strstr(openmetrics, "\ncorpus_balance_sum{")); /* in OpenMetrics a negative sum would not be a counter */
    assert_null(strstr(openmetrics, "\ncorpus_balance_count{")); /* and a count needs a sum */
    assert_non_null(strstr(openmetrics, "le=\"1e+21\"} "));
    assert_non_null(strstr(openmetrics, "le=\"0.0\"} "));
    free(classic);
    free(openmetrics);
    promc_registry_destroy(registry);
}

/* With all bounds from 0 upwards the sum is shown. */
static void test_sum_of_buckets_from_zero(void **state)
{
    (void)state;
    static const double bounds[] = {0, 1};
    promc_registry *registry;
    promc_family *family;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_histogram_register(
                         registry,
                         &(promc_histogram_settings){.family = {.name = "h"}, .buckets = bounds, .bucket_count = 2},
                         &family),
                     0);
    promc_histogram histogram;
    assert_int_equal(promc_histogram_get(family, NULL, &histogram), 0);
    promc_histogram_observe(histogram, 0.5);
    char *text = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_OPENMETRICS}, NULL);
    if (!strstr(text, "\nh_sum 0.5\n"))
        fail_msg("%s", text);
    assert_non_null(strstr(text, "\nh_count 1\n"));
    free(text);
    promc_registry_destroy(registry);
}

/* OpenMetrics shows the creation time of counters, histograms and summaries, if the registry's settings ask for it. */
static void test_created(void **state)
{
    (void)state;
    for (int told = 0; told < 2; told++) {
        promc_registry *registry = corpus_create((promc_registry_settings){.created_timestamps = told});
        char *text = corpus_scrape(registry, (promc_scrape_settings){0}, NULL);
        char *openmetrics = corpus_scrape(registry, (promc_scrape_settings){.format = PROMC_FORMAT_OPENMETRICS}, NULL);
        assert_null(strstr(text, "_created"));
        assert_int_equal(strstr(openmetrics, "corpus_hostile_created{") != NULL, told);
        assert_int_equal(strstr(openmetrics, "_created") != NULL, told);
        free(text);
        free(openmetrics);
        promc_registry_destroy(registry);
    }
}

/* promtool must be able to parse the text; its lint of names does not matter here. Status 3 is a lint problem, 1 a parse error. */
static void test_promtool(void **state)
{
    (void)state;
    char printed[8192];
    size_t length;
    promc_registry *registry = corpus_create((promc_registry_settings){0});
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, &length);
    int status = judge("promtool check metrics", text, length, printed, sizeof(printed));
    free(text);
    promc_registry_destroy(registry);
    if (status == 127) {
        print_message("promtool is not installed: skipped\n");
        skip();
    }
    if (status != 0 && status != 3)
        fail_msg("promtool: %s", printed);
}

static void test_promtool_accepts_our_own_names(void **state)
{
    (void)state;
    char printed[8192];
    size_t length;
    promc_registry *registry;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_collect_process(registry), 0);
    assert_int_equal(promc_collect_malloc(registry), 0);
    assert_int_equal(promc_collect_cgroup(registry), 0);
    assert_int_equal(promc_collect_scheduler(registry), 0);
    assert_int_equal(promc_collect_pressure(registry), 0);
    char *text = corpus_scrape(registry, (promc_scrape_settings){0}, &length);
    int status = judge("promtool check metrics", text, length, printed, sizeof(printed));
    free(text);
    promc_registry_destroy(registry);
    if (status == 127) {
        print_message("promtool is not installed: skipped\n");
        skip();
    }
    if (status != 0)
        fail_msg("promtool: %s", printed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strict_parser),
        cmocka_unit_test(test_strict_parser_with_created),
        cmocka_unit_test(test_created),
        cmocka_unit_test(test_sum_of_buckets_from_zero),
        cmocka_unit_test(test_strict_parser_with_constant_labels),
        cmocka_unit_test(test_collectors_and_self_metrics),
        cmocka_unit_test(test_utf8_names),
        cmocka_unit_test(test_names_that_escape_to_the_same),
        cmocka_unit_test(test_sum_of_negative_buckets),
        cmocka_unit_test(test_promtool),
        cmocka_unit_test(test_promtool_accepts_our_own_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
