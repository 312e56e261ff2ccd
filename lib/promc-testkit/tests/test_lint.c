/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of promlint by its name: its messages, in promlint's words, and names that it accepts. */
#include <promc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void expect(const char *text, const char *problems)
{
    char *report;
    int count = promc_testkit_lint_text(text, strlen(text), &report), wanted = 0;
    for (const char *line = problems; *line; line++)
        wanted += *line == '\n';
    if (count != wanted || strcmp(report ? report : "", problems) != 0)
        fail_msg("%s: %d problems\n%s", text, count, report ? report : "");
    free(report);
}

/* One sample of this name and type. */
static void expect_name(const char *name, const char *type, const char *problem)
{
    char text[512], wanted[512];
    (void)snprintf(text, sizeof(text), "# HELP %s Help.\n# TYPE %s %s\n%s 1\n", name, name, type, name);
    (void)snprintf(wanted, sizeof(wanted), "%s: %s\n", name, problem ? problem : "");
    expect(text, problem ? wanted : "");
}

static void test_lint_help(void **state)
{
    (void)state;
    expect("# TYPE a gauge\na 1\n", "a: no help text\n");
    expect("# HELP a \n# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n", "a: no help text\nb: no help text\n");
    expect_name("a", "gauge", NULL);
}

static void test_lint_metric_units(void **state)
{
    static const char *const base[] = {"amperes", "bytes", "celsius", "grams",   "joules", "kelvin",
                                       "meters",  "moles", "metres",  "seconds", "volts",  "ratio"};
    static const char *const bad[][2] = {
        {"milliamperes", "amperes"}, {"gigabytes", "bytes"},    {"mebibytes", "bytes"},   {"kilograms", "grams"},
        {"nanocelsius", "celsius"},  {"kilometers", "meters"},  {"picometers", "meters"}, {"microseconds", "seconds"},
        {"minutes", "seconds"},      {"hours", "seconds"},      {"days", "seconds"},      {"weeks", "seconds"},
        {"kelvins", "kelvin"},       {"fahrenheit", "celsius"}, {"rankine", "celsius"},   {"inches", "meters"},
        {"yards", "meters"},         {"miles", "meters"},       {"bits", "bytes"},        {"calories", "joules"},
        {"pounds", "grams"},         {"ounces", "grams"},       {"kilobits", "bytes"},    {"percent", "ratio"}};
    char name[64], problem[128];
    (void)state;
    for (size_t i = 0; i < sizeof(base) / sizeof(*base); i++) {
        (void)snprintf(name, sizeof(name), "x_%s", base[i]);
        expect_name(name, "untyped", NULL);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        (void)snprintf(name, sizeof(name), "x_%s_y", bad[i][0]);
        (void)snprintf(problem, sizeof(problem), "use base unit \"%s\" instead of \"%s\"", bad[i][1], bad[i][0]);
        expect_name(name, "untyped", problem);
    }
    expect_name("milliseconds", "gauge", "use base unit \"seconds\" instead of \"milliseconds\"");
    expect_name("seconds_in_minutes", "gauge", NULL); /* the first unit counts */
    expect_name("kilowatts", "gauge", NULL);          /* promlint does not know this unit */
}

static void test_lint_counter(void **state)
{
    (void)state;
    expect_name("x_bytes", "counter", "counter metrics should have \"_total\" suffix");
    expect_name("x_bytes_total", "gauge", "non-counter metrics should not have \"_total\" suffix");
    expect_name("x_bytes_total", "counter", NULL);
    expect_name("x_bytes", "gauge", NULL);
    expect_name("x_bytes_total", "untyped", NULL);
    expect_name("x_bytes", "untyped", NULL);
    expect("# HELP x_total Help.\nx_total 1\n", "");
}

static void test_lint_histogram_summary_reserved(void **state)
{
    (void)state;
    expect_name("x_bytes_bucket", "gauge", "non-histogram metrics should not have \"_bucket\" suffix");
    expect_name("x_bytes_count", "gauge", "non-histogram and non-summary metrics should not have \"_count\" suffix");
    expect_name("x_bytes_sum", "gauge", "non-histogram and non-summary metrics should not have \"_sum\" suffix");
    expect_name("x_bytes_sum", "untyped", NULL);
    expect("# HELP x Help.\n# TYPE x gauge\nx{le=\"1\"} 1\nx{le=\"2\"} 1\n",
           "x: non-histogram metrics should not have \"le\" label\n");
    expect("# HELP x Help.\n# TYPE x gauge\nx 1\nx{quantile=\"1\"} 1\n",
           "x: non-summary metrics should not have \"quantile\" label\n");
    expect("# HELP x Help.\nx{le=\"1\"} 1\n", "");
    expect("# HELP x Help.\n# TYPE x histogram\nx_bucket{le=\"+Inf\",quantile=\"1\"} 1\nx_sum 1\nx_count 1\n",
           "x: non-summary metrics should not have \"quantile\" label\n");
    expect("# HELP x Help.\n# TYPE x summary\nx{quantile=\"1\",le=\"1\"} 1\nx_sum 1\nx_count 1\n",
           "x: non-histogram metrics should not have \"le\" label\n");
    expect("# HELP x Help.\n# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n"
           "# HELP y Help.\n# TYPE y summary\ny{quantile=\"1\"} 1\ny_sum 1\ny_count 1\n",
           "");
}

static void test_lint_metric_type_in_name(void **state)
{
    (void)state;
    expect_name("requests_counter_total", "counter", "metric name should not include type 'counter'");
    expect_name("limit_bytes_gauge", "gauge", "metric name should not include type 'gauge'");
    expect_name("limit_GAUGE_bytes", "gauge", "metric name should not include type 'gauge'");
    expect_name("gauge_limit", "gauge", NULL);
    expect_name("limit_gauges", "gauge", NULL);
    expect_name("limit_counter", "gauge", NULL);
    expect_name("limit_untyped", "untyped", NULL);
    expect("# HELP x_histogram Help.\n# TYPE x_histogram histogram\nx_histogram_bucket{le=\"+Inf\"} 0\n",
           "x_histogram: metric name should not include type 'histogram'\n");
    expect("# HELP x_summary Help.\n# TYPE x_summary summary\nx_summary_count 0\n",
           "x_summary: metric name should not include type 'summary'\n");
}

static void test_lint_reserved_chars(void **state)
{
    (void)state;
    expect_name("job:rate", "gauge", "metric names should not contain ':'");
}

static void test_lint_camel_case(void **state)
{
    (void)state;
    expect_name("requestDuration_seconds", "gauge", "metric names should be written in 'snake_case' not 'camelCase'");
    expect("# HELP x Help.\n# TYPE x gauge\nx{a=\"b\"} 1\nx{httpService=\"foo\"} 1\nx{httpService=\"bar\"} 1\n",
           "x: label names should be written in 'snake_case' not 'camelCase'\n");
    expect_name("HTTP_requests", "gauge", NULL);
}

static void test_lint_unit_abbreviations(void **state)
{
    static const char *const units[] = {"s",  "ms", "us", "ns", "sec", "b", "kb", "mb",
                                        "MB", "gb", "tb", "pb", "m",   "h", "d"};
    char name[64];
    (void)state;
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
        (void)snprintf(name, sizeof(name), "limit_%s", units[i]);
        expect_name(name, "gauge", "metric names should not contain abbreviated units");
        (void)snprintf(name, sizeof(name), "limit_%s_now", units[i]);
        expect_name(name, "gauge", "metric names should not contain abbreviated units");
    }
    expect_name("s_limit", "gauge", NULL);
    expect_name("limits", "gauge", NULL);
}

static void test_lint_duplicate_metric(void **state)
{
    (void)state;
    expect("# HELP x Help.\n# TYPE x gauge\nx{a=\"1\",b=\"2\"} 1\nx 1\nx{b=\"2\",a=\"1\"} 2\n",
           "x: metric not unique\n");
    expect("# HELP x Help.\n# TYPE x gauge\nx{a=\"1\"} 1\nx{a=\"2\"} 1\n", "");
}

static void test_lint_added_by_prometheus(void **state)
{
    (void)state;
    expect_name("up", "gauge", "Prometheus adds a metric of this name itself");
    expect_name("scrape_duration_seconds", "gauge", "Prometheus adds a metric of this name itself");
    expect_name("uptime", "gauge", NULL);
    expect("# HELP x Help.\n# TYPE x gauge\nx{instance=\"1\"} 1\nx{instance=\"2\"} 1\n",
           "x: Prometheus adds the label \"instance\" itself, and renames this one to \"exported_instance\"\n");
    expect("# HELP x Help.\n# TYPE x gauge\nx{job=\"1\"} 1\n",
           "x: Prometheus adds the label \"job\" itself, and renames this one to \"exported_job\"\n");
}

static void test_unreadable_text_is_an_error(void **state)
{
    char *report;
    (void)state;
    assert_int_equal(promc_testkit_lint_text("a b\n", 4, &report), PROMC_E_INVALID);
    assert_non_null(strstr(report, "line 1: \"b\" is not a number"));
    free(report);
    assert_int_equal(promc_testkit_lint_text("", 0, &report), 0);
    assert_null(report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lint_help),
        cmocka_unit_test(test_lint_metric_units),
        cmocka_unit_test(test_lint_counter),
        cmocka_unit_test(test_lint_histogram_summary_reserved),
        cmocka_unit_test(test_lint_metric_type_in_name),
        cmocka_unit_test(test_lint_reserved_chars),
        cmocka_unit_test(test_lint_camel_case),
        cmocka_unit_test(test_lint_unit_abbreviations),
        cmocka_unit_test(test_lint_duplicate_metric),
        cmocka_unit_test(test_lint_added_by_prometheus),
        cmocka_unit_test(test_unreadable_text_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
