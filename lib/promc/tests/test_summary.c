/* SPDX-License-Identifier: Apache-2.0 */
/* Summaries: the promised error, the sliding window, and refused settings. */
#include "arena/registry.h"
#include "types/histogram.h"
#include "types/window.h"
#include "util.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* Make the registry older, so that no test waits. Windows are an hour long, so that no machine is too slow. */
static void let_pass(promc_registry *registry, double seconds)
{
    uint64_t *born = &registry->arena.header->born_ns;
    __atomic_store_n(born, __atomic_load_n(born, __ATOMIC_RELAXED) - (uint64_t)(seconds * 1e9), __ATOMIC_RELAXED);
}

static const promc_summary_settings hour = {.family = {.name = "s"}, .max_age_seconds = 3600, .age_buckets = 4};

static promc_summary only(promc_registry *registry, const promc_summary_settings *settings)
{
    promc_family *family;
    promc_summary summary;
    assert_ok(promc_summary_register(registry, settings, &family));
    assert_ok(promc_summary_get(family, NULL, &summary));
    return summary;
}

static int up(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint64_t seed = 88172645463325252;

/* 0 … 1 */
static double drawn(void)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (double)(seed >> 11) / 9007199254740992.0;
}

enum { DRAWN = 5000 };

/* Every quantile of the values from `draw` is within the error of the exact quantile. */
static void expect_within(double error, double lowest, double highest, double (*draw)(double lowest, double highest))
{
    promc_registry *registry = new_registry(NULL);
    promc_summary_settings settings = hour;
    settings.error = error;
    settings.lowest = lowest;
    settings.highest = highest;
    promc_summary summary = only(registry, &settings);
    double *values = malloc(DRAWN * sizeof(*values)), counted;
    volatile double sum = 0; /* volatile: as exact as a cell, even if registers have more bits (i386) */
    for (size_t i = 0; i < DRAWN; i++) {
        values[i] = draw(lowest, highest);
        promc_summary_observe(summary, values[i]);
    }
    for (size_t i = 0; i < DRAWN; i++)
        sum += values[i];
    assert_int_equal(promc_summary_count(summary, &counted), DRAWN);
    assert_same(counted, sum);
    qsort(values, DRAWN, sizeof(*values), up);
    for (unsigned i = 0; i <= 1000; i++) {
        double q = i / 1000.0, got = promc_summary_quantile(summary, q), rank = ceil(q * DRAWN);
        double exact = values[rank > 0 ? (size_t)rank - 1 : 0];
        if (!(fabs(got - exact) <= error * exact * (1 + 1e-9)))
            fail_msg("quantile %g: %.17g instead of %.17g, error %g", q, got, exact, error);
    }
    free(values);
    promc_registry_destroy(registry);
}

static double log_uniform(double lowest, double highest)
{
    return fmin(highest, lowest * pow(highest / lowest, drawn()));
}

static double uniform(double lowest, double highest)
{
    return lowest + (highest - lowest) * drawn();
}

/* Values at the bounds between buckets. */
static double at_the_ends(double lowest, double highest)
{
    return drawn() < 0.5 ? lowest : highest;
}

static void within_the_error(void **state)
{
    (void)state;
    expect_within(0.05, 1e-6, 1e6, log_uniform);
    expect_within(0.05, 1e-6, 1e6, at_the_ends);
    expect_within(0.01, 0.001, 10, uniform);
    expect_within(0.01, 0.001, 10, log_uniform);
    expect_within(0.025, 1, 1e9, log_uniform);
    expect_within(0.5, 1e-100, 1e100, log_uniform);
}

/* The table gives the same bucket for a value as a search. */
static void expect_bucket(const promc_family *family, double v)
{
    const struct promc_family_data *data = family->data;
    uint32_t got = promc_summary_bucket(promc_summary_steps(&family->registry->arena, data), data->bounds, v);
    if (got != promc_bucket_of(data, v))
        fail_msg("%.17g: bucket %u instead of %u of %u", v, got, promc_bucket_of(data, v), data->bound_count);
}

static void buckets_are_found_without_a_search(void **state)
{
    (void)state;
    static const double ranges[][3] = {
        {0.05, 1e-6, 1e6},         {0.001, 1, 2.58},        {0.001, 0.7, 1.8}, {0.5, DBL_MIN, 1e-100},
        {0.5, 1e100, DBL_MAX / 2}, {0.05, DBL_MIN, 1e-290}, {0.01, 0.001, 10}, {0.013, 3, 4},
        {0.5, 1, 1.0000001},       {0.1, 0.1, 1000},        {0.03, 1e-4, 128}};
    for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
        promc_registry *registry = new_registry(NULL);
        promc_family *family;
        promc_summary_settings settings = hour;
        settings.error = ranges[i][0];
        settings.lowest = ranges[i][1];
        settings.highest = ranges[i][2];
        assert_ok(promc_summary_register(registry, &settings, &family));
        const double *bounds = family->data->bounds;
        for (uint32_t at = 0; at < family->data->bound_count; at++) {
            expect_bucket(family, bounds[at]);
            expect_bucket(family, nextafter(bounds[at], 0));
            expect_bucket(family, nextafter(bounds[at], INFINITY));
        }
        for (int draw = 0; draw < 20000; draw++)
            expect_bucket(family, bounds[0] / 2 * pow(bounds[family->data->bound_count - 1] / bounds[0] * 4, drawn()));
        static const double edges[] = {0, -0.0, DBL_TRUE_MIN, DBL_MIN, 1, DBL_MAX};
        for (size_t edge = 0; edge < sizeof(edges) / sizeof(*edges); edge++)
            expect_bucket(family, edges[edge]);
        promc_registry_destroy(registry);
    }
}

static void outside_the_range(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_summary_settings settings = hour;
    settings.lowest = 0.001;
    settings.highest = 1000;
    promc_summary summary = only(registry, &settings);
    promc_summary_observe(summary, 0);
    promc_summary_observe(summary, 1e-9);
    assert_same(promc_summary_quantile(summary, 1), 0);
    promc_summary_observe(summary, 1e9);
    double top = promc_summary_quantile(summary, 1);
    assert_true(top >= 1000 && top < 1106);
    double sum;
    assert_int_equal(promc_summary_count(summary, &sum), 3);
    assert_same(sum, 1e9 + 1e-9);
    /* A refused observation changes only promc_invalid_observations_total. */
    static const double refused[] = {-1, -1e-300, NAN, INFINITY, -INFINITY};
    for (size_t i = 0; i < 5; i++)
        promc_summary_observe(summary, refused[i]);
    assert_int_equal(promc_summary_count(summary, NULL), 3);
    assert_true(exposes(registry, "promc_invalid_observations_total 5"));
    promc_registry_destroy(registry);
}

static void window_slides(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_summary summary = only(registry, &hour);
    let_pass(registry, 450); /* into the middle of a step of 900 s */
    promc_summary_observe(summary, 1);
    let_pass(registry, 900);
    promc_summary_observe(summary, 10);
    promc_summary_observe(summary, 10);
    assert_true(promc_summary_quantile(summary, 0) < 2);
    let_pass(registry, 900);
    assert_true(promc_summary_quantile(summary, 0) < 2);
    let_pass(registry, 900);
    assert_true(promc_summary_quantile(summary, 0) < 2);
    let_pass(registry, 900); /* the 1 is 3600 s old */
    assert_true(promc_summary_quantile(summary, 0) > 9);
    promc_summary_observe(summary, 100);
    assert_true(promc_summary_quantile(summary, 0.5) < 11);
    let_pass(registry, 900); /* the two tens are 3600 s old */
    assert_true(promc_summary_quantile(summary, 0) > 94);
    let_pass(registry, 3600);
    assert_true(isnan(promc_summary_quantile(summary, 0.5)));
    assert_true(exposes(registry, "s{quantile=\"0.5\"} NaN"));
    double sum;
    assert_int_equal(promc_summary_count(summary, &sum), 4);
    assert_same(sum, 121);
    /* After any time, in any slot, only new observations count. */
    for (int i = 1; i < 40; i++) {
        let_pass(registry, 3600 + 900 * (i % 7));
        promc_summary_observe(summary, i);
        assert_true(fabs(promc_summary_quantile(summary, 0.5) - i) <= 0.05 * i + 1e-9);
    }
    promc_registry_destroy(registry);
}

static void as_exposed(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_summary_settings settings = hour;
    settings.family = (promc_family_settings){.name = "x_seconds",
                                              .help = "X.",
                                              .unit = "seconds",
                                              .labels = {"a"},
                                              .constant_labels = (promc_label[]){{"c", "d"}, {NULL, NULL}}};
    settings.quantiles = (const double[]){1, 0.5, 0, 0.999};
    settings.quantile_count = 4;
    promc_family *family;
    assert_ok(promc_summary_register(registry, &settings, &family));
    promc_summary summary = promc_summary_with(family, "b");
    static const char empty[] = "# HELP x_seconds X.\n# TYPE x_seconds summary\n"
                                "x_seconds{c=\"d\",a=\"b\",quantile=\"0\"} NaN\n"
                                "x_seconds{c=\"d\",a=\"b\",quantile=\"0.5\"} NaN\n"
                                "x_seconds{c=\"d\",a=\"b\",quantile=\"0.999\"} NaN\n"
                                "x_seconds{c=\"d\",a=\"b\",quantile=\"1\"} NaN\n"
                                "x_seconds_sum{c=\"d\",a=\"b\"} 0\n"
                                "x_seconds_count{c=\"d\",a=\"b\"} 0\n";
    promc_scrape_settings asked = {.names = (const char *const[]){"x_seconds_sum"}, .name_count = 1};
    char *text;
    assert_ok(promc_scrape_string(registry, &asked, &text, NULL));
    assert_string_equal(text, empty);
    free(text);
    promc_summary_observe(summary, 0);
    promc_summary_observe(summary, 2.5);
    asked.format = PROMC_FORMAT_OPENMETRICS;
    assert_ok(promc_scrape_string(registry, &asked, &text, NULL));
    assert_non_null(strstr(text, "# TYPE x_seconds summary\n# UNIT x_seconds seconds\n"
                                 "x_seconds{c=\"d\",a=\"b\",quantile=\"0.0\"} 0\n"
                                 "x_seconds{c=\"d\",a=\"b\",quantile=\"0.5\"} 0\n"
                                 "x_seconds{c=\"d\",a=\"b\",quantile=\"0.999\"} 2."));
    assert_non_null(strstr(text, "x_seconds_sum{c=\"d\",a=\"b\"} 2.5\nx_seconds_count{c=\"d\",a=\"b\"} 2\n# EOF\n"));
    free(text);
    promc_family_description description;
    promc_family_describe(family, &description, sizeof(description));
    assert_string_equal(description.type_name, "summary");
    assert_int_equal(description.quantile_count, 4);
    assert_same(description.quantiles[3], 1);
    assert_int_equal(description.max_age_seconds, 3600);
    assert_same(description.quantile_error, 0.05);
    assert_int_equal(description.bucket_count, 0);
    promc_registry_destroy(registry);
}

static void without_quantiles(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_summary_settings settings = hour;
    settings.quantiles = promc_no_quantiles;
    promc_summary summary = only(registry, &settings);
    promc_summary_observe(summary, 3);
    promc_summary_observe(summary, 4);
    char *text = scrape_text(registry);
    assert_string_equal(text, "# TYPE s summary\ns_sum 7\ns_count 2\n");
    free(text);
    assert_true(isnan(promc_summary_quantile(summary, 0.5)));
    promc_registry_destroy(registry);
}

static void refused_settings(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
#define REFUSED(code, text, ...)                                                                                    \
    assert_fails(                                                                                                   \
        promc_summary_register(registry, &(promc_summary_settings){.family = {.name = "s"}, __VA_ARGS__}, &family), \
        code, text)
    static const double many[17] = {0, .01, .02, .03, .04, .05, .06, .07, .08, .09, .1, .11, .12, .13, .14, .15, .16};
    REFUSED(PROMC_E_INVALID, "a quantile is 1.5, must be 0 to 1", .quantiles = (double[]){0.5, 1.5},
            .quantile_count = 2);
    REFUSED(PROMC_E_INVALID, "a quantile is -0.1", .quantiles = (double[]){-0.1}, .quantile_count = 1);
    REFUSED(PROMC_E_INVALID, "nan", .quantiles = (double[]){NAN}, .quantile_count = 1);
    REFUSED(PROMC_E_INVALID, "quantile 0.5 is repeated", .quantiles = (double[]){0.5, 0.9, 0.5}, .quantile_count = 3);
    REFUSED(PROMC_E_INVALID, "without their number", .quantiles = (double[]){0.5});
    REFUSED(PROMC_E_INVALID, "17 quantiles", .quantiles = many, .quantile_count = 17);
    REFUSED(PROMC_E_INVALID, "the error is 0.6", .error = 0.6);
    REFUSED(PROMC_E_INVALID, "the error is -0.1", .error = -0.1);
    REFUSED(PROMC_E_INVALID, "the error is nan", .error = NAN);
    REFUSED(PROMC_E_INVALID, "the lowest value is -1", .lowest = -1);
    REFUSED(PROMC_E_INVALID, "the highest value is 1", .lowest = 1, .highest = 1);
    REFUSED(PROMC_E_INVALID, "the highest value is inf", .highest = INFINITY);
    REFUSED(PROMC_E_BUCKETS, "needs 1384 buckets, at most 476", .error = 0.01);
    REFUSED(PROMC_E_INVALID, "max_age_seconds is 604801", .max_age_seconds = 604801);
    REFUSED(PROMC_E_INVALID, "age_buckets is 61", .age_buckets = 61);
#undef REFUSED
    assert_fails(promc_summary_register(
                     registry, &(promc_summary_settings){.family = {.name = "s", .labels = {"quantile"}}}, &family),
                 PROMC_E_LABEL_NAME, "\"quantile\" is reserved in a summary");
    assert_int_equal(promc_summary_register(registry, NULL, &family), PROMC_E_INVALID);
    promc_summary summary;
    assert_int_equal(promc_summary_get(new_counter(registry, "c", NULL), NULL, &summary), PROMC_E_TYPE);
    promc_summary_observe(summary, 1);
    assert_true(isnan(promc_summary_quantile(summary, 0.5)));
    promc_registry_destroy(registry);
}

static void removed_and_created_again(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    registry->quarantine_ms = 0;
    promc_summary_settings settings = hour;
    settings.family = (promc_family_settings){.name = "s", .labels = {"a"}, .idle_expiry_seconds = 7200};
    promc_family *family;
    promc_curry *curry;
    assert_ok(promc_summary_register(registry, &settings, &family));
    assert_ok(promc_curry_make(&curry, family, NULL, 0));
    promc_summary old, new;
    assert_ok(promc_curry_summary(curry, (const char *[]){"line\nfeed"}, &old));
    promc_curry_free(curry);
    for (int i = 0; i < 49; i++)
        promc_summary_observe(old, 1);
    let_pass(registry, 3700);
    promc_summary_observe(old, 1); /* its window begins with 49 */
    assert_true(exposes(registry, "s_sum{a=\"line\\nfeed\"} 50"));
    assert_ok(promc_family_remove(family, (const char *[]){"line\nfeed"}));
    promc_summary_observe(old, 50);
    assert_true(exposes(registry, "promc_stale_updates_total 1"));
    /* The block is reused, without the old series' data. */
    for (int i = 0; i < 3; i++)
        free(scrape_text(registry));
    new = promc_summary_with(family, "line\nfeed");
    assert_true(promc_ref_live(new.ref) == promc_ref_live(old.ref));
    assert_true(isnan(promc_summary_quantile(new, 0.5)));
    promc_summary_observe(new, 1);
    assert_true(promc_summary_quantile(new, 1) < 1.06);
    assert_int_equal(promc_summary_count(new, NULL), 1);
    free(scrape_text(registry));
    let_pass(registry, 7300);
    free(scrape_text(registry));
    assert_int_equal(promc_family_series_count(family), 0);
    promc_registry_destroy(registry);
}

/* Beyond the cap all observations go to the overflow series, which has a window too. */
static void overflow(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_summary_settings settings = hour;
    settings.family = (promc_family_settings){.name = "s", .labels = {"a"}, .max_series = 1};
    promc_family *family;
    assert_ok(promc_summary_register(registry, &settings, &family));
    promc_summary_observe(promc_summary_with(family, "1"), 1);
    promc_summary_observe(promc_summary_with(family, "2"), 2);
    promc_summary_observe(promc_summary_with(family, "3"), 3);
    assert_true(exposes(registry, "s_count{a=\"other\",promc_overflow=\"true\"} 2"));
    assert_true(promc_summary_quantile(promc_summary_with(family, "other"), 0) > 1.9);
    promc_registry_destroy(registry);
}

static void full_arena(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.arena_bytes = 1 << 20, .max_threads = 4});
    promc_summary_settings settings = hour;
    settings.family = (promc_family_settings){.name = "s", .labels = {"a"}};
    promc_family *family;
    assert_ok(promc_summary_register(registry, &settings, &family));
    for (int i = 0; i < 200; i++) {
        char value[16];
        snprintf(value, sizeof(value), "%d", i);
        promc_summary_observe(promc_summary_with(family, value), i);
    }
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_true(stats.series_dropped > 0);
    assert_true(stats.arena_used_bytes <= stats.arena_bytes);
    promc_summary last = promc_summary_with(family, "199");
    assert_true(promc_summary_count(last, NULL) > 0);
    promc_registry_destroy(registry);
}

static void overrides(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){
        .overrides = "s quantiles=0.25,0.1 max_age_seconds=77; c max_age_seconds=5; none quantiles=0.5"});
    promc_summary_settings settings = hour;
    promc_family *family;
    promc_family_description description;
    assert_ok(promc_summary_register(registry, &settings, &family));
    promc_family_describe(family, &description, sizeof(description));
    assert_int_equal(description.max_age_seconds, 77);
    assert_int_equal(description.quantile_count, 2);
    assert_same(description.quantiles[0], 0.1);
    assert_true(exposes(registry, "s{quantile=\"0.25\"} NaN"));
    assert_fails(promc_counter_register(registry, &(promc_family_settings){.name = "c"}, &family), PROMC_E_INVALID,
                 "\"c\" is not a summary");
    settings.family.name = "none";
    settings.quantiles = promc_no_quantiles;
    assert_fails(promc_summary_register(registry, &settings, &family), PROMC_E_INVALID, "not a summary with quantiles");
    promc_registry_destroy(registry);
    static const char *const bad[] = {"s max_age_seconds=0",
                                      "s max_age_seconds=604801",
                                      "s quantiles=2",
                                      "s quantiles=0.5,0.5",
                                      "s quantiles=0.5 quantiles=0.6",
                                      "s quantiles=",
                                      "s quantiles=0,.1,.2,.3,.4,.5,.6,.7,.8,.9,1,.01,.02,.03,.04,.05,.06"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_int_equal(promc_registry_create(&registry, &(promc_registry_settings){.overrides = bad[i]}),
                         PROMC_E_INVALID);
}

enum { THREADS = 6, EACH = 20000 };

static void *observe_much(void *argument)
{
    promc_summary summary = *(promc_summary *)argument;
    for (int i = 0; i < EACH; i++)
        promc_summary_observe(summary, 1 + i % 4);
    return NULL;
}

/* Steps begin all the time while threads observe, two of them without shards of their own. No observation is lost. */
static void threads_while_time_passes(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 4});
    promc_summary summary = only(registry, &hour);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_much, &summary), 0);
    for (int i = 0; i < 300; i++) {
        double q = promc_summary_quantile(summary, 0.5);
        assert_true(isnan(q) || (q > 0.9 && q < 4.3));
        let_pass(registry, i % 3 * 450);
    }
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    double sum;
    assert_int_equal(promc_summary_count(summary, &sum), THREADS * EACH);
    assert_same(sum, THREADS * EACH * 2.5);
    let_pass(registry, 7200);
    assert_true(isnan(promc_summary_quantile(summary, 0)));
    promc_registry_destroy(registry);
}

/* With a private arena the child starts from zero, and its window is empty. */
static void forked(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_summary summary = only(registry, &hour);
    for (int i = 0; i < 1000; i++)
        promc_summary_observe(summary, 1000);
    let_pass(registry, 3700);
    promc_summary_observe(summary, 1000); /* its window begins with 1000 */
    pid_t child = fork();
    if (child == 0) {
        int bad = promc_summary_count(summary, NULL) != 0 || !isnan(promc_summary_quantile(summary, 0.5));
        for (int i = 0; i < 10; i++)
            promc_summary_observe(summary, 1000);
        bad |= promc_summary_count(summary, NULL) != 10 || !(fabs(promc_summary_quantile(summary, 1) - 1000) <= 50);
        _exit(bad);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(promc_summary_quantile(summary, 0) > 900);
    promc_registry_destroy(registry);
}

static char *last_values(const char *path)
{
    promc_registry *dead;
    assert_ok(promc_registry_open_readonly(&dead, path));
    char *text = scrape_text(dead);
    promc_registry_destroy(dead);
    return text;
}

/* Processes that share an arena share one window; afterwards the file has the last window that was not empty. */
static void shared(void **state)
{
    (void)state;
    needs_shared_arenas();
    char path[64];
    snprintf(path, sizeof(path), "/tmp/promc-test-summary-%d", (int)getpid());
    promc_registry *registry = new_registry(&(promc_registry_settings){.shared_path = path, .no_self_metrics = true});
    promc_summary_settings settings = hour;
    settings.family.labels[0] = "a";
    promc_family *family, *other;
    assert_ok(promc_summary_register(registry, &settings, &family));
    promc_summary summary = promc_summary_with(family, "b");
    promc_summary_observe(summary, 1);
    pid_t child = fork();
    if (child == 0) {
        promc_summary_observe(summary, 100);
        promc_summary_observe(summary, 100);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(promc_summary_count(summary, NULL), 3);
    assert_true(promc_summary_quantile(summary, 0) < 2 && promc_summary_quantile(summary, 0.5) > 94);
    /* Families with the same definition are one family; another window is another definition. */
    promc_registry *second = new_registry(&(promc_registry_settings){.shared_path = path});
    assert_ok(promc_summary_register(second, &settings, &other));
    assert_int_equal(promc_summary_count(promc_summary_with(other, "b"), NULL), 3);
    promc_registry *third = new_registry(&(promc_registry_settings){.shared_path = path});
    settings.max_age_seconds = 60;
    assert_int_equal(promc_summary_register(third, &settings, &other), PROMC_E_DUPLICATE);
    let_pass(registry, 36000);
    assert_true(isnan(promc_summary_quantile(summary, 0.5)));
    char *text = last_values(path);
    assert_non_null(strstr(text, "s_count{a=\"b\"} 3\n"));
    assert_null(strstr(text, "NaN"));
    free(text);
    promc_registry_destroy(third);
    promc_registry_destroy(second);
    promc_registry_destroy(registry);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(within_the_error),
        cmocka_unit_test(buckets_are_found_without_a_search),
        cmocka_unit_test(outside_the_range),
        cmocka_unit_test(window_slides),
        cmocka_unit_test(as_exposed),
        cmocka_unit_test(without_quantiles),
        cmocka_unit_test(refused_settings),
        cmocka_unit_test(removed_and_created_again),
        cmocka_unit_test(overflow),
        cmocka_unit_test(full_arena),
        cmocka_unit_test(overrides),
        cmocka_unit_test(threads_while_time_passes),
        cmocka_unit_test(forked),
        cmocka_unit_test(shared),
    };
    return cmocka_run_group_tests_name("summary", tests, NULL, NULL);
}
