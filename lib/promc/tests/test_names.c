/* SPDX-License-Identifier: Apache-2.0 */
/* Invalid definitions: each is refused with its own code, and a text that names the metric. */
#include "util.h"

#include <math.h>

static int set_up(void **state)
{
    *state = new_registry(NULL);
    return 0;
}

static int tear_down(void **state)
{
    promc_registry_destroy(*state);
    return 0;
}

static int counter(promc_registry *registry, const char *name)
{
    promc_family *family = (promc_family *)0x1;
    int rc = promc_counter_register(registry, &(promc_family_settings){.name = name}, &family);
    assert_true((rc == 0) == (family != NULL));
    return rc;
}

static int gauge(promc_registry *registry, const char *name)
{
    promc_family *family;
    return promc_gauge_register(registry, &(promc_family_settings){.name = name}, &family);
}

static int histogram(promc_registry *registry, const char *name)
{
    promc_family *family;
    return promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = name}}, &family);
}

static int labelled(promc_registry *registry, const char *name, const char *a, const char *b)
{
    promc_family *family;
    return promc_gauge_register(registry, &(promc_family_settings){.name = name, .labels = {a, b}}, &family);
}

static void bad_metric_names(void **state)
{
    assert_fails(counter(*state, "http requests"), PROMC_E_NAME, "\"http requests\": byte 4 (0x20)");
    assert_fails(counter(*state, ""), PROMC_E_NAME, "has no name");
    assert_fails(counter(*state, NULL), PROMC_E_NAME, "has no name");
    assert_fails(counter(*state, "_total"), PROMC_E_NAME, "there is nothing before");
    assert_fails(counter(*state, "1abc"), PROMC_E_NAME, "byte 0 (0x31)");
    assert_fails(counter(*state, "a-b"), PROMC_E_NAME, "byte 1 (0x2d)");
    assert_fails(counter(*state, "a\nb"), PROMC_E_NAME, "\"a?b\": byte 1 (0x0a)");
    assert_fails(counter(*state, "h\xc3\xa9"), PROMC_E_NAME, "byte 1 (0xc3)");
    char longest[600];
    memset(longest, 'a', sizeof(longest));
    longest[599] = '\0';
    assert_fails(counter(*state, longest), PROMC_E_NAME, "at most 512");
    assert_ok(counter(*state, ":a_B9"));
}

static void bad_label_names(void **state)
{
    assert_fails(labelled(*state, "g", "a-b", NULL), PROMC_E_LABEL_NAME, "\"g\": label \"a-b\": byte 1");
    assert_fails(labelled(*state, "g", "a:b", NULL), PROMC_E_LABEL_NAME, "byte 1 (0x3a)");
    assert_fails(labelled(*state, "g", "", NULL), PROMC_E_LABEL_NAME, "has no name");
    assert_fails(labelled(*state, "g", "__name__", NULL), PROMC_E_LABEL_NAME, "reserved");
    assert_fails(labelled(*state, "g", "a", "a"), PROMC_E_LABEL_NAME, "is repeated");
    promc_family *family;
    assert_fails(promc_histogram_register(
                     *state, &(promc_histogram_settings){.family = {.name = "h", .labels = {"le"}}}, &family),
                 PROMC_E_LABEL_NAME, "\"le\" is reserved in a histogram");
    promc_label constant[] = {{"a", "x"}, {NULL, NULL}};
    assert_fails(
        promc_gauge_register(
            *state, &(promc_family_settings){.name = "g", .labels = {"a"}, .constant_labels = constant}, &family),
        PROMC_E_LABEL_NAME, "is repeated");
    constant[0].value = "\xff";
    assert_fails(
        promc_gauge_register(*state, &(promc_family_settings){.name = "g", .constant_labels = constant}, &family),
        PROMC_E_LABEL_VALUE, "constant label \"a\"");
    assert_ok(labelled(*state, "g", "le", "_a9")); /* le is reserved on histograms only */
}

static void duplicates(void **state)
{
    assert_ok(counter(*state, "jobs_total"));
    /* The same definition gives the same family; for another one the error says what is different. */
    assert_ok(counter(*state, "jobs_total"));
    assert_ok(counter(*state, "jobs"));
    promc_family *family;
    assert_fails(promc_counter_register(*state, &(promc_family_settings){.name = "jobs", .labels = {"x"}}, &family),
                 PROMC_E_DUPLICATE, "\"jobs_total\" is already registered with other labels");
    assert_fails(gauge(*state, "jobs"), PROMC_E_DUPLICATE, "\"jobs\"");
    assert_ok(gauge(*state, "job"));
    assert_fails(gauge(*state, "promc_series"), PROMC_E_DUPLICATE, "promc_series");
}

static void clashing_suffixes(void **state)
{
    assert_ok(counter(*state, "foo"));
    assert_fails(gauge(*state, "foo_total"), PROMC_E_RESERVED, "\"foo_total\": its \"foo_total\" clashes with counter");
    assert_fails(gauge(*state, "foo_created"), PROMC_E_RESERVED, "foo_created");
    assert_ok(histogram(*state, "bar"));
    assert_fails(gauge(*state, "bar_sum"), PROMC_E_RESERVED, "clashes with histogram \"bar\"");
    assert_fails(gauge(*state, "bar_count"), PROMC_E_RESERVED, "bar_count");
    assert_fails(gauge(*state, "bar_bucket"), PROMC_E_RESERVED, "bar_bucket");
    assert_fails(gauge(*state, "bar_created"), PROMC_E_RESERVED, "bar_created");
    assert_fails(counter(*state, "bar_count"), PROMC_E_RESERVED, "bar_count");
    /* In the opposite order. */
    assert_ok(gauge(*state, "baz_total"));
    assert_fails(counter(*state, "baz"), PROMC_E_RESERVED, "clashes with gauge \"baz_total\"");
    assert_ok(gauge(*state, "qux_sum"));
    assert_fails(histogram(*state, "qux"), PROMC_E_RESERVED, "clashes with gauge \"qux_sum\"");
    /* Names that only look like a clash. */
    assert_ok(gauge(*state, "fo_total"));
    assert_ok(gauge(*state, "bar_sum_of"));
}

/* For a program with existing dashboards: all formats except OpenMetrics show the names unchanged. */
static void verbatim_names(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    const char *const names[] = {"packets", "jobs_total", "things_count", "sessions_created"};
    for (size_t i = 0; i < 4; i++) {
        promc_family_settings settings = {.name = names[i], .verbatim_name = 1};
        assert_ok(promc_counter_register(registry, &settings, &family));
        assert_string_equal(promc_family_name(family), names[i]);
        assert_ptr_equal(promc_family_find(registry, names[i]), family);
    }
    assert_true(exposes(registry, "# TYPE packets counter\npackets 0"));
    assert_true(exposes(registry, "# TYPE jobs_total counter\njobs_total 0"));
    assert_true(exposes(registry, "# TYPE things_count counter\nthings_count 0"));
    assert_true(contains(scrape_openmetrics(registry), "# TYPE packets counter\npackets_total 0\n"));
    assert_true(contains(scrape_openmetrics(registry), "# TYPE jobs counter\njobs_total 0\n"));
    assert_fails(counter(registry, "packets"), PROMC_E_DUPLICATE, "packets");
    assert_fails(counter(registry, "packets_total"), PROMC_E_DUPLICATE, "packets");
    promc_family_settings twice = {.name = "packets_again", .verbatim_name = 2};
    assert_fails(promc_counter_register(registry, &twice, &family), PROMC_E_INVALID, "verbatim_name");
}

static void suffixes_of_other_types(void **state)
{
    assert_fails(gauge(*state, "a_bucket"), PROMC_E_RESERVED, "\"_bucket\" is reserved");
    assert_fails(gauge(*state, "a_created"), PROMC_E_RESERVED, "\"_created\" is reserved");
    assert_fails(histogram(*state, "a_total"), PROMC_E_RESERVED, "\"a_total\"");
    assert_fails(histogram(*state, "a_count"), PROMC_E_RESERVED, "\"a_count\"");
    assert_fails(counter(*state, "a_total_total"), PROMC_E_RESERVED, "a_total");
    assert_fails(counter(*state, "a_sum_total"), PROMC_E_RESERVED, "a_sum");
}

static void units(void **state)
{
    promc_family *family;
    promc_family_settings settings = {.name = "size", .unit = "bytes"};
    assert_fails(promc_gauge_register(*state, &settings, &family), PROMC_E_UNIT, "\"size\": its unit \"bytes\"");
    settings.name = "sizebytes";
    assert_fails(promc_gauge_register(*state, &settings, &family), PROMC_E_UNIT, "not the last part");
    settings.name = "bytes";
    assert_fails(promc_gauge_register(*state, &settings, &family), PROMC_E_UNIT, "not the last part");
    settings.name = "size_bytes";
    assert_ok(promc_gauge_register(*state, &settings, &family));
    settings.name = "sent_bytes_total";
    assert_ok(promc_counter_register(*state, &settings, &family));
}

static void buckets(void **state)
{
    promc_family *family;
    promc_histogram_settings settings = {.family = {.name = "h"}};
#define TRY(...)                                                                     \
    (settings.buckets = (const double[]){__VA_ARGS__},                               \
     settings.bucket_count = sizeof((const double[]){__VA_ARGS__}) / sizeof(double), \
     promc_histogram_register(*state, &settings, &family))
    assert_fails(TRY(1, 1), PROMC_E_BUCKETS, "\"h\": bucket bound 1 (1) is not above");
    assert_fails(TRY(1, 3, 2), PROMC_E_BUCKETS, "bucket bound 2 (2)");
    assert_fails(TRY(1, NAN), PROMC_E_BUCKETS, "bound 1 is not finite");
    assert_fails(TRY(-INFINITY, 1), PROMC_E_BUCKETS, "bound 0 is not finite");
    settings.bucket_count = 0;
    assert_fails(promc_histogram_register(*state, &settings, &family), PROMC_E_BUCKETS, "0 finite");
    settings.family.name = "only_infinite";
    assert_ok(TRY(INFINITY));
    settings.family.name = "h";
    assert_ok(TRY(-1, 0, 1, INFINITY));
#undef TRY
    double many[PROMC_MAX_BUCKETS + 1];
    for (int i = 0; i <= PROMC_MAX_BUCKETS; i++)
        many[i] = i;
    settings =
        (promc_histogram_settings){.family = {.name = "m"}, .buckets = many, .bucket_count = PROMC_MAX_BUCKETS + 1};
    assert_fails(promc_histogram_register(*state, &settings, &family), PROMC_E_BUCKETS, "257");
    settings.bucket_count = PROMC_MAX_BUCKETS;
    assert_ok(promc_histogram_register(*state, &settings, &family));
    double out[4];
    assert_ok(promc_buckets_linear(out, 4, -1, 2));
    assert_same(out[3], 5);
    assert_ok(promc_buckets_exponential(out, 4, 0.5, 4));
    assert_same(out[3], 32);
    assert_int_equal(promc_buckets_linear(out, 4, 0, 0), PROMC_E_BUCKETS);
    assert_int_equal(promc_buckets_linear(out, 4, 1e300, 1), PROMC_E_BUCKETS);
    assert_int_equal(promc_buckets_exponential(out, 4, 0, 2), PROMC_E_BUCKETS);
    assert_int_equal(promc_buckets_exponential(out, 4, 1e300, 1e9), PROMC_E_BUCKETS);
    assert_int_equal(promc_buckets_linear(NULL, 4, 0, 1), PROMC_E_BUCKETS);
}

static void utf8_names_on_request(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.utf8_names = true});
    assert_ok(counter(registry, "http.requests"));
    assert_ok(labelled(registry, "caf\xc3\xa9", "m.n", NULL));
    assert_fails(counter(registry, "a\xff"), PROMC_E_NAME, "not UTF-8");
    assert_fails(counter(registry, "a\x01"), PROMC_E_NAME, "0x01");
    assert_fails(labelled(registry, "g", "\xed\xa0\x80", NULL), PROMC_E_LABEL_NAME, "not UTF-8");
    promc_registry_destroy(registry);
}

/* Handles whose creation failed are safe to use. */
static void failed_registration_is_harmless(void **state)
{
    promc_family *family;
    promc_counter c;
    promc_histogram h;
    promc_gauge g;
    assert_int_equal(promc_counter_register(*state, &(promc_family_settings){.name = "!"}, &family), PROMC_E_NAME);
    assert_null(family);
    assert_fails(promc_counter_get(family, NULL, &c), PROMC_E_INVALID, "no metric family");
    promc_counter_inc(c);
    promc_counter_inc(promc_counter_with(family, "a"));
    assert_int_equal(promc_counter_add(c, 1.5), 0);
    assert_same(promc_counter_value(c), 0);
    assert_int_equal(promc_histogram_get(family, NULL, &h), PROMC_E_INVALID);
    promc_histogram_observe(h, 1);
    assert_int_equal(promc_gauge_get(family, NULL, &g), PROMC_E_INVALID);
    promc_gauge_set(g, 1);
    promc_gauge_inc(g);
    assert_int_equal(promc_counter_register(NULL, &(promc_family_settings){.name = "a"}, &family), PROMC_E_INVALID);
    assert_int_equal(promc_counter_register(*state, NULL, &family), PROMC_E_INVALID);
    assert_string_equal(promc_strerror(0), "no error");
    assert_string_equal(promc_strerror(PROMC_E_DUPLICATE), "duplicate metric name");
    assert_string_equal(promc_strerror(-1000), "unknown error");
    assert_string_equal(promc_strerror(5), "unknown error");
}

static void types_and_counts(void **state)
{
    promc_family *family = new_counter(*state, "jobs", "queue");
    promc_gauge g;
    promc_counter c;
    assert_fails(promc_gauge_get(family, (const char *[]){"a"}, &g), PROMC_E_TYPE, "jobs_total");
    assert_fails(promc_counter_get(family, NULL, &c), PROMC_E_LABEL_VALUE,
                 "\"jobs_total\": no value for label \"queue\"");
    assert_fails(promc_counter_get(family, (const char *[]){NULL}, &c), PROMC_E_LABEL_VALUE, "queue");
    promc_str two[] = {{"a", 1}, {"b", 1}};
    assert_fails(promc_counter_get_n(family, two, 2, &c), PROMC_E_LABEL_COUNT, "has 1 labels, 2 values");
    (void)promc_counter_with(family, "a", "b");
    assert_non_null(strstr(promc_error_detail(), "has 1 labels, 2 values"));
    assert_int_equal(promc_family_series_count(family), 0);
    assert_int_equal(promc_family_type(family), PROMC_COUNTER);
    assert_ok(promc_gauge_register(*state, &(promc_family_settings){.name = "g"}, &family));
    assert_int_equal(promc_family_type(family), PROMC_GAUGE);
    assert_ok(promc_histogram_register(*state, &(promc_histogram_settings){.family = {.name = "h"}}, &family));
    assert_int_equal(promc_family_type(family), PROMC_HISTOGRAM);
}

/* A constant label of the registry and of the family may have a value of any length. */
static void long_constant_labels(void **state)
{
    static char value[300], line[900];
    memset(value, 'v', sizeof(value) - 1);
    value[0] = '"';
    const promc_label first = {"a", value}, second[] = {{"b", value}, {NULL, NULL}};
    promc_family *family;
    promc_registry *registry =
        new_registry(&(promc_registry_settings){.constant_labels = &first, .constant_label_count = 1});
    assert_ok(promc_counter_register(
        registry, &(promc_family_settings){.name = "c", .labels = {"x"}, .constant_labels = second}, &family));
    promc_counter_inc(promc_counter_with(family, "1"));
    snprintf(line, sizeof(line), "c_total{a=\"\\%s\",b=\"\\%s\",x=\"1\"} 1", value, value);
    assert_true(exposes(registry, line));
    promc_registry_destroy(registry);
    (void)state;
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(bad_metric_names),
        TEST(bad_label_names),
        TEST(duplicates),
        TEST(clashing_suffixes),
        TEST(verbatim_names),
        TEST(suffixes_of_other_types),
        TEST(units),
        TEST(buckets),
        TEST(utf8_names_on_request),
        TEST(long_constant_labels),
        TEST(failed_registration_is_harmless),
        TEST(types_and_counts),
    };
    return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
