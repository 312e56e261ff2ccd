/* SPDX-License-Identifier: Apache-2.0 */
/* Exemplars: which formats show them, which are refused, how often they change. */
#include "arena/registry.h"
#include "shard/process.h"
#include "types/exemplar.h"
#include "util.h"

#include <math.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static const promc_label trace[] = {{"trace_id", "4b\"f9"}};

static promc_histogram new_histogram(promc_registry *registry)
{
    promc_family *family;
    promc_histogram h;
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "h"}, .buckets = (double[]){1, 2}, .bucket_count = 2},
        &family));
    assert_ok(promc_histogram_get(family, NULL, &h));
    return h;
}

/* The number after this part of the text; NaN if the text does not contain it. */
static double number_after(const char *text, const char *part)
{
    const char *at = strstr(text, part);
    return at ? strtod(at + strlen(part), NULL) : NAN;
}

static void shown_in_openmetrics_not_in_text(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter c;
    assert_ok(promc_counter_get(new_counter(registry, "c", NULL), NULL, &c));
    promc_family *labelled = new_counter(registry, "l", "of");
    promc_counter_inc(promc_counter_with(labelled, "first"));
    promc_histogram h = new_histogram(registry);
    assert_int_equal(promc_counter_add_exemplar(c, 3, trace, 1), 0);
    assert_int_equal(promc_counter_add_exemplar(promc_counter_with(labelled, "second"), 7, trace, 1), 0);
    assert_int_equal(promc_histogram_observe_exemplar(h, 1.5, trace, 1), 0);
    assert_int_equal(promc_histogram_observe_exemplar(h, 99, NULL, 0), 0);
    char *text = scrape_openmetrics(registry);
    double seconds = number_after(text, "\nc_total 3 # {trace_id=\"4b\\\"f9\"} 3 ");
    assert_true(fabs(seconds - (double)time(NULL)) < 3600);
    assert_non_null(strstr(text, "\nl_total{of=\"first\"} 1\nl_total{of=\"second\"} 7 # {trace_id=\"4b\\\"f9\"} 7 "));
    assert_non_null(strstr(text, "\nh_bucket{le=\"1.0\"} 0\n"));
    assert_non_null(strstr(text, "\nh_bucket{le=\"2.0\"} 1 # {trace_id=\"4b\\\"f9\"} 1.5 "));
    assert_non_null(strstr(text, "\nh_bucket{le=\"+Inf\"} 2 # {} 99 "));
    assert_non_null(strstr(text, "\nh_count 2\n"));
    free(text);
    text = scrape_text(registry);
    assert_null(strstr(text, "trace_id"));
    free(text);
    promc_registry_destroy(registry);
}

static void at_most_one_a_second(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter c;
    struct promc_exemplar_view view;
    assert_ok(promc_counter_get(new_counter(registry, "c", NULL), NULL, &c));
    assert_int_equal(promc_counter_add_exemplar(c, 1, trace, 1), 0);
    const struct promc_child *child = promc_series_child(c.ref);
    struct promc_exemplar_place *place = promc_at(&registry->arena, child->exemplars);
    double counted = 1;
    int second;
    uint64_t start;
    do { /* again if this machine needed more than a second between the two calls */
        start = promc_wall_ms();
        place->ms = 0;
        assert_int_equal(promc_counter_add_exemplar(c, 1, trace, 1), 0);
        second = promc_counter_add_exemplar(c, 2, trace, 1);
        counted += 3;
    } while (second == 0 && promc_wall_ms() - start >= 1000);
    assert_int_equal(second, 1);
    assert_true(promc_read_exemplar(registry, child, 0, &view));
    assert_same(view.value, 1);
    place->ms -= 1001;
    assert_int_equal(promc_counter_add_exemplar(c, 2, trace, 1), 0);
    assert_true(promc_read_exemplar(registry, child, 0, &view));
    assert_same(view.value, 2);
    place->ms += 3600000; /* the clock was changed back an hour */
    assert_int_equal(promc_counter_add_exemplar(c, 4, trace, 1), 0);
    assert_same(promc_counter_value(c), counted + 6); /* the events are counted even so */
    promc_registry_destroy(registry);
}

#if defined(__x86_64__) && defined(__GLIBC__) /* where a program can replace clock_gettime() as below */
static promc_counter late;
static int looks; /* at the wall clock, until another thread comes in between; 0: none does */

/* Replaces the C library's. The other thread is a call from here, and its clock is two seconds later. */
/* NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name) its names are reserved ones */
int clock_gettime(clockid_t clock, struct timespec *now)
{
    static time_t later;
    int rc = (int)syscall(SYS_clock_gettime, clock, now);
    if (clock != CLOCK_REALTIME)
        return rc;
    now->tv_sec += later;
    if (looks > 0 && --looks == 0) {
        later = 2;
        assert_int_equal(promc_counter_add_exemplar(late, 2, trace, 1), 0);
        later = 0;
    }
    return rc;
}

/* A thread that stops between its look at the clock and its write does not replace a newer exemplar: Prometheus would refuse an older one. */
static void a_late_thread_replaces_no_newer_exemplar(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    struct promc_exemplar_view view;
    assert_ok(promc_counter_get(new_counter(registry, "c", NULL), NULL, &late));
    assert_int_equal(promc_counter_add_exemplar(late, 1, trace, 1), 0);
    const struct promc_child *child = promc_series_child(late.ref);
    ((struct promc_exemplar_place *)promc_at(&registry->arena, child->exemplars))->ms -= 1001;
    looks = 2; /* the first one is whether an exemplar is due */
    assert_int_equal(promc_counter_add_exemplar(late, 1, trace, 1), 1);
    assert_int_equal(looks, 0);
    assert_true(promc_read_exemplar(registry, child, 0, &view));
    assert_same(view.value, 2);
    promc_registry_destroy(registry);
}
#endif

static void refusals_count_the_event(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_counter c, full;
    char many[200];
    memset(many, 'x', sizeof(many));
    assert_ok(promc_counter_get(new_counter(registry, "full", NULL), NULL, &full));
    many[120] = '\0'; /* with "trace_id" exactly 128 */
    assert_int_equal(promc_counter_add_exemplar(full, 1, &(promc_label){"trace_id", many}, 1), 0);
    assert_ok(promc_counter_get(new_counter(registry, "c", NULL), NULL, &c)); /* none is kept, so each is checked */
    many[120] = 'x';
    many[121] = '\0';
    assert_fails(promc_counter_add_exemplar(c, 1, &(promc_label){"trace_id", many}, 1), PROMC_E_LABEL_VALUE, "128");
    assert_fails(promc_counter_add_exemplar(c, 1, &(promc_label){"a-b", "1"}, 1), PROMC_E_LABEL_NAME, "a-b");
    assert_fails(promc_counter_add_exemplar(c, 1, &(promc_label){"a", "\xff"}, 1), PROMC_E_LABEL_VALUE, "UTF-8");
    memset(many, '"', 100);
    many[100] = '\0';
    assert_fails(promc_counter_add_exemplar(c, 1, &(promc_label){"a", many}, 1), PROMC_E_LABEL_VALUE, "bytes");
    assert_int_equal(promc_counter_add_exemplar(c, -1, trace, 1), PROMC_E_INVALID);
    assert_same(promc_counter_value(c), 4);
    assert_same(promc_counter_value(full), 1);
    assert_int_equal(promc_counter_add_exemplar((promc_counter){{0}}, 1, trace, 1), 1);
    assert_int_equal(promc_histogram_observe_exemplar(new_histogram(registry), NAN, trace, 1), 1);
    promc_registry_destroy(registry);
}

/* A series' exemplars go with it, and their memory is reused. */
static void memory_of_exemplars_is_reused(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    registry->quarantine_ms = 0;
    promc_family *family = new_counter(registry, "c", "x");
    for (int i = 0; i < 200; i++) {
        char text[16];
        snprintf(text, sizeof(text), "%d", i);
        promc_counter c = promc_counter_with(family, text);
        struct promc_exemplar_view view;
        assert_false(promc_read_exemplar(registry, promc_series_child(c.ref), 0, &view));
        assert_int_equal(promc_counter_add_exemplar(c, 1, trace, 1), 0);
        assert_ok(promc_family_remove(family, (const char *[]){text}));
    }
    promc_registry_stats stats;
    promc_registry_get_stats(registry, &stats, sizeof(stats));
    assert_true(stats.arena_used_bytes < 40000);
    promc_registry_destroy(registry);
}

struct race {
    promc_registry *registry;
    promc_histogram histogram;
    bool stop;
};

static void *attach(void *argument)
{
    struct race *race = argument;
    char id[40];
    for (unsigned i = 0; !__atomic_load_n(&race->stop, __ATOMIC_RELAXED); i++) {
        char c = (char)('a' + i % 26);
        memset(id, c, sizeof(id) - 1);
        id[sizeof(id) - 1] = '\0';
        (void)promc_histogram_observe_exemplar(race->histogram, 1.5, &(promc_label){"id", id}, 1);
        const struct promc_child *child = promc_series_child(race->histogram.ref);
        promc_ref ref = __atomic_load_n(&child->exemplars, __ATOMIC_ACQUIRE);
        if (ref != 0) { /* no rate limit here */
            struct promc_exemplar_place *places = promc_at(&race->registry->arena, ref);
            __atomic_store_n(&places[1].ms, 1, __ATOMIC_RELAXED);
        }
    }
    return NULL;
}

/* A reader sees one exemplar and not parts of two. */
static void never_torn(void **state)
{
    (void)state;
    struct race race = {.registry = new_registry(NULL)};
    pthread_t threads[3];
    race.histogram = new_histogram(race.registry);
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, attach, &race), 0);
    uint64_t end = promc_now_ns() + UINT64_C(300000000), seen = 0;
    while (promc_now_ns() < end || seen == 0) {
        struct promc_exemplar_view view;
        if (!promc_read_exemplar(race.registry, promc_series_child(race.histogram.ref), 1, &view))
            continue;
        assert_int_equal(view.length, 44);
        for (int i = 5; i < 42; i++)
            assert_int_equal(view.text[i], view.text[4]);
        seen++;
    }
    __atomic_store_n(&race.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    promc_registry_destroy(race.registry);
}

/* A strict parser would refuse the whole scrape because of them. */
static void test_duplicate_labels_are_refused(void **state)
{
    (void)state;
    promc_registry *registry;
    promc_family *family;
    promc_counter counter;
    assert_int_equal(promc_registry_create(&registry, NULL), 0);
    assert_int_equal(promc_counter_register(registry, &(promc_family_settings){.name = "twice_total"}, &family), 0);
    assert_int_equal(promc_counter_get(family, NULL, &counter), 0);
    const promc_label labels[] = {{"a", "1"}, {"b", "2"}, {"a", "3"}};
    assert_int_equal(promc_counter_add_exemplar(counter, 1, labels, 3), PROMC_E_LABEL_NAME);
    assert_non_null(strstr(promc_error_detail(), "label \"a\" is repeated"));
    assert_true(promc_counter_value(counter) == 1); /* the event is counted even so */
    assert_int_equal(promc_counter_add_exemplar(counter, 1, labels, 2), 0);
    promc_registry_destroy(registry);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shown_in_openmetrics_not_in_text),
        cmocka_unit_test(at_most_one_a_second),
#if defined(__x86_64__) && defined(__GLIBC__)
        cmocka_unit_test(a_late_thread_replaces_no_newer_exemplar),
#endif
        cmocka_unit_test(refusals_count_the_event),
        cmocka_unit_test(memory_of_exemplars_is_reused),
        cmocka_unit_test(never_torn),
        cmocka_unit_test(test_duplicate_labels_are_refused),
    };
    return cmocka_run_group_tests_name("exemplar", tests, NULL, NULL);
}
