/* SPDX-License-Identifier: Apache-2.0 */
/* Label values: compared by value and not only by hash; hostile ones have a defined result. */
#include "base/utf8.h"
#include "read/snapshot.h"
#include "series/hash.h"
#include "series/index.h"
#include "series/labels.h"
#include "series/lookup.h"
#include "util.h"

#include <pthread.h>

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

static uint64_t hash_of(uint64_t seed, const char *p, size_t n)
{
    struct promc_key key;
    return promc_key_fill(&key, p, n, seed);
}

static void same_values_same_series(void **state)
{
    promc_family *family;
    promc_counter a, b;
    assert_ok(promc_counter_register(*state, &(promc_family_settings){.name = "a", .labels = {"x", "y"}}, &family));
    assert_ok(promc_counter_get(family, (const char *[]){"ab", "c"}, &a));
    assert_ok(promc_counter_get(family, (const char *[]){"a", "bc"}, &b));
    assert_ptr_not_equal(promc_ref_live(a.ref), promc_ref_live(b.ref));
    promc_str values[] = {{"abX", 2}, {"c", 1}};
    promc_counter again;
    assert_ok(promc_counter_get_n(family, values, 2, &again));
    assert_memory_equal(&again, &a, sizeof(a));
    again = promc_counter_with(family, "ab", "c");
    assert_memory_equal(&again, &a, sizeof(a));
    assert_int_equal(promc_family_series_count(family), 2);
    /* Empty values are values. */
    assert_ok(promc_counter_get(family, (const char *[]){"", ""}, &a));
    assert_ok(promc_counter_get_n(family, (promc_str[]){{NULL, 0}, {"", 0}}, 2, &b));
    assert_memory_equal(&a, &b, sizeof(a));
    assert_true(exposes(*state, "a_total{x=\"\",y=\"\"} 0"));
}

/* Two value sets whose 32-bit hashes are equal, found by search; they must stay two series. */
static void colliding_hashes_are_two_series(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "a", "x");
    enum { TRIED = 400000, SLOTS = 1 << 21 };
    uint32_t *seen = calloc(SLOTS, sizeof(*seen));
    uint64_t seed = registry->arena.header->seed;
    char first[16] = "", second[16] = "";
    for (uint32_t i = 1; i <= TRIED && !*first; i++) {
        char text[16];
        int n = snprintf(text, sizeof(text), "v%u", i);
        uint32_t hash = promc_hash_finish(hash_of(seed, text, (size_t)n));
        for (uint32_t s = hash % SLOTS; seen[s] != 0; s = (s + 1) % SLOTS) {
            char other[16];
            int m = snprintf(other, sizeof(other), "v%u", seen[s]);
            if (promc_hash_finish(hash_of(seed, other, (size_t)m)) == hash) {
                strcpy(first, text);
                strcpy(second, other);
            }
        }
        uint32_t s = hash % SLOTS;
        while (seen[s] != 0)
            s = (s + 1) % SLOTS;
        seen[s] = i;
    }
    free(seen);
    assert_true(*first); /* about 18 such pairs are expected */
    promc_counter_inc(promc_counter_with(family, first));
    promc_counter_add_u64(promc_counter_with(family, second), 5);
    assert_int_equal(promc_family_series_count(family), 2);
    assert_same(promc_counter_value(promc_counter_with(family, first)), 1);
    assert_same(promc_counter_value(promc_counter_with(family, second)), 5);
}

static void expect_shown(promc_registry *registry, promc_family *family, promc_str raw, const char *line)
{
    promc_counter c, again;
    assert_ok(promc_counter_get_n(family, &raw, 1, &c));
    assert_ok(promc_counter_get_n(family, &raw, 1, &again));
    assert_memory_equal(&c, &again, sizeof(c));
    promc_counter_inc(c);
    assert_true(exposes(registry, line));
    assert_int_equal(promc_family_remove_matching(family, NULL, 0), 1);
}

static void hostile_values(void **state)
{
    promc_family *family = new_counter(*state, "a", "x");
#define EXPECT(raw, shown) expect_shown(*state, family, (promc_str){raw, sizeof(raw) - 1}, "a_total{x=\"" shown "\"} 1")
    EXPECT("say \"hi\"\\\n", "say \\\"hi\\\"\\\\\\n");
    EXPECT("\xff", "\xef\xbf\xbd");
    EXPECT("a\xc3", "a\xef\xbf\xbd");
    EXPECT("\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd");                   /* overlong */
    EXPECT("\xed\xa0\x80z", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz"); /* a surrogate */
    EXPECT("\xf0\x9f\x98", "\xef\xbf\xbd");                           /* cut short: one maximal part */
    EXPECT("\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    EXPECT("a\0b", "a\xef\xbf\xbd"
                   "b");
    EXPECT("gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80", "gr\xc3\xbc\xc3\x9f \xf0\x9f\x98\x80");
    EXPECT("a,b=\"c\"}", "a,b=\\\"c\\\"}");
    EXPECT("\r\t\x01", "\r\t\x01");
#undef EXPECT
}

/* A value and its repaired form are one series; two values are different series even if one looks like the other's escaped form. */
static void repaired_and_escaped_values_keep_apart(void **state)
{
    promc_family *family = new_counter(*state, "a", "x");
    promc_counter bad = promc_counter_with(family, "\xff"), good = promc_counter_with(family, "\xef\xbf\xbd");
    assert_memory_equal(&bad, &good, sizeof(bad));
    promc_counter newline = promc_counter_with(family, "a\nb"), two = promc_counter_with(family, "a\\nb");
    assert_ptr_not_equal(promc_ref_live(newline.ref), promc_ref_live(two.ref));
    promc_counter newline2 = promc_counter_with(family, "a\nb"), two2 = promc_counter_with(family, "a\\nb");
    assert_memory_equal(&newline, &newline2, sizeof(newline));
    assert_memory_equal(&two, &two2, sizeof(two));
    assert_int_equal(promc_family_series_count(family), 3);
}

static void long_values_are_cut_at_a_character(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_label_value_bytes = 10});
    promc_family *family = new_counter(registry, "a", "x");
    promc_counter_inc(promc_counter_with(family, "12345678\xc3\xbc"));  /* exactly 10 bytes */
    promc_counter_inc(promc_counter_with(family, "123456789\xc3\xbc")); /* the last one does not fit */
    promc_counter_inc(promc_counter_with(family, "123456789"));         /* the same series then */
    assert_true(exposes(registry, "a_total{x=\"12345678\xc3\xbc\"} 1"));
    assert_true(exposes(registry, "a_total{x=\"123456789\"} 2"));
    promc_registry_destroy(registry);
}

static void huge_values(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_label_value_bytes = 65535});
    promc_family *family;
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x", "y", "z", "w"}},
                                     &family));
    char *huge = malloc(1 << 20);
    promc_counter first, again;
    for (int kind = 0; kind < 3; kind++) {
        memset(huge, kind == 0 ? 'a' : kind == 1 ? '"' : 0xff, (1 << 20) - 1);
        huge[(1 << 20) - 1] = '\0';
        const char *values[] = {huge, huge, "small", huge};
        assert_ok(promc_counter_get(family, values, &first));
        assert_ok(promc_counter_get(family, values, &again));
        assert_memory_equal(&first, &again, sizeof(first));
    }
    assert_int_equal(promc_family_series_count(family), 3);
    struct promc_reading reading;
    struct promc_family_view view;
    struct promc_series_view series;
    promc_str values[PROMC_MAX_LABEL_LIST];
    int seen = 0;
    assert_ok(promc_reading_begin(registry, &reading));
    while (promc_reading_next_family(&reading, &view)) {
        while (view.label_count == 4 && promc_reading_next_series(&reading, &series)) {
            assert_int_equal(promc_series_values(registry, &series, values), 4);
            assert_int_equal(values[0].length, 65535);
            assert_int_equal(values[2].length, 5);
            assert_memory_equal(values[2].data, "small", 5);
            seen++;
        }
    }
    promc_reading_end(&reading);
    assert_int_equal(seen, 3);
    free(huge);
    promc_registry_destroy(registry);
}

/* The raw values that a reader gets are the given ones, escaped or not. */
static void values_round_trip(void **state)
{
    promc_registry *registry = *state;
    promc_family *family;
    promc_counter c;
    static const char *const sets[][2] = {{"a", "b"}, {"", ""}, {"\"", "\n"}, {"x\\", "plain"}, {"\xc3\xbc", "\","}};
    assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = "a", .labels = {"x", "y"}}, &family));
    for (size_t i = 0; i < 5; i++) {
        promc_str values[PROMC_MAX_LABEL_LIST];
        assert_ok(promc_counter_get(family, sets[i], &c));
        assert_int_equal(promc_child_values(promc_series_child(c.ref), values), 2);
        for (int j = 0; j < 2; j++) {
            assert_int_equal(values[j].length, strlen(sets[i][j]));
            assert_memory_equal(values[j].data, sets[i][j], values[j].length);
        }
    }
}

static void sixteen_labels(void **state)
{
    promc_family *family;
    promc_family_settings settings = {.name = "a"};
    char names[16][4];
    const char *values[16];
    for (int i = 0; i < 16; i++) {
        snprintf(names[i], sizeof(names[i]), "l%d", i);
        settings.labels[i] = names[i];
        values[i] = names[15 - i];
    }
    promc_counter c;
    assert_ok(promc_counter_register(*state, &settings, &family));
    assert_ok(promc_counter_get(family, values, &c));
    promc_counter_inc(c);
    assert_true(exposes(*state, "a_total{l0=\"l15\",l1=\"l14\",l2=\"l13\",l3=\"l12\",l4=\"l11\",l5=\"l10\",l6=\"l9\","
                                "l7=\"l8\",l8=\"l7\",l9=\"l6\",l10=\"l5\",l11=\"l4\",l12=\"l3\",l13=\"l2\",l14=\"l1\","
                                "l15=\"l0\"} 1"));
}

/* Values with a length, for any number of labels: the bytes after them are ignored. */
static void values_with_a_length(void **state)
{
    static const char *const values[] = {"a", "b", "c", "d", "e", "f"};
    const promc_str longer[] = {{"ax", 1}, {"bx", 1}, {"cx", 1}, {"dx", 1}, {"ex", 1}, {"fx", 1}};
    promc_family_settings settings = {.labels = {NULL}};
    char name[2] = "m";
    for (size_t n = 1; n <= 6; n++) {
        promc_family *family;
        promc_counter counter, same;
        settings.name = name;
        settings.labels[n - 1] = values[n - 1];
        assert_ok(promc_counter_register(*state, &settings, &family));
        assert_ok(promc_counter_get_n(family, longer, n, &counter));
        promc_counter_add_u64(counter, n);
        assert_ok(promc_counter_get(family, values, &same));
        assert_same(promc_counter_value(same), n);
        assert_int_equal(promc_family_series_count(family), 1);
        name[0]++;
    }
}

/* More labels than the settings' array has places: given as a list. */
static void sixty_four_labels(void **state)
{
    enum { MOST = PROMC_MAX_LABEL_LIST };
    promc_registry *registry = *state;
    promc_family *family, *states;
    char names[MOST + 1][4];
    const char *list[MOST + 2] = {NULL}, *values[MOST];
    for (int i = 0; i <= MOST; i++) {
        snprintf(names[i], sizeof(names[i]), "l%d", i);
        list[i] = names[i];
    }
    assert_fails(promc_counter_register(registry, &(promc_family_settings){.name = "a", .label_list = list}, &family),
                 PROMC_E_LABEL_COUNT, "\"a_total\": more than 64 labels");
    list[MOST] = NULL;
    assert_fails(promc_counter_register(
                     registry, &(promc_family_settings){.name = "a", .labels = {"x"}, .label_list = list}, &family),
                 PROMC_E_INVALID, "both labels and label_list");
    const promc_family_settings settings = {
        .name = "a", .label_list = list, .cap_label = "l63", .max_series = 3, .idle_expiry_seconds = 3600};
    assert_ok(promc_counter_register(registry, &settings, &family));
    promc_family *again;
    assert_ok(promc_counter_register(registry, &settings, &again));
    assert_ptr_equal(again, family);
    for (int i = 0; i < MOST; i++)
        values[i] = names[MOST - 1 - i];
    promc_counter c;
    assert_ok(promc_counter_get(family, values, &c));
    promc_counter_inc(c);
    promc_counter_inc(promc_counter_with_values(family, values, MOST));
    assert_true(exposes(
        registry, "a_total{l0=\"l63\",l1=\"l62\",l2=\"l61\",l3=\"l60\",l4=\"l59\",l5=\"l58\",l6=\"l57\",l7=\"l56\","
                  "l8=\"l55\",l9=\"l54\",l10=\"l53\",l11=\"l52\",l12=\"l51\",l13=\"l50\",l14=\"l49\",l15=\"l48\","
                  "l16=\"l47\",l17=\"l46\",l18=\"l45\",l19=\"l44\",l20=\"l43\",l21=\"l42\",l22=\"l41\",l23=\"l40\","
                  "l24=\"l39\",l25=\"l38\",l26=\"l37\",l27=\"l36\",l28=\"l35\",l29=\"l34\",l30=\"l33\",l31=\"l32\","
                  "l32=\"l31\",l33=\"l30\",l34=\"l29\",l35=\"l28\",l36=\"l27\",l37=\"l26\",l38=\"l25\",l39=\"l24\","
                  "l40=\"l23\",l41=\"l22\",l42=\"l21\",l43=\"l20\",l44=\"l19\",l45=\"l18\",l46=\"l17\",l47=\"l16\","
                  "l48=\"l15\",l49=\"l14\",l50=\"l13\",l51=\"l12\",l52=\"l11\",l53=\"l10\",l54=\"l9\",l55=\"l8\","
                  "l56=\"l7\",l57=\"l6\",l58=\"l5\",l59=\"l4\",l60=\"l3\",l61=\"l2\",l62=\"l1\",l63=\"l0\"} 2"));
    /* Each label distinguishes series, whether its value is plain, must be escaped or must be repaired. */
    for (int i = 0; i < MOST; i++) {
        static const char *const others[] = {"other", "new\nline", "bad\xff"};
        const char *kept = values[i];
        values[i] = others[i % 3];
        promc_counter_inc(promc_counter_with_values(family, values, MOST));
        promc_counter_inc(promc_counter_with_values(family, values, MOST));
        assert_int_equal(promc_family_series_count(family), 2);
        assert_ok(promc_family_remove(family, values));
        values[i] = kept;
    }
    promc_curry *curry;
    promc_counter curried;
    assert_ok(promc_curry_make(&curry, family, &(promc_label){"l63", "l0"}, 1));
    assert_ok(promc_curry_counter(curry, values, &curried));
    assert_memory_equal(&curried, &c, sizeof(c));
    promc_curry_free(curry);
    /* Beyond the cap for this value of l63. */
    for (int i = 0; i < 5; i++) {
        values[0] = names[i];
        promc_counter_inc(promc_counter_with_values(family, values, MOST));
    }
    assert_true(contains(scrape_text(registry), ",l62=\"other\",l63=\"l0\",promc_overflow=\"l63\"} "));
    assert_int_equal(promc_family_remove_matching(family, &(promc_label){"l63", "l0"}, 1), 4);
    promc_family_description description;
    assert_ok(promc_family_describe(family, &description, sizeof(description)));
    assert_int_equal(description.label_count, MOST);
    assert_string_equal(description.labels[15], "l15");
    assert_string_equal(promc_family_label(family, 63), "l63");
    assert_null(promc_family_label(family, 64));
    /* A stateset adds a label of its own. */
    const promc_family_settings mode = {.name = "mode", .label_list = list + 1};
    assert_ok(promc_stateset_register(registry, &mode, (const char *[]){"on", "off"}, 2, &states));
    assert_ok(promc_stateset_select(states, values, "off"));
    assert_true(contains(scrape_openmetrics(registry), ",l63=\"l1\",mode=\"off\"} 1\n"));
    assert_fails(promc_stateset_register(registry, &(promc_family_settings){.name = "mood", .label_list = list},
                                         (const char *[]){"on"}, 1, &states),
                 PROMC_E_LABEL_COUNT, "no room for the state's own label");
}

#define THREADS 4
#define SERIES 3000

static void *get_all(void *argument)
{
    promc_family *family = argument;
    char text[32];
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < SERIES; i++) {
            snprintf(text, sizeof(text), "value-%d", i);
            promc_counter_inc(promc_counter_with(family, text));
        }
    }
    return NULL;
}

/* Creation, growth of the table and lookups at once: each series once, each update on it. */
static void threads_create_the_same_series(void **state)
{
    promc_family *family = new_counter(*state, "a", "x");
    pthread_t threads[THREADS];
    char text[32];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get_all, family), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(promc_family_series_count(family), SERIES);
    for (int i = 0; i < SERIES; i++) {
        snprintf(text, sizeof(text), "value-%d", i);
        assert_same(promc_counter_value(promc_counter_with(family, text)), 3 * THREADS);
    }
}

/* The hash reads a value up to its end and not beyond: the page after it is not mapped. */
static void hash_reads_only_the_value(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 40; n++) {
        char *exact = malloc(n + (n == 0));
        char padded[64] = {0};
        memset(exact, 'x', n);
        memset(padded, 'x', n);
        padded[n] = 'y';
        assert_true(hash_of(1, exact, n) == hash_of(1, padded, n));
        for (size_t i = 0; i < n; i++) {
            padded[i] ^= 1;
            assert_true(hash_of(1, exact, n) != hash_of(1, padded, n));
            padded[i] ^= 1;
        }
        free(exact);
    }
}

static void every_byte_is_compared(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 100; n++) {
        char value[101], text[120] = {0};
        struct promc_key key;
        memset(value, 'x', sizeof(value));
        memset(text, 'x', n);
        text[n] = '"';
        (void)promc_key_fill(&key, value, n, 1);
        assert_true(promc_key_differs(&key, text) == 0);
        for (size_t i = 0; i <= n; i++) { /* the quote, too */
            text[i] ^= 1;
            assert_true(promc_key_differs(&key, text) != 0);
            text[i] ^= 1;
        }
    }
}

/* A bad byte is found at every place of the words that are read at once, and none is read after the end. */
static void utf8_is_checked_to_its_end_and_no_further(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "\xc0\x80",         "\xc1\xbf",         "\xe0\x9f\xbf", "\xed\xa0\x80", "\xf0\x8f\xbf\xbf",
        "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\x80",         "\xff"};
    static const char *const right[] = {"\xc2\x80",     "\xe0\xa0\x80",     "\xed\x9f\xbf",
                                        "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
        assert_false(promc_utf8_valid(wrong[i], strlen(wrong[i])));
    for (size_t i = 0; i < sizeof(right) / sizeof(*right); i++)
        assert_true(promc_utf8_valid(right[i], strlen(right[i])));
    for (size_t at = 0; at < 24; at++) {
        char text[32] = "abcdefghijklmnopqrstuvwxyz";
        text[at] = '\0';
        assert_false(promc_utf8_valid(text, 26));
        assert_true(promc_utf8_valid(text, at));
        memcpy(text + at, "\xc3\xa4", 2);
        assert_true(promc_utf8_valid(text, at + 2));
        assert_false(promc_utf8_valid(text, at + 1));
        memcpy(text + at, "\xf0\x9f\x98\x80", 4);
        for (size_t cut = 1; cut < 4; cut++)
            assert_false(promc_utf8_valid(text, at + cut));
        assert_true(promc_utf8_valid(text, at + 4));
    }
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(same_values_same_series),
        TEST(colliding_hashes_are_two_series),
        TEST(hostile_values),
        TEST(repaired_and_escaped_values_keep_apart),
        TEST(long_values_are_cut_at_a_character),
        TEST(huge_values),
        TEST(values_round_trip),
        TEST(values_with_a_length),
        TEST(sixteen_labels),
        TEST(sixty_four_labels),
        TEST(threads_create_the_same_series),
        TEST(hash_reads_only_the_value),
        TEST(every_byte_is_compared),
        TEST(utf8_is_checked_to_its_end_and_no_further),
    };
    return cmocka_run_group_tests_name("labels", tests, NULL, NULL);
}
