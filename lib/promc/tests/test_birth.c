/* SPDX-License-Identifier: Apache-2.0 */
/* Born at zero: what a scraper sees of new series. */
#include "arena/lock.h"
#include "arena/registry.h"
#include "series/birth.h"
#include "util.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WINDOW = 15 };

static promc_registry *zero_registry(void)
{
    return new_registry(&(promc_registry_settings){.birth_zero_seconds = WINDOW});
}

/* Make the registry older, as if this time had passed. */
static void pass(promc_registry *registry, unsigned seconds)
{
    registry->arena.header->born_ns -= (uint64_t)seconds * 1000000000;
}

static char *as_scraper(promc_registry *registry, enum promc_format format)
{
    char *text;
    assert_ok(
        promc_scrape_string(registry, &(promc_scrape_settings){.format = format, .for_scraper = true}, &text, NULL));
    return text;
}

static bool scraper_sees(promc_registry *registry, const char *line)
{
    char wanted[512];
    snprintf(wanted, sizeof(wanted), "\n%s\n", line);
    return contains(as_scraper(registry, PROMC_FORMAT_OPENMETRICS), wanted);
}

static bool scraper_misses(promc_registry *registry, const char *part)
{
    char *text = as_scraper(registry, PROMC_FORMAT_OPENMETRICS);
    bool there = strstr(text, part) != NULL;
    free(text);
    return !there;
}

static void a_scraper_sees_the_step(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family = new_counter(registry, "mails", "to");
    promc_counter_add_u64(promc_counter_with(family, "a"), 300);
    assert_true(exposes(registry, "mails_total{to=\"a\"} 300")); /* a reader that is not a scraper sees it at once */
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 0"));
    pass(registry, WINDOW - 1);
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 0"));
    pass(registry, 1);
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 300"));
    promc_counter_inc(promc_counter_with(family, "b"));
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 300"));
    assert_true(scraper_sees(registry, "mails_total{to=\"b\"} 0"));
    promc_registry_destroy(registry);
}

static void withheld_series_are_counted(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family;
    assert_ok(promc_counter_register(
        registry, &(promc_family_settings){.name = "quick", .labels = {"x"}, .birth_zero_seconds = 5}, &family));
    assert_true(exposes(registry, "promc_birth_zero_seconds 5"));
    pass(registry, WINDOW); /* promc's own series are no longer young */
    promc_counter_inc(promc_counter_with(family, "a"));
    promc_counter_inc(promc_counter_with(family, "b"));
    /* the family's series of promc_series_dropped_total is as old as the family */
    assert_true(exposes(registry, "promc_series_withheld 2"));
    pass(registry, 5);
    assert_true(exposes(registry, "promc_series_withheld 0"));
    promc_registry_destroy(registry);
    registry = new_registry(NULL);
    (void)new_counter(registry, "a", NULL);
    assert_true(exposes(registry, "promc_birth_zero_seconds 0"));
    assert_true(exposes(registry, "promc_series_withheld 0"));
    promc_registry_destroy(registry);
}

static void the_whole_series_is_zero(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *classic, *native, *summary;
    const promc_label trace = {"trace_id", "t1"};
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "h"}, .buckets = (double[]){1, 2}, .bucket_count = 2},
        &classic));
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "n"}, .kind = PROMC_HISTOGRAM_NATIVE}, &native));
    assert_ok(promc_summary_register(
        registry, &(promc_summary_settings){.family = {.name = "s"}, .quantiles = (double[]){0.5}, .quantile_count = 1},
        &summary));
    promc_histogram h;
    promc_summary s;
    assert_ok(promc_histogram_get(classic, NULL, &h));
    assert_int_equal(promc_histogram_observe_exemplar(h, 1.5, &trace, 1), 0);
    assert_ok(promc_summary_get(summary, NULL, &s));
    promc_summary_observe(s, 3);
    assert_true(scraper_sees(registry, "h_bucket{le=\"2.0\"} 0"));
    assert_true(scraper_sees(registry, "h_bucket{le=\"+Inf\"} 0"));
    assert_true(scraper_sees(registry, "h_sum 0"));
    assert_true(scraper_sees(registry, "h_count 0"));
    assert_true(scraper_sees(registry, "s{quantile=\"0.5\"} NaN"));
    assert_true(scraper_sees(registry, "s_count 0"));
    assert_true(scraper_misses(registry, "trace_id"));
    assert_ok(promc_histogram_get(native, NULL, &h));
    promc_histogram_observe(h, 7);
    size_t young, grown;
    char *text;
    const promc_scrape_settings protobuf = {.format = PROMC_FORMAT_PROTOBUF, .for_scraper = true};
    assert_ok(promc_scrape_string(registry, &protobuf, &text, &young));
    free(text);
    pass(registry, WINDOW);
    assert_ok(promc_scrape_string(registry, &protobuf, &text, &grown));
    free(text);
    assert_true(young > 0 && grown > 0);
    assert_false(scraper_misses(registry, "trace_id"));
    assert_true(scraper_sees(registry, "h_sum 1.5"));
    assert_true(scraper_sees(registry, "s_sum 3"));
    promc_registry_destroy(registry);
}

static double seven(void *user)
{
    (void)user;
    return 7;
}

static void copied_totals_are_never_withheld(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *mirrored, *gauge, *restored;
    assert_ok(promc_callback_register(registry, PROMC_COUNTER, &(promc_family_settings){.name = "kernel"}, &mirrored));
    assert_ok(promc_callback_set(mirrored, NULL, seven, NULL));
    assert_ok(promc_gauge_register(registry, &(promc_family_settings){.name = "g"}, &gauge));
    promc_gauge_set(promc_gauge_with_values(gauge, NULL, 0), 3);
    assert_ok(promc_counter_register(
        registry, &(promc_family_settings){.name = "restored", .birth_zero_seconds = PROMC_BIRTH_ZERO_OFF}, &restored));
    promc_counter_add_u64(promc_counter_with_values(restored, NULL, 0), 1000);
    assert_true(scraper_sees(registry, "kernel_total 7"));
    assert_true(scraper_sees(registry, "g 3"));
    assert_true(scraper_sees(registry, "restored_total 1000"));
    promc_registry_destroy(registry);
}

/* It was shown as 0, so its value must be shown before it goes. */
static void a_young_series_that_is_removed_is_shown_first(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family = new_counter(registry, "mails", "to");
    promc_counter a = promc_counter_with(family, "a");
    promc_counter_add_u64(a, 5);
    assert_ok(promc_family_remove(family, (const char *[]){"a"}));
    assert_int_equal(promc_family_remove(family, (const char *[]){"a"}), PROMC_E_NOT_FOUND);
    promc_counter_inc(a); /* stale */
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 0"));
    pass(registry, WINDOW);
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 5"));
    assert_true(exposes(registry, "promc_stale_updates_total 1"));
    pass(registry, WINDOW);
    assert_true(scraper_misses(registry, "to=\"a\""));
    assert_int_equal(promc_family_series_count(family), 0);
    /* Old series go at once. */
    promc_counter_inc(promc_counter_with(family, "b"));
    pass(registry, 2 * WINDOW);
    assert_ok(promc_family_remove(family, (const char *[]){"b"}));
    assert_true(scraper_misses(registry, "to=\"b\""));
    promc_registry_destroy(registry);
}

static void a_leaving_series_comes_back(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family = new_counter(registry, "mails", "to");
    promc_counter_add_u64(promc_counter_with(family, "a"), 5);
    assert_ok(promc_family_remove(family, (const char *[]){"a"}));
    promc_counter_inc(promc_counter_with(family, "a"));
    assert_int_equal(promc_family_series_count(family), 1);
    pass(registry, 3 * WINDOW);
    assert_true(scraper_sees(registry, "mails_total{to=\"a\"} 6")); /* and it stays */
    promc_registry_destroy(registry);
}

static void a_young_series_does_not_expire(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family;
    assert_ok(promc_counter_register(
        registry, &(promc_family_settings){.name = "a", .labels = {"x"}, .idle_expiry_seconds = 1}, &family));
    promc_counter_inc(promc_counter_with(family, "a"));
    free(as_scraper(registry, PROMC_FORMAT_TEXT));
    pass(registry, WINDOW + 5);
    assert_true(scraper_sees(registry, "a_total{x=\"a\"} 1"));
    pass(registry, WINDOW);
    free(as_scraper(registry, PROMC_FORMAT_TEXT));
    pass(registry, 2);
    assert_true(scraper_misses(registry, "x=\"a\""));
    promc_registry_destroy(registry);
}

static void an_override_sets_it_for_all(void **state)
{
    (void)state;
    promc_registry *registry =
        new_registry(&(promc_registry_settings){.overrides = "* birth_zero_seconds=15; b_total birth_zero_seconds=0"});
    promc_family *a = new_counter(registry, "a", NULL), *b = new_counter(registry, "b", NULL);
    promc_counter_inc(promc_counter_with_values(a, NULL, 0));
    promc_counter_inc(promc_counter_with_values(b, NULL, 0));
    assert_true(scraper_sees(registry, "a_total 0"));
    assert_true(scraper_sees(registry, "b_total 1"));
    assert_null(promc_overrides_unused(registry));
    promc_family_description description;
    promc_family_describe(a, &description, sizeof(description));
    assert_int_equal(description.birth_zero_seconds, 15);
    promc_registry_destroy(registry);
    assert_fails(promc_registry_create(&registry,
                                       &(promc_registry_settings){.overrides = "* birth_zero_seconds=1 max_series=5"}),
                 PROMC_E_INVALID, "cannot be set for all metrics: \"max_series=5\"");
    assert_fails(
        promc_registry_create(&registry, &(promc_registry_settings){.overrides = "a birth_zero_seconds=86401"}),
        PROMC_E_INVALID, "up to 86400: \"86401\"");
    assert_fails(promc_registry_create(&registry, &(promc_registry_settings){.birth_zero_seconds = 86401}),
                 PROMC_E_INVALID, "birth_zero_seconds is 86401");
}

/* The child's copy counts from zero, so its age starts at the fork. */
static void in_a_forked_child_age_starts_at_the_fork(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family = new_counter(registry, "a", "x");
    promc_counter counter = promc_counter_with(family, "a");
    pass(registry, 100);
    pid_t child = fork();
    if (child == 0) {
        promc_counter_inc(counter);
        _exit(scraper_sees(registry, "a_total{x=\"a\"} 0") ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    promc_counter_inc(counter);
    assert_true(scraper_sees(registry, "a_total{x=\"a\"} 1"));
    promc_registry_destroy(registry);
}

/* Only a client that sends the scraper's header sees 0, and Vary tells caches so. */
static void the_header_identifies_a_scraper(void **state)
{
    (void)state;
    promc_registry *registry = zero_registry();
    promc_family *family = new_counter(registry, "a", "x");
    promc_exposition *exposition;
    promc_counter_inc(promc_counter_with(family, "v"));
    assert_ok(promc_exposition_create(&exposition, registry, NULL));
    for (int scraper = 0; scraper < 2; scraper++) {
        promc_exposition_scrape *scrape;
        char body[16384];
        size_t length = 0;
        long n;
        assert_ok(promc_exposition_open(exposition,
                                        &(promc_exposition_request){.scrape_timeout = scraper ? "10" : NULL}, &scrape));
        promc_exposition_begin(scrape);
        const promc_exposition_head *head = promc_exposition_get_head(scrape);
        bool vary = false;
        for (size_t i = 0; i < head->header_count; i++)
            vary = vary || (strcmp(head->headers[i].name, "Vary") == 0 &&
                            strstr(head->headers[i].value, "X-Prometheus-Scrape-Timeout-Seconds"));
        assert_true(vary);
        while ((n = promc_exposition_read(scrape, body + length, sizeof(body) - 1 - length)) > 0)
            length += (size_t)n;
        body[length] = '\0';
        assert_non_null(strstr(body, scraper ? "\na_total{x=\"v\"} 0\n" : "\na_total{x=\"v\"} 1\n"));
        promc_exposition_close(scrape);
    }
    promc_exposition_destroy(exposition);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scraper_sees_the_step),
        cmocka_unit_test(withheld_series_are_counted),
        cmocka_unit_test(the_whole_series_is_zero),
        cmocka_unit_test(copied_totals_are_never_withheld),
        cmocka_unit_test(a_young_series_that_is_removed_is_shown_first),
        cmocka_unit_test(a_leaving_series_comes_back),
        cmocka_unit_test(a_young_series_does_not_expire),
        cmocka_unit_test(an_override_sets_it_for_all),
        cmocka_unit_test(in_a_forked_child_age_starts_at_the_fork),
        cmocka_unit_test(the_header_identifies_a_scraper),
    };
    return cmocka_run_group_tests_name("birth", tests, NULL, NULL);
}
