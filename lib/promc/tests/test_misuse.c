/* SPDX-License-Identifier: Apache-2.0 */
/* Misuse is visible: counted by family and reason, and with PROMC_DEBUG printed once. */
#include "util.h"

#include <fcntl.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

static promc_registry *new_registry_with(promc_family **counter, promc_family **histogram, promc_family **summary)
{
    promc_registry *registry = new_registry(NULL);
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c_total", .labels = {"x"}}, counter));
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "h"}}, histogram));
    assert_ok(promc_summary_register(registry, &(promc_summary_settings){.family = {.name = "s"}}, summary));
    return registry;
}

static void misuse(promc_family *counter, promc_family *histogram, promc_family *summary)
{
    promc_gauge gauge;
    promc_counter c;
    promc_histogram h;
    promc_summary s;
    assert_int_equal(promc_gauge_get(counter, (const char *[]){"a"}, &gauge), PROMC_E_TYPE);
    assert_int_equal(promc_counter_get(histogram, NULL, &c), PROMC_E_TYPE);
    promc_counter_inc(promc_counter_with(counter, "a", "b"));
    promc_counter_inc(promc_counter_with(counter, "a", "b"));
    assert_int_equal(promc_counter_get(counter, (const char *[]){NULL}, &c), PROMC_E_LABEL_VALUE);
    assert_int_equal(promc_counter_get(counter, NULL, &c), PROMC_E_LABEL_VALUE);
    assert_int_equal(promc_counter_get_n(counter, NULL, 1, &c), PROMC_E_LABEL_VALUE);
    assert_int_equal(promc_counter_get_n(counter, (const promc_str[]){{NULL, 3}}, 1, &c), PROMC_E_LABEL_VALUE);
    assert_ok(promc_counter_get(counter, (const char *[]){"a"}, &c));
    assert_int_equal(promc_counter_add(c, -1), PROMC_E_INVALID);
    assert_int_equal(promc_counter_add(c, (double)INFINITY), PROMC_E_INVALID);
    assert_ok(promc_histogram_get(histogram, NULL, &h));
    promc_histogram_observe(h, (double)NAN);
    promc_histogram_observe_n(h, (double)NAN, 7);
    assert_ok(promc_summary_get(summary, NULL, &s));
    promc_summary_observe(s, -1);
}

static void refusals_are_counted_by_family_and_reason(void **state)
{
    (void)state;
    promc_family *counter, *histogram, *summary;
    promc_registry *registry = new_registry_with(&counter, &histogram, &summary);
    misuse(counter, histogram, summary);
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"c_total\",reason=\"type\"} 1"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"h\",reason=\"type\"} 1"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"c_total\",reason=\"label_count\"} 2"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"c_total\",reason=\"label_value\"} 4"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"c_total\",reason=\"observation\"} 2"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"h\",reason=\"observation\"} 2"));
    assert_true(exposes(registry, "promc_refused_updates_total{family=\"s\",reason=\"observation\"} 1"));
    assert_true(exposes(registry, "promc_invalid_observations_total 3"));
    assert_true(exposes(registry, "h_count 0"));
    promc_registry_destroy(registry);
}

/* Get what a child with this environment writes to stderr. */
static void run_in_child(const char *debug, char *said, size_t room)
{
    int ends[2], status;
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        promc_family *counter, *histogram, *summary;
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        setenv("PROMC_DEBUG", debug, 1);
        promc_registry *registry = new_registry_with(&counter, &histogram, &summary);
        misuse(counter, histogram, summary);
        misuse(counter, histogram, summary);
        promc_registry_destroy(registry);
        _exit(0);
    }
    close(ends[1]);
    size_t length = 0;
    for (ssize_t n; (n = read(ends[0], said + length, room - 1 - length)) > 0;)
        length += (size_t)n;
    said[length] = '\0';
    close(ends[0]);
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static void the_first_of_each_kind_is_printed(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "promc: metric \"c_total\": it is used as another type (reason \"type\"",
        "promc: metric \"h\": it is used as another type",
        "promc: metric \"c_total\": the number of label values differs from the number of labels",
        "promc: metric \"c_total\": no value for a label",
        "promc: metric \"c_total\": an observation that cannot be counted",
        "promc: metric \"h\": an observation that cannot be counted",
        "promc: metric \"s\": an observation that cannot be counted",
    };
    char said[4096];
    size_t count = 0;
    run_in_child("1", said, sizeof(said));
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
        const char *first = strstr(said, lines[i]);
        if (!first || strstr(first + 1, lines[i]))
            fail_msg("%s not once in\n%s", lines[i], said);
    }
    for (const char *c = said; *c; c++)
        count += *c == '\n';
    assert_int_equal(count, sizeof(lines) / sizeof(*lines));
    run_in_child("0", said, sizeof(said));
    assert_string_equal(said, "");
}

/* The registry's constant labels end with a NULL name, like a family's, or with their count. */
static void constant_labels_end_the_same_way(void **state)
{
    (void)state;
    static const promc_label labels[] = {{"a", "1"}, {"b", "2"}, {NULL, NULL}};
    promc_registry *registry = new_registry(&(promc_registry_settings){.constant_labels = labels});
    promc_family *family;
    assert_ok(promc_counter_register(
        registry,
        &(promc_family_settings){.name = "c", .constant_labels = (const promc_label[]){{"d", "3"}, {NULL, NULL}}},
        &family));
    assert_true(exposes(registry, "c_total{a=\"1\",b=\"2\",d=\"3\"} 0"));
    promc_registry_destroy(registry);
    registry = new_registry(&(promc_registry_settings){.constant_labels = labels, .constant_label_count = 1});
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c"}, &family));
    assert_true(exposes(registry, "c_total{a=\"1\"} 0"));
    promc_registry_destroy(registry);
}

/* A counter does not wrap, neither in one cell nor in the sum of several threads' cells. */
static void add_never_wraps(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_counter c;
    const double most = 9007199254740991.0;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "c"}, &family));
    assert_ok(promc_counter_get(family, NULL, &c));
    double last = 0;
    for (int i = 0; i < 5000; i++) {
        assert_ok(promc_counter_add(c, most));
        if (i % 100 == 0) {
            double now = promc_counter_value(c);
            assert_true(now > last);
            last = now;
        }
    }
    double value = promc_counter_value(c);
    assert_true(fabs(value - 5000 * most) < 1e-9 * value);
    assert_ok(promc_counter_add(c, 1));
    promc_registry_destroy(registry);
}

static void documented_ranges_are_true(void **state)
{
    (void)state;
    promc_registry *registry;
    assert_ok(promc_registry_create(&registry, &(promc_registry_settings){.arena_bytes = 256 << 10}));
    promc_registry_destroy(registry);
    assert_ok(promc_registry_create(&registry, &(promc_registry_settings){.arena_bytes = 256 << 10, .max_threads = 1}));
    promc_registry_destroy(registry);
    assert_fails(
        promc_registry_create(&registry, &(promc_registry_settings){.arena_bytes = 256 << 10, .max_threads = 64}),
        PROMC_E_INVALID, "too small for 64 threads, must be at least");
    assert_ok(promc_registry_create(&registry, &(promc_registry_settings){.arena_bytes = 1 << 20, .max_threads = 64}));
    promc_registry_destroy(registry);
    assert_ok(promc_registry_create(&registry, &(promc_registry_settings){.max_threads = 1024}));
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_of_each_kind_is_printed), /* first: this process reads the environment only once */
        cmocka_unit_test(refusals_are_counted_by_family_and_reason),
        cmocka_unit_test(constant_labels_end_the_same_way),
        cmocka_unit_test(add_never_wraps),
        cmocka_unit_test(documented_ranges_are_true),
    };
    return cmocka_run_group_tests_name("misuse", tests, NULL, NULL);
}
