/* SPDX-License-Identifier: Apache-2.0 */
/* A cap for each value of a label: the series of one value cannot displace those of another. */
#include "arena/lock.h"
#include "arena/registry.h"
#include "series/recover.h"
#include "util.h"

static promc_family *capped(promc_registry *registry)
{
    promc_family *family;
    assert_ok(promc_counter_register(
        registry,
        &(promc_family_settings){
            .name = "mails", .labels = {"organisation", "campaign"}, .max_series = 3, .cap_label = "organisation"},
        &family));
    return family;
}

static promc_counter numbered(promc_family *family, const char *organisation, int campaign)
{
    char text[20];
    snprintf(text, sizeof(text), "c%d", campaign);
    return promc_counter_with(family, organisation, text);
}

static void each_value_has_its_cap(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = capped(registry);
    for (int i = 0; i < 100; i++)
        promc_counter_inc(numbered(family, "loud", i));
    for (int i = 0; i < 3; i++)
        promc_counter_inc(numbered(family, "quiet", i));
    assert_true(exposes(registry, "mails_total{organisation=\"loud\",campaign=\"c2\"} 1"));
    assert_true(
        exposes(registry, "mails_total{organisation=\"loud\",campaign=\"other\",promc_overflow=\"organisation\"} 97"));
    assert_true(exposes(registry, "mails_total{organisation=\"quiet\",campaign=\"c2\"} 1"));
    assert_hides(registry, "organisation=\"quiet\",campaign=\"other\"");
    assert_true(exposes(registry, "promc_series_dropped_total{family=\"mails_total\"} 97"));
    assert_int_equal(promc_family_series_count(family), 7); /* and an overflow series */
}

/* A campaign or an organisation called `other` is not the overflow series. */
static void other_is_a_value(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = capped(registry);
    promc_counter_inc(promc_counter_with(family, "a", "other"));
    for (int i = 0; i < 9; i++)
        promc_counter_inc(numbered(family, "a", i));
    for (int i = 0; i < 9; i++)
        promc_counter_inc(numbered(family, "other", i));
    assert_true(exposes(registry, "mails_total{organisation=\"a\",campaign=\"other\"} 1"));
    assert_true(
        exposes(registry, "mails_total{organisation=\"a\",campaign=\"other\",promc_overflow=\"organisation\"} 7"));
    assert_true(
        exposes(registry, "mails_total{organisation=\"other\",campaign=\"other\",promc_overflow=\"organisation\"} 6"));
}

static void values_that_need_escaping(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = capped(registry);
    for (int i = 0; i < 5; i++)
        promc_counter_inc(numbered(family, "a\"b", i));
    assert_true(
        exposes(registry, "mails_total{organisation=\"a\\\"b\",campaign=\"other\",promc_overflow=\"organisation\"} 2"));
    char *text;
    assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.escaping = PROMC_ESCAPING_DOTS}, &text, NULL));
    assert_true(
        contains(text, "mails__total{organisation=\"a\\\"b\",campaign=\"other\",promc__overflow=\"organisation\"} 2"));
}

/* Removed series make room, and when a value's last series goes, so does its reserved overflow series. */
static void removed_series_make_room(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = capped(registry);
    for (int i = 0; i < 3; i++)
        promc_counter_inc(numbered(family, "a", i));
    assert_ok(promc_family_remove(family, (const char *[]){"a", "c0"}));
    promc_counter_inc(numbered(family, "a", 7));
    assert_true(exposes(registry, "mails_total{organisation=\"a\",campaign=\"c7\"} 1"));
    promc_counter_inc(numbered(family, "a", 8));
    assert_int_equal(promc_family_remove_matching(family, &(promc_label){"organisation", "a"}, 1), 4);
    assert_int_equal(promc_family_series_count(family), 0);
    assert_int_equal(family->data->groups, 0);
    for (int i = 0; i < 1000; i++) {
        char text[20];
        snprintf(text, sizeof(text), "o%d", i);
        promc_counter_inc(numbered(family, text, 1));
        assert_ok(promc_family_remove(family, (const char *[]){text, "c1"}));
    }
    assert_int_equal(family->data->groups, 0);
    assert_null(promc_family_find(registry, "nothing"));
}

/* After a process has died while it held the lock, the counts are recomputed. */
static void counts_are_recomputed_after_a_death(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = capped(registry);
    for (int i = 0; i < 5; i++)
        promc_counter_inc(numbered(family, "a", i));
    promc_counter_inc(numbered(family, "b", 0));
    family->data->groups = family->data->overflows = 77;
    promc_registry_lock(registry);
    promc_series_recover(registry);
    promc_registry_unlock(registry);
    assert_int_equal(family->data->groups, 1); /* b's, unused */
    assert_int_equal(family->data->overflows, 1);
    promc_counter_inc(numbered(family, "a", 99));
    assert_true(
        exposes(registry, "mails_total{organisation=\"a\",campaign=\"other\",promc_overflow=\"organisation\"} 3"));
    promc_counter_inc(numbered(family, "b", 1));
    promc_counter_inc(numbered(family, "b", 2));
    promc_counter_inc(numbered(family, "b", 3));
    assert_true(
        exposes(registry, "mails_total{organisation=\"b\",campaign=\"other\",promc_overflow=\"organisation\"} 1"));
}

static void an_override_sets_the_cap_label(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(
        &(promc_registry_settings){.overrides = "a_total cap_label=x max_series=1; b_total cap_label=nothing"});
    promc_family *family = new_counter(registry, "a", "x"), *bad;
    for (int i = 0; i < 9; i++) {
        char text[4] = {(char)('a' + i)};
        promc_counter_inc(promc_counter_with(family, text));
    }
    assert_int_equal(promc_family_series_count(family), 9);
    promc_family_description description;
    promc_family_describe(family, &description, sizeof(description));
    assert_string_equal(description.cap_label, "x");
    assert_fails(promc_counter_register(registry, &(promc_family_settings){.name = "b", .labels = {"x"}}, &bad),
                 PROMC_E_LABEL_NAME, "cap_label \"nothing\" is not one of its labels");
    promc_registry_destroy(registry);
}

/* If there is no room for series of another value, its updates go to the family's overflow series. */
static void a_full_arena(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.arena_bytes = 300 << 10, .max_threads = 1});
    promc_family *family = capped(registry);
    for (int i = 0; i < 20000; i++) {
        char text[20];
        snprintf(text, sizeof(text), "o%d", i);
        promc_counter_inc(numbered(family, text, 1));
    }
    char *text = scrape_text(registry);
    assert_non_null(strstr(text, "mails_total{organisation=\"other\",campaign=\"other\",promc_overflow=\"true\"} "));
    free(text);
    promc_registry_destroy(registry);
}

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_value_has_its_cap, set_up, tear_down),
        cmocka_unit_test_setup_teardown(other_is_a_value, set_up, tear_down),
        cmocka_unit_test_setup_teardown(values_that_need_escaping, set_up, tear_down),
        cmocka_unit_test_setup_teardown(removed_series_make_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(counts_are_recomputed_after_a_death, set_up, tear_down),
        cmocka_unit_test(an_override_sets_the_cap_label),
        cmocka_unit_test(a_full_arena),
    };
    return cmocka_run_group_tests_name("cap", tests, NULL, NULL);
}
