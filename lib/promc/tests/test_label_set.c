/* SPDX-License-Identifier: Apache-2.0 */
/* A prepared label set finds the same series as its values, even after series were removed or created. */
#include "arena/lock.h"
#include "series/hash.h"
#include "series/reclaim.h"
#include "series/series.h"
#include "util.h"

#include <pthread.h>
#include <signal.h>
#include <unistd.h>

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

static promc_label_set *new_set(const promc_registry *registry, const char *value)
{
    promc_label_set *set;
    assert_ok(promc_label_set_make(&set, registry, &value, 1));
    return set;
}

static void assert_same_handle(promc_series_ref a, promc_series_ref b)
{
    assert_true(a.where == b.where && a.word == b.word);
}

/* Several times: the first lookup finds the series by its hash, later ones by the set's memory. */
static void expect_finds(promc_family *family, const promc_label_set *set, const char *const *values)
{
    promc_counter by_values;
    for (int i = 0; i < 3; i++) {
        promc_counter by_set = promc_counter_of(family, set);
        assert_ok(promc_counter_get(family, values, &by_values));
        assert_true(promc_series_is_live(by_set.ref));
        assert_same_handle(by_set.ref, by_values.ref);
    }
}

static void each_type_is_found(void **state)
{
    promc_family_settings settings = {.name = "counted", .labels = {"x"}};
    promc_label_set *set = new_set(*state, "v");
    promc_family *counters, *gauges, *updowns, *untyped, *histograms, *summaries;
    assert_ok(promc_counter_register(*state, &settings, &counters));
    settings.name = "gauge";
    assert_ok(promc_gauge_register(*state, &settings, &gauges));
    settings.name = "updown";
    assert_ok(promc_updown_register(*state, &settings, &updowns));
    settings.name = "untyped";
    assert_ok(promc_untyped_register(*state, &settings, &untyped));
    assert_ok(promc_histogram_register(*state, &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}}},
                                       &histograms));
    assert_ok(promc_summary_register(*state, &(promc_summary_settings){.family = {.name = "s", .labels = {"x"}}},
                                     &summaries));
    /* More families than a set remembers, in turn. */
    for (int i = 1; i <= 3; i++) {
        promc_counter_inc(promc_counter_of(counters, set));
        promc_gauge_set(promc_gauge_of(gauges, set), i);
        promc_updown_inc(promc_updown_of(updowns, set));
        promc_gauge_set(promc_gauge_of(untyped, set), -i);
        promc_histogram_observe(promc_histogram_of(histograms, set), 1);
        promc_summary_observe(promc_summary_of(summaries, set), 1);
    }
    promc_label_set_free(set);
    assert_true(exposes(*state, "counted_total{x=\"v\"} 3"));
    assert_true(exposes(*state, "gauge{x=\"v\"} 3"));
    assert_true(exposes(*state, "updown{x=\"v\"} 3"));
    assert_true(exposes(*state, "untyped{x=\"v\"} -3"));
    assert_true(exposes(*state, "h_count{x=\"v\"} 3"));
    assert_true(exposes(*state, "s_count{x=\"v\"} 3"));
}

/* Two values whose 32-bit hashes are equal, found by search; they must stay two series. */
static void colliding_hashes_are_two_series(void **state)
{
    promc_registry *registry = *state;
    enum { SLOTS = 1 << 21, TRIED = 1000000 };
    uint32_t *seen = calloc(SLOTS, sizeof(*seen));
    char first[16] = "", second[16] = "";
    for (uint32_t i = 1; i <= TRIED && !*first; i++) {
        struct promc_key key;
        char text[16];
        int n = snprintf(text, sizeof(text), "v%u", i);
        uint64_t seed = promc_hash_seed(registry->arena.header->seed, 0);
        uint32_t hash = promc_hash_finish(promc_key_fill(&key, text, (size_t)n, seed)), s = hash % SLOTS;
        for (; seen[s] != 0; s = (s + 1) % SLOTS) {
            char other[16];
            n = snprintf(other, sizeof(other), "v%u", seen[s]);
            if (promc_hash_finish(promc_key_fill(&key, other, (size_t)n, seed)) == hash) {
                strcpy(first, text);
                strcpy(second, other);
            }
        }
        seen[s] = i;
    }
    free(seen);
    assert_true(*first); /* about 116 such pairs are expected */
    promc_family *family = new_counter(registry, "a", "x");
    promc_label_set *one = new_set(registry, first), *two = new_set(registry, second);
    for (int i = 0; i < 3; i++) {
        expect_finds(family, one, (const char *[]){first});
        expect_finds(family, two, (const char *[]){second});
    }
    assert_int_equal(promc_family_series_count(family), 2);
    promc_label_set_free(one);
    promc_label_set_free(two);
}

/* A set treats values that must be repaired, escaped or cut like a lookup. */
static void hostile_values(void **state)
{
    (void)state;
    static const char *const values[] = {"",
                                         "a\"b\\c\nd",
                                         "\xff",
                                         "a\xc3",
                                         "gr\xc3\xbc\xc3\x9f",
                                         "1234567",
                                         "12345678",
                                         "123456789",
                                         "1234567890123456",
                                         "12345678901234567",
                                         "12345678901234567\xc3\xbc",
                                         "{}=,"};
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_label_value_bytes = 18});
    promc_family *family = new_counter(registry, "a", "x");
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        promc_label_set *set = new_set(registry, values[i]);
        expect_finds(family, set, &values[i]);
        promc_label_set_free(set);
    }
    promc_label_set *zero, *repaired = new_set(registry, "a\xef\xbf\xbd"
                                                         "b");
    assert_ok(promc_label_set_make_n(&zero, registry, &(promc_str){"a\0b", 3}, 1));
    assert_same_handle(promc_counter_of(family, zero).ref, promc_counter_of(family, repaired).ref);
    promc_label_set_free(zero);
    assert_ok(promc_label_set_make_n(&zero, registry, &(promc_str){NULL, 0}, 1));
    expect_finds(family, zero, (const char *[]){""});
    promc_label_set_free(zero);
    promc_label_set_free(repaired);
    promc_registry_destroy(registry);
}

/* Values are repaired and hashed when the set is made, so an existing series is found even if another thread holds the lock. */
static void finding_takes_no_lock(void **state)
{
    promc_registry *registry = *state;
    static const char *const values[][2] = {{"GET", "/"}, {"\xff", "b"}, {"a\nb", "12345678901234567"}};
    promc_family *families[6];
    for (int f = 0; f < 6; f++) {
        char name[8];
        snprintf(name, sizeof(name), "f%d", f);
        assert_ok(promc_counter_register(registry, &(promc_family_settings){.name = name, .labels = {"x", "y"}},
                                         &families[f]));
    }
    for (int i = 0; i < 3; i++) {
        promc_label_set *set;
        assert_ok(promc_label_set_make(&set, registry, values[i], 2));
        for (int f = 0; f < 6; f++)
            promc_counter_inc(promc_counter_of(families[f], set));
        alarm(100); /* waiting for the lock would never end */
        promc_registry_lock(registry);
        for (int f = 0; f < 12; f++)
            promc_counter_inc(promc_counter_of(families[f % 6], set));
        promc_registry_unlock(registry);
        alarm(0);
        promc_label_set_free(set);
    }
    assert_true(exposes(registry, "f5_total{x=\"\xef\xbf\xbd\",y=\"b\"} 3"));
}

static void values_are_copied(void **state)
{
    char value[] = "before";
    promc_family *family = new_counter(*state, "a", "x");
    promc_label_set *set = new_set(*state, value);
    strcpy(value, "after");
    expect_finds(family, set, (const char *[]){"before"});
    promc_label_set_free(set);
}

/* 0 to 64 labels: all are compared, including the last one. */
static void any_number_of_labels(void **state)
{
    enum { MOST = PROMC_MAX_LABEL_LIST };
    for (size_t count = 0; count <= MOST; count++) {
        char name[8], names[MOST][4];
        const char *values[MOST] = {0}, *list[MOST + 1] = {0};
        promc_family *family;
        promc_label_set *set, *other;
        snprintf(name, sizeof(name), "m%zu", count);
        promc_family_settings settings = {.name = name, .label_list = list};
        for (size_t i = 0; i < count; i++) {
            snprintf(names[i], sizeof(names[i]), "l%zu", i);
            list[i] = names[i];
            values[i] = names[count - 1 - i];
        }
        assert_ok(promc_counter_register(*state, &settings, &family));
        assert_ok(promc_label_set_make(&set, *state, count ? values : NULL, count));
        expect_finds(family, set, values);
        if (count > 0) {
            values[count - 1] = "another";
            assert_ok(promc_label_set_make(&other, *state, values, count));
            expect_finds(family, other, values);
            assert_int_equal(promc_family_series_count(family), 2);
            promc_label_set_free(other);
        }
        promc_label_set_free(set);
    }
}

/* A removed series is created again, and another series that reuses its memory is not mistaken for it. */
static void after_removal(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "a", "x"), *other = new_counter(registry, "b", "x");
    const char *value = "one", *same_length = "two";
    promc_label_set *set = new_set(registry, value);
    registry->quarantine_ms = 0;
    for (int round = 0; round < 5; round++) {
        promc_counter_inc(promc_counter_of(family, set));
        promc_counter_inc(promc_counter_of(family, set));
        promc_counter old = promc_counter_of(family, set);
        assert_same(promc_counter_value(old), 2);
        assert_ok(promc_family_remove(family, &value));
        promc_reclaim(registry, 16);
        /* Another series has its block now: of this family, then of another one. */
        promc_counter tenant;
        assert_ok(promc_counter_get(round % 2 ? other : family, &same_length, &tenant));
        promc_counter again = promc_counter_of(family, set);
        assert_false(promc_series_is_live(old.ref));
        assert_true(promc_series_is_live(again.ref));
        assert_same(promc_counter_value(again), 0);
        expect_finds(family, set, &value);
        assert_ok(promc_family_remove(family, &value));
        assert_ok(promc_family_remove(round % 2 ? other : family, &same_length));
    }
    promc_label_set_free(set);
}

static void a_destroyed_family_is_not_found(void **state)
{
    promc_registry *registry = *state;
    promc_family *family = new_counter(registry, "a", "x");
    promc_label_set *set = new_set(registry, "v");
    promc_counter_inc(promc_counter_of(family, set));
    promc_counter_inc(promc_counter_of(family, set));
    assert_ok(promc_family_destroy(family));
    promc_counter gone = promc_counter_of(family, set); /* like a lookup in progress: the quarantine has not ended */
    assert_false(promc_series_is_live(gone.ref));
    promc_family *next = new_counter(registry, "a", "x");
    promc_counter_inc(promc_counter_of(next, set));
    assert_true(exposes(registry, "a_total{x=\"v\"} 1"));
    promc_label_set_free(set);
}

/* The set does not remember an overflow series: when there is room again, the values get their own series. */
static void past_a_cap(void **state)
{
    promc_family *family;
    const char *first = "first";
    assert_ok(promc_counter_register(*state, &(promc_family_settings){.name = "a", .labels = {"x"}, .max_series = 1},
                                     &family));
    promc_counter_inc(promc_counter_with(family, first));
    promc_label_set *set = new_set(*state, "second"), *other = new_set(*state, "other");
    for (int i = 0; i < 3; i++)
        promc_counter_inc(promc_counter_of(family, set));
    promc_counter_inc(promc_counter_of(family, other));
    assert_true(exposes(*state, "a_total{x=\"other\",promc_overflow=\"true\"} 4"));
    assert_ok(promc_family_remove(family, &first));
    promc_counter_inc(promc_counter_of(family, set));
    assert_true(exposes(*state, "a_total{x=\"second\"} 1"));
    promc_label_set_free(set);
    promc_label_set_free(other);
}

/* Each registry has its own hash seed. A set also works with families of another registry, and after its own registry was destroyed. */
static void of_another_registry(void **state)
{
    promc_registry *one = new_registry(NULL), *two = *state;
    const char *value = "v";
    promc_family *there = new_counter(one, "a", "x"), *here = new_counter(two, "a", "x");
    promc_label_set *set = new_set(one, value);
    /* Both registries were filled in the same way, so this series has the same offset as the set's series in the other one. */
    promc_counter_inc(promc_counter_with(here, "w"));
    assert_true(one->arena.header->seed != two->arena.header->seed);
    for (int i = 0; i < 3; i++) {
        expect_finds(there, set, &value);
        expect_finds(here, set, &value);
    }
    promc_registry_destroy(one);
    one = new_registry(NULL); /* likely at the same address */
    there = new_counter(one, "a", "x");
    promc_counter_inc(promc_counter_with(there, "w"));
    expect_finds(there, set, &value);
    expect_finds(here, set, &value);
    promc_label_set_free(set);
    promc_registry_destroy(one);
}

static void misuse_is_refused(void **state)
{
    promc_family *family = new_counter(*state, "a", "x");
    promc_label_set *set, *two;
    promc_str missing = {NULL, 1};
    assert_fails(promc_label_set_make(&set, NULL, (const char *[]){"v"}, 1), PROMC_E_INVALID, "registry");
    assert_null(set);
    assert_fails(promc_label_set_make(&set, *state, (const char *[]){NULL}, 1), PROMC_E_LABEL_VALUE, "number 1");
    assert_fails(promc_label_set_make(&set, *state, NULL, 2), PROMC_E_LABEL_VALUE, "number 1");
    assert_fails(promc_label_set_make(&set, *state, (const char *[]){"v", NULL}, 2), PROMC_E_LABEL_VALUE, "number 2");
    assert_fails(promc_label_set_make_n(&set, *state, &missing, 1), PROMC_E_LABEL_VALUE, "number 1");
    const char *many[PROMC_MAX_LABEL_LIST + 1];
    for (size_t i = 0; i <= PROMC_MAX_LABEL_LIST; i++)
        many[i] = "v";
    assert_fails(promc_label_set_make(&set, *state, many, PROMC_MAX_LABEL_LIST + 1), PROMC_E_LABEL_COUNT, "65");
    assert_null(set);
    promc_label_set_free(NULL);

    set = new_set(*state, "v");
    assert_ok(promc_label_set_make(&two, *state, (const char *[]){"v", "w"}, 2));
    assert_int_equal(promc_counter_of(family, NULL).ref.where, 0);
    assert_non_null(strstr(promc_error_detail(), "label set"));
    assert_int_equal(promc_counter_of(NULL, set).ref.where, 0);
    assert_int_equal(promc_counter_of(NULL, NULL).ref.where, 0);
    assert_int_equal(promc_counter_of(family, two).ref.where, 0);
    assert_int_equal(promc_gauge_of(family, set).ref.where, 0);
    assert_int_equal(promc_histogram_of(family, set).ref.where, 0);
    assert_int_equal(promc_summary_of(family, set).ref.where, 0);
    assert_int_equal(promc_updown_of(family, set).ref.where, 0);
    promc_counter_inc(promc_counter_of(family, two)); /* safe */
    assert_int_equal(promc_family_series_count(family), 0);
    assert_true(exposes(*state, "promc_refused_updates_total{family=\"a_total\",reason=\"label_count\"} 2"));
    assert_true(exposes(*state, "promc_refused_updates_total{family=\"a_total\",reason=\"type\"} 4"));
    promc_label_set_free(set);
    promc_label_set_free(two);
}

static struct {
    promc_family *family;
    promc_label_set *set;
    volatile sig_atomic_t times;
} handled;

static void on_signal(int signal)
{
    (void)signal;
    promc_counter_inc(promc_counter_of(handled.family, handled.set));
    handled.times = handled.times + 1;
}

static void in_a_signal_handler(void **state)
{
    struct sigaction action = {.sa_handler = on_signal}, before;
    handled.family = new_counter(*state, "a", "x");
    handled.set = new_set(*state, "v");
    handled.times = 0;
    promc_counter mine = promc_counter_of(handled.family, handled.set); /* a handler must not create it */
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    for (int i = 0; i < 1000; i++) {
        promc_counter_inc(promc_counter_of(handled.family, handled.set));
        raise(SIGUSR1);
    }
    sigaction(SIGUSR1, &before, NULL);
    assert_int_equal(handled.times, 1000);
    assert_same(promc_counter_value(mine), 2000);
    promc_label_set_free(handled.set);
}

enum { THREADS = 4, FAMILIES = 6, TIMES = 20000 };

struct shared {
    promc_family *families[FAMILIES];
    promc_label_set *set;
};

static void *count_in_all(void *argument)
{
    const struct shared *shared = argument;
    for (int i = 0; i < TIMES; i++)
        promc_counter_inc(promc_counter_of(shared->families[i % FAMILIES], shared->set));
    return NULL;
}

/* One set, more families than it remembers, several threads: every update is in the right series. */
static void threads_share_a_set(void **state)
{
    struct shared shared = {.set = new_set(*state, "v")};
    pthread_t threads[THREADS];
    double total = 0;
    for (int i = 0; i < FAMILIES; i++) {
        char name[8];
        snprintf(name, sizeof(name), "f%d", i);
        shared.families[i] = new_counter(*state, name, "x");
    }
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, count_in_all, &shared), 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < FAMILIES; i++) {
        assert_int_equal(promc_family_series_count(shared.families[i]), 1);
        total += promc_counter_value(promc_counter_of(shared.families[i], shared.set));
    }
    assert_same(total, THREADS * TIMES);
    promc_label_set_free(shared.set);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(each_type_is_found),  TEST(colliding_hashes_are_two_series),
        TEST(hostile_values),      TEST(finding_takes_no_lock),
        TEST(values_are_copied),   TEST(any_number_of_labels),
        TEST(after_removal),       TEST(a_destroyed_family_is_not_found),
        TEST(past_a_cap),          TEST(of_another_registry),
        TEST(misuse_is_refused),   TEST(in_a_signal_handler),
        TEST(threads_share_a_set),
    };
    return cmocka_run_group_tests_name("label_set", tests, NULL, NULL);
}
