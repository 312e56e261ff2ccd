/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <promc/testkit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static promc_registry *registry;

static int setup(void **state)
{
    promc_registry_settings settings;
    promc_family *jobs, *seconds;
    (void)state;
    promc_registry_default_settings(&settings);
    settings.no_self_metrics = true;
    assert_int_equal(promc_registry_create(&registry, &settings), 0);
    assert_int_equal(
        promc_counter_register(
            registry, &(promc_family_settings){.name = "jobs_total", .help = "Jobs done.", .labels = {"queue"}}, &jobs),
        0);
    assert_int_equal(promc_histogram_register(
                         registry,
                         &(promc_histogram_settings){.family = {.name = "job_seconds", .help = "Time a job takes."},
                                                     .buckets = (const double[]){0.5, 1},
                                                     .bucket_count = 2},
                         &seconds),
                     0);
    promc_counter_add_u64(promc_counter_with(jobs, "mail"), 3);
    promc_counter_inc(promc_counter_with(jobs, "a \"quoted\"\nname"));
    promc_histogram_observe(promc_histogram_with_values(seconds, NULL, 0), 0.25);
    promc_histogram_observe(promc_histogram_with_values(seconds, NULL, 0), 2);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    promc_registry_destroy(registry);
    return 0;
}

static void test_compare_equal_in_any_order(void **state)
{
    static const char expected[] = "# TYPE job_seconds histogram\n"
                                   "job_seconds_bucket{le=\"0.5\"} 1\n"
                                   "job_seconds_bucket{le=\"1\"} 1\n"
                                   "job_seconds_bucket{le=\"+Inf\"} 2\n"
                                   "job_seconds_sum 2.25\n"
                                   "job_seconds_count 2\n"
                                   "# TYPE jobs_total counter\n"
                                   "jobs_total{queue=\"a \\\"quoted\\\"\\nname\"} 1\n"
                                   "jobs_total{queue=\"mail\"} 3\n";
    char *report;
    (void)state;
    int code = promc_testkit_compare(registry, expected, NULL, &report);
    if (code != 0)
        fail_msg("%d: %s", code, report ? report : "");
    assert_null(report);
}

static void test_compare_shows_the_difference(void **state)
{
    char *report;
    (void)state;
    assert_int_equal(promc_testkit_compare(registry,
                                           "# HELP jobs_total Jobs done.\n# TYPE jobs_total counter\n"
                                           "jobs_total{queue=\"mail\"} 4\n"
                                           "jobs_total{queue=\"a \\\"quoted\\\"\\nname\"} 1\n",
                                           (const char *[]){"jobs_total", NULL}, &report),
                     1);
    assert_string_equal(report, "+ jobs_total{queue=\"mail\"} 3\n- jobs_total{queue=\"mail\"} 4\n");
    free(report);
    assert_int_equal(promc_testkit_compare(registry, "# HELP jobs_total Other.\n# TYPE jobs_total counter\n",
                                           (const char *[]){"jobs_total", NULL}, &report),
                     1);
    assert_non_null(strstr(report, "- # HELP jobs_total Other."));
    free(report);
    assert_int_equal(promc_testkit_compare(registry, "jobs_total{queue=mail} 4\n", NULL, &report), PROMC_E_INVALID);
    assert_non_null(strstr(report, "line 1"));
    free(report);
}

static void test_values(void **state)
{
    double value;
    (void)state;
    assert_true(promc_testkit_read(registry, "jobs_total", "queue", "mail") == 3);
    assert_true(promc_testkit_read(registry, "job_seconds_bucket", "le", "+Inf") == 2);
    assert_true(promc_testkit_read(registry, "job_seconds_sum") == 2.25);
    assert_true(isnan(promc_testkit_read(registry, "jobs_total", "queue", "none")));
    assert_true(isnan(promc_testkit_read(registry, "jobs_total")));
    assert_int_equal(promc_testkit_value(registry, "nothing", NULL, 0, &value), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_testkit_series_count(registry, "jobs_total"), 2);
    assert_int_equal(promc_testkit_series_count(registry, "nothing"), 0);
}

static void test_summary(void **state)
{
    promc_family *family;
    promc_summary summary;
    char *report;
    (void)state;
    assert_int_equal(
        promc_summary_register(
            registry,
            &(promc_summary_settings){.family = {.name = "lookup_seconds", .help = "Lookups.", .labels = {"in"}},
                                      .quantiles = (const double[]){0.5},
                                      .quantile_count = 1},
            &family),
        0);
    assert_int_equal(promc_summary_get(family, (const char *[]){"cache"}, &summary), 0);
    assert_int_equal(promc_testkit_compare(registry,
                                           "# TYPE lookup_seconds summary\n"
                                           "lookup_seconds{in=\"cache\",quantile=\"0.5\"} NaN\n"
                                           "lookup_seconds_sum{in=\"cache\"} 0\n"
                                           "lookup_seconds_count{in=\"cache\"} 0\n",
                                           (const char *[]){"lookup_seconds", NULL}, &report),
                     0);
    promc_summary_observe(summary, 2);
    double median = promc_testkit_read(registry, "lookup_seconds", "quantile", "0.5", "in", "cache");
    assert_true(median > 1.9 && median < 2.1);
    assert_true(promc_testkit_read(registry, "lookup_seconds_sum", "in", "cache") == 2);
    assert_true(promc_testkit_read(registry, "lookup_seconds_count", "in", "cache") == 1);
    assert_int_equal(promc_testkit_series_count(registry, "lookup_seconds"), 1);
    assert_int_equal(promc_testkit_lint(registry, NULL), 0);
}

static void test_lint(void **state)
{
    static const struct {
        const char *name, *help, *label, *problem;
    } bad[] = {
        {"request_milliseconds", "Help.", NULL, "use base unit \"seconds\" instead of \"milliseconds\""},
        {"requests", "", NULL, "no help text"},
        {"size_kb", "Help.", NULL, "abbreviated units"},
        {"requestCount", "Help.", NULL, "'snake_case' not 'camelCase'"},
        {"job:rate", "Help.", NULL, "should not contain ':'"},
        {"pool_gauge", "Help.", NULL, "should not include type 'gauge'"},
        {"shops", "Help.", "shopName", "label names should be written in 'snake_case'"},
    };
    char *report;
    (void)state;
    assert_int_equal(promc_testkit_lint(registry, &report), 0);
    assert_null(report);
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        promc_family *family;
        promc_gauge gauge;
        assert_int_equal(
            promc_gauge_register(
                registry, &(promc_family_settings){.name = bad[i].name, .help = bad[i].help, .labels = {bad[i].label}},
                &family),
            0);
        assert_int_equal(promc_gauge_get(family, bad[i].label ? (const char *[]){"x"} : NULL, &gauge), 0);
        assert_int_equal(promc_testkit_lint(registry, &report), (int)i + 1);
        assert_non_null(strstr(report, bad[i].problem));
        free(report);
    }
}

static void test_check_refuses(void **state)
{
    static const struct {
        const char *text;
        enum promc_format format;
        const char *fault;
    } bad[] = {
        {"a 1", PROMC_FORMAT_TEXT, "line feed"},
        {"a  1\n", PROMC_FORMAT_TEXT, "not a number"},
        {"a nan\n", PROMC_FORMAT_TEXT, "not a number"},
        {"a 1,5\n", PROMC_FORMAT_TEXT, "not a number"},
        {"a{b=\"c\" 1\n", PROMC_FORMAT_TEXT, ", or } is expected"},
        {"a{b=\"c\",\n", PROMC_FORMAT_TEXT, "} is missing"},
        {"a{b=\"c\",} 1\n", PROMC_FORMAT_TEXT, "a comma before }"},
        {"a{1=\"c\"} 1\n", PROMC_FORMAT_TEXT, "a label name is expected"},
        {"a{b} 1\n", PROMC_FORMAT_TEXT, "= is expected after label b"},
        {"c 1\na{b=c} 1\n", PROMC_FORMAT_TEXT, "line 2: a quoted value is expected at byte 5"},
        {"a{b=\"c\\x\"} 1\n", PROMC_FORMAT_TEXT, "not a valid escape"},
        {"a{b=\"c\",b=\"d\"} 1\n", PROMC_FORMAT_TEXT, "is repeated"},
        {"a 1\na 2\n", PROMC_FORMAT_TEXT, "is repeated"},
        {"a 1\nb 1\na{x=\"y\"} 1\n", PROMC_FORMAT_TEXT, "not contiguous"},
        {"a 1\n# TYPE a gauge\n", PROMC_FORMAT_TEXT, "after its samples"},
        {"# TYPE a gadget\n", PROMC_FORMAT_TEXT, "not a metric type"},
        {"a 1\r\n", PROMC_FORMAT_TEXT, "carriage return"},
        {"# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\n", PROMC_FORMAT_TEXT, "not cumulative"},
        {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1\"} 1\n", PROMC_FORMAT_TEXT, "is repeated"},
        {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 1\n", PROMC_FORMAT_TEXT, "no +Inf bucket"},
        {"# TYPE h histogram\nh_bucket{le=\"one\"} 1\n", PROMC_FORMAT_TEXT, "not ascending"},
        {"# TYPE s summary\ns 1\n", PROMC_FORMAT_TEXT, "without a quantile"},
        {"# TYPE s summary\ns{quantile=\"1.5\"} 1\n", PROMC_FORMAT_TEXT, "without a quantile from 0"},
        {"# TYPE s summary\ns{quantile=\"half\"} 1\n", PROMC_FORMAT_TEXT, "without a quantile from 0"},
        {"# TYPE s summary\ns{quantile=\"0.5\"} -1\n", PROMC_FORMAT_TEXT, "a quantile below 0"},
        {"# TYPE s summary\ns_sum NaN\ns_count 1\n", PROMC_FORMAT_TEXT, "line 2: a summary's sum or count"},
        {"# TYPE s summary\ns_sum 1\ns_count -1\n", PROMC_FORMAT_TEXT, "line 3: a summary's sum or count"},
        {"# TYPE a counter\na_total 1\n", PROMC_FORMAT_OPENMETRICS, "# EOF is missing"},
        {"# TYPE a counter\na 1\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "suffix"},
        {"\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "empty line"},
        {"# EOF\na 1\n", PROMC_FORMAT_OPENMETRICS, "after # EOF"},
        {"# HELP a say \\x\n", PROMC_FORMAT_TEXT, "must be escaped"},
        {"# HELP a \\\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "a backslash at the end"},
        {"a 1\r\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "carriage return"},
        {"# HELP a \xff\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "not UTF-8"},
        {"a{b=\"\xed\xa0\x80\"} 1\n", PROMC_FORMAT_TEXT, "not UTF-8"},
        {"a Inf\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "not a number"},
        {"a 1\na 1\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "is repeated"},
        {"a 1 0.5\n", PROMC_FORMAT_TEXT, "neither"},
        {"# TYPE a gauge\na 0 -1\na 0 -1.5\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "backwards"},
        {"# TYPE a gauge\na 0 1\na 0\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "a timestamp in one line"},
        {"# TYPE a info\na_info 1\na_info{b=\"c\"} 1 1\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "a timestamp in one line"},
        {"# TYPE a gauge\na{b=\"1\"} 0 1\na 0\na{b=\"1\"} 0 2\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "not together"},
        {"# TYPE a counter\n# TYPE a_total gauge\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "clashes"},
        {"# UNIT a s\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "does not end with its unit"},
        {"# TYPE a_s info\n# UNIT a_s s\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "has a unit"},
        {"# TYPE a stateset\na{a=\"x\"} 2\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "neither 0 nor 1"},
        {"# TYPE a gauge\na 1 # {} 1\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "exemplar where none"},
        {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1.5\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "not a whole number"},
        {"# TYPE h histogram\nh_bucket{le=\"-1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_count 0\nh_sum 0\n# EOF\n",
         PROMC_FORMAT_OPENMETRICS, "negative bounds and a sum"},
        {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 0\nh_count 0\n# EOF\n", PROMC_FORMAT_OPENMETRICS,
         "a count without a sum"},
        {"# TYPE a counter\na_total 1 # {x=\"y\"}\n# EOF\n", PROMC_FORMAT_OPENMETRICS, "neither"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        char *report = NULL;
        int code = promc_testkit_check(bad[i].text, strlen(bad[i].text), bad[i].format, &report);
        if (code != PROMC_E_INVALID || !report || !strstr(report, bad[i].fault))
            fail_msg("%s: %d %s", bad[i].text, code, report ? report : "");
        free(report);
    }
}

static void test_check_accepts(void **state)
{
    static const char good[] =
        "# TYPE a counter\n# HELP a say \\\"x\\\"\na_total{x=\"y\"} 1 # {trace_id=\"abc\"} 0.5 1.5\n"
        "# TYPE my.name gauge\n";
    static const char utf8[] = "# TYPE \"my.name\" gauge\n{\"my.name\",\"my.label\"=\"v\"} 1\n# EOF\n";
    char text[512];
    (void)state;
    (void)snprintf(text, sizeof(text), "%.*s# EOF\n", (int)(strstr(good, "# TYPE my") - good), good);
    assert_int_equal(promc_testkit_check(text, strlen(text), PROMC_FORMAT_OPENMETRICS, NULL), 0);
    assert_int_equal(promc_testkit_check(utf8, strlen(utf8), PROMC_FORMAT_OPENMETRICS, NULL), 0);
    static const char no_counts[] = "# TYPE g histogram\ng_bucket{le=\"-1.0\"} 1\ng_bucket{le=\"+Inf\"} 2\n"
                                    "# TYPE h histogram\nh_bucket{le=\"-2.0\"} 0\nh_bucket{le=\"+Inf\"} 1\n# EOF\n";
    assert_int_equal(promc_testkit_check(no_counts, strlen(no_counts), PROMC_FORMAT_OPENMETRICS, NULL), 0);
    /* As in the official vectors: a NUL, a quote in HELP, escapes that stand for themselves, an end without a line feed. */
    static const char odd[] =
        "# TYPE a counter\n# HELP a \\\\\"\\x\0y\na_total{b=\"\0\\y\"} 1 1e3\na_total{b=\"\"} 1\n# EOF";
    assert_int_equal(promc_testkit_check(odd, sizeof(odd) - 1, PROMC_FORMAT_OPENMETRICS, NULL), 0);
    static const char old[] = "# a comment\n\na 1 1700000000000\n";
    assert_int_equal(promc_testkit_check(old, strlen(old), PROMC_FORMAT_TEXT, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_compare_equal_in_any_order, setup, teardown),
        cmocka_unit_test_setup_teardown(test_compare_shows_the_difference, setup, teardown),
        cmocka_unit_test_setup_teardown(test_values, setup, teardown),
        cmocka_unit_test_setup_teardown(test_summary, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lint, setup, teardown),
        cmocka_unit_test(test_check_refuses),
        cmocka_unit_test(test_check_accepts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
