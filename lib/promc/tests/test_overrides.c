/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, caps and expiry changed by the operator: by a text, a file and the environment; errors say what is wrong. */
#include "arena/registry.h"
#include "registry/overrides.h"
#include "util.h"

#include <locale.h>
#include <unistd.h>

static void changes_what_it_names(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(
        &(promc_registry_settings){.overrides = "# slower than we thought; really\n\n  latency_seconds "
                                                "buckets=0.5,1.5e1,+Inf max_series=2 ;jobs max_series=1\r\n"
                                                "old_total idle_expiry_seconds=30\nnever_there max_series=3"});
    promc_family *latency, *jobs, *old, *plain;
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "latency_seconds", .labels = {"x"}}}, &latency));
    promc_histogram_observe(promc_histogram_with(latency, "1"), 1);
    assert_true(exposes(registry, "latency_seconds_bucket{x=\"1\",le=\"0.5\"} 0"));
    assert_true(exposes(registry, "latency_seconds_bucket{x=\"1\",le=\"15\"} 1"));
    assert_hides(registry, "latency_seconds_bucket{x=\"1\",le=\"0.005\"} 0");
    assert_int_equal(latency->data->max_series, 2);
    jobs = new_counter(registry, "jobs_total", "x");
    assert_int_equal(jobs->data->max_series, 1);
    old = new_counter(registry, "old", "x");
    assert_int_equal(old->data->idle_expiry_seconds, 30);
    plain = new_counter(registry, "plain", "x");
    assert_int_equal(plain->data->max_series, 10000);
    assert_string_equal(promc_overrides_unused(registry), "never_there");
    promc_registry_destroy(registry);
}

static void faults_are_named(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int code;
        const char *detail;
    } bad[] = {
        {"a", PROMC_E_INVALID, "entry 1: no setting given for \"a\""},
        {"a max_series=1\nb fast", PROMC_E_INVALID, "entry 2: not of the form key=value: \"fast\""},
        {"a speed=1", PROMC_E_INVALID, "unknown or repeated key \"speed\""},
        {"a max_series=1 max_series=2", PROMC_E_INVALID, "unknown or repeated key \"max_series\""},
        {"a max_series=0", PROMC_E_INVALID, "not a number of series"},
        {"a max_series=-1", PROMC_E_INVALID, "not a number of series: \"-1\""},
        {"a max_series=4294967296", PROMC_E_INVALID, "not a number of series"},
        {"a max_series=", PROMC_E_INVALID, "not a number of series"},
        {"a idle_expiry_seconds=x", PROMC_E_INVALID, "not a number of seconds: \"x\""},
        {"a max_series=1;a max_series=2", PROMC_E_INVALID, "a second entry for \"a\""},
        {"a buckets=1,2x", PROMC_E_INVALID, "not a number: \"2x\""},
        {"a buckets=1,,2", PROMC_E_INVALID, "not a number: \"\""},
        {"a buckets=", PROMC_E_INVALID, "not a number"},
        {"a buckets=2,1", PROMC_E_BUCKETS, "\"a\": bucket bound 1"},
        {"a buckets=nan", PROMC_E_BUCKETS, "not finite"},
        {"a histogram=sparse", PROMC_E_INVALID, "not classic, native or both: \"sparse\""},
        {"a histogram=both histogram=both", PROMC_E_INVALID, "repeated key \"histogram\""},
        {"a schema=9", PROMC_E_INVALID, "not a schema from -4 to 8: \"9\""},
        {"a schema=-5", PROMC_E_INVALID, "not a schema"},
        {"a schema=1.5", PROMC_E_INVALID, "not a schema"},
        {"a schema=nan", PROMC_E_INVALID, "not a schema"},
        {"a max_buckets=7", PROMC_E_INVALID, "not a number of buckets from 8 to 256: \"7\""},
        {"a max_buckets=257", PROMC_E_INVALID, "not a number of buckets"},
        {"a zero_threshold=-1", PROMC_E_INVALID, "not a threshold of 0 or more: \"-1\""},
        {"a zero_threshold=inf", PROMC_E_INVALID, "not a threshold"},
        {"@/nonexistent/file", PROMC_E_IO, "/nonexistent/file"},
        {"@/dev/zero", PROMC_E_INVALID, "not a text"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        promc_registry *registry;
        assert_fails(promc_registry_create(&registry, &(promc_registry_settings){.overrides = bad[i].text}),
                     bad[i].code, bad[i].detail);
        assert_null(registry);
    }
    promc_registry *registry = new_registry(&(promc_registry_settings){.overrides = "a buckets=1"});
    promc_family *family;
    assert_fails(promc_gauge_register(registry, &(promc_family_settings){.name = "a"}, &family), PROMC_E_INVALID,
                 "\"a\" is not a histogram");
    promc_registry_destroy(registry);
}

/* Overrides of a histogram's kind and of its native buckets. */
static void histograms_change_their_kind(void **state)
{
    (void)state;
    static const struct {
        enum promc_histogram_kind kind;
        const char *override;
        const char *fault; /* NULL: accepted, with the results below */
        size_t bounds;
        int schema; /* 99: not native */
        uint32_t limit;
        double threshold;
    } cases[] = {
        {PROMC_HISTOGRAM_CLASSIC, "histogram=native", NULL, 0, 3, 160, 0x1p-128},
        {PROMC_HISTOGRAM_CLASSIC, "histogram=both schema=-4 max_buckets=8 zero_threshold=0", NULL, 11, -4, 8, 0},
        {PROMC_HISTOGRAM_CLASSIC, "histogram=both buckets=1,2 schema=8", NULL, 2, 8, 160, 0x1p-128},
        {PROMC_HISTOGRAM_NATIVE, "histogram=classic", NULL, 11, 99, 0, 0},
        {PROMC_HISTOGRAM_NATIVE, "max_buckets=256 zero_threshold=1e-3", NULL, 0, 3, 256, 1e-3},
        {PROMC_HISTOGRAM_CLASSIC_AND_NATIVE, "buckets=1,2,3", NULL, 3, 3, 160, 0x1p-128},
        {PROMC_HISTOGRAM_CLASSIC, "schema=3", "\"h\" is not a native histogram (histogram=both", 0, 0, 0, 0},
        {PROMC_HISTOGRAM_NATIVE, "histogram=classic max_buckets=9", "\"h\" is not a native histogram", 0, 0, 0, 0},
        {PROMC_HISTOGRAM_NATIVE, "buckets=1,2", "\"h\" has no classic buckets (histogram=both", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char text[128];
        snprintf(text, sizeof(text), "h %s", cases[i].override);
        promc_registry *registry = new_registry(&(promc_registry_settings){.overrides = text});
        promc_histogram_settings settings = {.family = {.name = "h"}, .kind = cases[i].kind};
        promc_family *family;
        int rc = promc_histogram_register(registry, &settings, &family);
        if (cases[i].fault) {
            assert_fails(rc, PROMC_E_INVALID, cases[i].fault);
        } else {
            assert_ok(rc);
            assert_int_equal(family->data->bound_count, cases[i].bounds);
            assert_int_equal(family->data->native_at != 0, cases[i].schema != 99);
        }
        if (!cases[i].fault && cases[i].schema != 99) {
            assert_int_equal(family->data->native.schema, cases[i].schema);
            assert_int_equal(family->data->native.limit, cases[i].limit);
            assert_same(family->data->native.zero_threshold, cases[i].threshold);
        }
        promc_registry_destroy(registry);
    }
    promc_registry *registry = new_registry(&(promc_registry_settings){.overrides = "a histogram=native"});
    assert_fails(promc_gauge_register(registry, &(promc_family_settings){.name = "a"}, NULL), PROMC_E_INVALID,
                 "\"a\" is not a histogram");
    promc_registry_destroy(registry);
}

static void from_file_and_environment(void **state)
{
    (void)state;
    char path[64], value[80];
    snprintf(path, sizeof(path), "/tmp/promc-test-overrides-%d", (int)getpid());
    snprintf(value, sizeof(value), "@%s", path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs("jobs max_series=7\n", file);
    fclose(file);
    setenv("PROMC_OVERRIDES", value, 1);
    promc_registry *registry = new_registry(NULL);
    assert_int_equal(new_counter(registry, "jobs", "x")->data->max_series, 7);
    promc_registry_destroy(registry);
    registry = new_registry(&(promc_registry_settings){.overrides = ""});
    assert_int_equal(new_counter(registry, "jobs", "x")->data->max_series, 10000);
    promc_registry_destroy(registry);
    unlink(path);
    setenv("PROMC_OVERRIDES", "broken", 1);
    assert_int_equal(promc_registry_create(&registry, NULL), PROMC_E_INVALID);
    unsetenv("PROMC_OVERRIDES");
}

static void numbers_have_points_in_any_locale(void **state)
{
    (void)state;
    static const char *const with_commas[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8"};
    for (size_t i = 0; i < 3 && !setlocale(LC_ALL, with_commas[i]); i++) {
    }
    struct promc_override *list;
    assert_ok(promc_overrides_parse("a buckets=0.5,2.5", &list));
    assert_same(list->bounds[0], 0.5);
    assert_same(list->bounds[1], 2.5);
    promc_overrides_free(list);
    setlocale(LC_ALL, "C");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_what_it_names),
        cmocka_unit_test(faults_are_named),
        cmocka_unit_test(histograms_change_their_kind),
        cmocka_unit_test(from_file_and_environment),
        cmocka_unit_test(numbers_have_points_in_any_locale),
    };
    return cmocka_run_group_tests_name("overrides", tests, NULL, NULL);
}
