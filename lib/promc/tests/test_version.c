/* SPDX-License-Identifier: Apache-2.0 */
/* Versions, and structs that can grow: programs that were compiled for a newer or an older promc. */
#include "util.h"

static void says_its_version(void **state)
{
    (void)state;
    assert_int_equal(promc_version(), PROMC_VERSION);
    assert_string_equal(promc_version_string(), PROMC_VERSION_STRING);
    char text[32];
    (void)snprintf(text, sizeof(text), "%d.%d.%d", PROMC_VERSION / 10000, PROMC_VERSION / 100 % 100,
                   PROMC_VERSION % 100);
    assert_string_equal(text, PROMC_VERSION_STRING);
}

/* Each word of each struct that a program fills. */
#define refuses_each_word(settings, name, call)                                 \
    for (size_t w = 0; w < sizeof(settings).reserved / sizeof(uint64_t); w++) { \
        (settings).reserved[w] = 1;                                             \
        assert_fails((call), PROMC_E_VERSION, name);                            \
        (settings).reserved[w] = 0;                                             \
    }                                                                           \
    assert_ok(call)

static void refuses_a_registrys_words(void **state)
{
    (void)state;
    promc_registry *registry = NULL;
    promc_registry_settings settings = {0};
    settings.reserved[5] = 1;
    assert_fails(promc_registry_create(&registry, &settings), PROMC_E_VERSION,
                 "promc_registry_settings: reserved word 5");
    assert_null(registry);
    promc_registry_settings defaults;
    memset(&defaults, 0xff, sizeof(defaults));
    promc_registry_default_settings(&defaults);
    assert_ok(promc_registry_create(&registry, &defaults));
    promc_registry_destroy(registry);
}

static void refuses_a_familys_words(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_family_settings plain = {.name = "a_total"};
    refuses_each_word(plain, "promc_family_settings", promc_counter_register(registry, &plain, &family));
    plain.name = "a_gauge";
    refuses_each_word(plain, "promc_family_settings", promc_gauge_register(registry, &plain, &family));
    plain.name = "an_updown";
    refuses_each_word(plain, "promc_family_settings", promc_updown_register(registry, &plain, &family));
    plain.name = "facts";
    refuses_each_word(plain, "promc_family_settings", promc_info_register(registry, &plain, &family));
    plain.name = "an_untyped";
    refuses_each_word(plain, "promc_family_settings", promc_untyped_register(registry, &plain, &family));
    plain.name = "a_state";
    refuses_each_word(plain, "promc_family_settings",
                      promc_stateset_register(registry, &plain, (const char *const[]){"on"}, 1, &family));
    plain.name = "a_callback";
    refuses_each_word(plain, "promc_family_settings", promc_callback_register(registry, PROMC_GAUGE, &plain, &family));
    promc_registry_destroy(registry);
}

static void refuses_a_distributions_words(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family;
    promc_histogram_settings histogram = {.family.name = "a_histogram"};
    histogram.family.reserved[0] = 1;
    assert_fails(promc_histogram_register(registry, &histogram, &family), PROMC_E_VERSION, "promc_family_settings");
    histogram.family.reserved[0] = 0;
    histogram.native.reserved[1] = 1;
    assert_fails(promc_histogram_register(registry, &histogram, &family), PROMC_E_VERSION, "promc_native_settings");
    histogram.native.reserved[1] = 0;
    refuses_each_word(histogram, "promc_histogram_settings", promc_histogram_register(registry, &histogram, &family));
    promc_summary_settings summary = {.family.name = "a_summary"};
    summary.family.reserved[0] = 1;
    assert_fails(promc_summary_register(registry, &summary, &family), PROMC_E_VERSION, "promc_family_settings");
    summary.family.reserved[0] = 0;
    refuses_each_word(summary, "promc_summary_settings", promc_summary_register(registry, &summary, &family));
    promc_registry_destroy(registry);
}

static void refuses_a_scrapes_words(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_scrape *scrape = NULL;
    promc_scrape_settings settings = {0};
    promc_negotiate("text/plain", &settings);
    for (size_t w = 0; w < sizeof(settings.reserved) / sizeof(settings.reserved[0]); w++) {
        settings.reserved[w] = UINT64_MAX;
        assert_fails(promc_scrape_begin(registry, &settings, &scrape), PROMC_E_VERSION, "promc_scrape_settings");
        assert_null(scrape);
        settings.reserved[w] = 0;
    }
    assert_ok(promc_scrape_begin(registry, &settings, &scrape));
    promc_scrape_end(scrape);
    promc_registry_destroy(registry);
}

static void refuses_a_tables_words(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter handle;
    promc_table_metric row = {.type = PROMC_COUNTER, .name = "a_total", .help = "", .labels = {{0}}};
    promc_table table = {.name = "a", .metrics = &row, .metric_count = 1, .handles_bytes = sizeof(handle)};
    table.reserved[1] = 1;
    assert_fails(promc_table_register(registry, &table, &handle), PROMC_E_VERSION, "promc_table:");
    table.reserved[1] = 0;
    row.reserved[1] = 1;
    assert_fails(promc_table_register(registry, &table, &handle), PROMC_E_VERSION, "promc_table_metric");
    row.reserved[1] = 0;
    row.options.reserved[3] = 1;
    assert_fails(promc_table_register(registry, &table, &handle), PROMC_E_VERSION, "promc_table_options");
    row.options.reserved[3] = 0;
    assert_ok(promc_table_register(registry, &table, &handle));
    promc_registry_destroy(registry);
}

/* The caller's struct has this many bytes; the memory after it must not change. */
static void fills_only_what_the_caller_has_room_for(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family = new_counter(registry, "a_total", "x");
    union {
        promc_registry_stats stats;
        promc_family_description description;
        unsigned char bytes[sizeof(promc_family_description) + 64];
    } memory;
    memset(&memory, 0xaa, sizeof(memory));
    assert_ok(promc_registry_get_stats(registry, &memory.stats, sizeof(memory.stats)));
    assert_int_equal(memory.stats.arena_bytes, 64 << 20);
    assert_true(memory.stats.families > 0);
    assert_int_equal(memory.bytes[sizeof(memory.stats)], 0xaa);
    /* newer than the library: refused, because the library cannot fill the new members */
    assert_fails(promc_registry_get_stats(registry, &memory.stats, sizeof(memory.stats) + 8), PROMC_E_VERSION,
                 "promc_registry_stats");
    for (size_t i = 0; i < sizeof(memory.stats) + 8; i++)
        assert_int_equal(memory.bytes[i], 0);
    assert_int_equal(memory.bytes[sizeof(memory.stats) + 8], 0xaa);
    assert_fails(promc_registry_get_stats(registry, &memory.stats, sizeof(memory.stats) - 8), PROMC_E_INVALID,
                 "promc_registry_stats");

    memset(&memory, 0xaa, sizeof(memory));
    assert_ok(promc_family_describe(family, &memory.description, sizeof(memory.description)));
    assert_string_equal(memory.description.name, "a_total");
    assert_int_equal(memory.description.label_count, 1);
    assert_int_equal(memory.bytes[sizeof(memory.description)], 0xaa);
    assert_fails(promc_family_describe(family, &memory.description, sizeof(memory.description) + 8), PROMC_E_VERSION,
                 "promc_family_description");
    assert_null(memory.description.name);
    assert_fails(promc_family_describe(family, &memory.description, 8), PROMC_E_INVALID, "promc_family_description");
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(says_its_version),
        cmocka_unit_test(refuses_a_registrys_words),
        cmocka_unit_test(refuses_a_familys_words),
        cmocka_unit_test(refuses_a_distributions_words),
        cmocka_unit_test(refuses_a_scrapes_words),
        cmocka_unit_test(refuses_a_tables_words),
        cmocka_unit_test(fills_only_what_the_caller_has_room_for),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
