/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the library's own code with its threads in every order, up to some preemptions (interleave.h): lookup and removal, an observation and
 * its reader, the slots of a native histogram, a value and its time, a shard that passes from thread to thread. interleavings.sh breaks
 * each of these protocols and checks that this test fails.
 */
#include "types/gauge.h"
#include "types/histogram_read.h"
#include "types/native.h"
#include "types/values.h"
#include "util.h"

#include "interleave.h"

struct test {
    promc_registry *registry;
    promc_family *family;
    promc_series_ref found, other, again;
    promc_counter counter;
    promc_gauge gauge;
    promc_histogram histogram;
    uint64_t observed;
    unsigned started;
    const uint64_t *shards[2]; /* the shard of each counting thread */
    unsigned long results[8];  /* how often each outcome occurred */
};

/* cmocka's assertions work only on its own thread. */
static void broken(const char *what)
{
    fprintf(stderr, "%s; schedule: %s\n", what, interleave_schedule());
    abort();
}

static void make(struct test *t)
{
    t->registry = new_registry(
        &(promc_registry_settings){.arena_bytes = (size_t)4 << 20, .max_threads = 4, .no_self_metrics = true});
    t->registry->quarantine_ms = 0; /* the next series reuses a block at once */
}

/* ---- lookup and removal ---- */

static promc_series_ref series(struct test *t, const char *value)
{
    return promc_counter_with(t->family, value).ref;
}

static void one_is_there(void *test)
{
    struct test *t = test;
    make(t);
    t->family = new_counter(t->registry, "c", "x");
    t->found = t->other = (promc_series_ref){0};
    (void)series(t, "one");
}

static void look_up(void *test)
{
    struct test *t = test;
    t->found = series(t, "one");
}

static void replace(void *test)
{
    struct test *t = test;
    (void)promc_family_remove(t->family, (const char *[]){"one"});
    interleave_step();
    t->other = series(t, "two");
}

static void replace_and_put_back(void *test)
{
    struct test *t = test;
    replace(test);
    interleave_step();
    (void)promc_family_remove(t->family, (const char *[]){"two"});
    interleave_step();
    (void)series(t, "one");
}

/* The handle never belongs to the series that had the block in between, and adds nothing to that series. */
static void found_is_no_other(void *test)
{
    struct test *t = test;
    if (memcmp(&t->found, &t->other, sizeof(t->found)) == 0)
        broken("\"one\" was looked up, and the handle is that of \"two\"");
    t->results[promc_series_is_live(t->found) ? 1 : 0]++;
    promc_counter_inc((promc_counter){t->found});
    if (promc_counter_value((promc_counter){t->other}) != 0)
        broken("counted for another series");
    promc_registry_destroy(t->registry);
}

static void a_lookup_finds_its_series_or_none(void **state)
{
    (void)state;
    struct test t = {0};
    unsigned long n =
        interleave_all(&(struct interleaved){one_is_there, {look_up, replace}, found_is_no_other, 0, 2}, &t);
    n += interleave_all(&(struct interleaved){one_is_there, {look_up, replace_and_put_back}, found_is_no_other, 2, 3},
                        &t);
    print_message("%lu schedules: %lu found it, %lu are stale\n", n, t.results[1], t.results[0]);
    assert_true(t.results[0] > 0 && t.results[1] > 0);
}

/* ---- an observation and its reader ---- */

static void a_histogram(struct test *t, const promc_histogram_settings *settings)
{
    make(t);
    assert_ok(promc_histogram_register(t->registry, settings, &t->family));
    assert_ok(promc_histogram_get(t->family, NULL, &t->histogram));
}

static void a_classic_one(void *test)
{
    a_histogram(test, &(promc_histogram_settings){
                          .family = {.name = "h"}, .buckets = (const double[]){1.5, 3}, .bucket_count = 2});
}

static void a_native_one(void *test)
{
    a_histogram(test, &(promc_histogram_settings){.family = {.name = "h"},
                                                  .buckets = (const double[]){1.5, 3},
                                                  .bucket_count = 2,
                                                  .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE});
}

/* Observes 1, 2 and 4: each count has only one possible sum. */
static void observe(void *test)
{
    struct test *t = test;
    for (unsigned i = 0; i < 3; i++)
        promc_histogram_observe(t->histogram, (double)(1u << i));
}

static void read_it(void *test)
{
    struct test *t = test;
    double sum;
    uint64_t count = promc_histogram_count(t->histogram, &sum);
    if (count > 3 || sum != (double)((1u << count) - 1))
        broken("count and sum are not of one instant");
    t->observed = count;
}

static void all_are_there(void *test)
{
    struct test *t = test;
    double sum;
    t->results[t->observed]++;
    if (promc_histogram_count(t->histogram, &sum) != 3 || sum != 7)
        broken("an observation is lost");
    promc_registry_destroy(t->registry);
}

static void a_picture_is_of_one_instant(void **state)
{
    (void)state;
    struct test t = {0};
    unsigned long n = interleave_all(&(struct interleaved){a_classic_one, {observe, read_it}, all_are_there, 0, 2}, &t);
    print_message("%lu schedules: %lu, %lu, %lu, %lu saw 0 to 3\n", n, t.results[0], t.results[1], t.results[2],
                  t.results[3]);
    for (int i = 0; i < 4; i++)
        assert_true(t.results[i] > 0);
}

/* ---- the slots of a native histogram ---- */

static void read_native(void *test)
{
    struct test *t = test;
    uint64_t classic[3] = {0};
    static __thread struct promc_native_view view;
    double sum;
    const struct promc_child *child = promc_series_child(t->histogram.ref);
    if (!promc_read_native(t->registry, child, classic, &sum, &view))
        broken("no picture");
    uint64_t count = view.zeros;
    for (unsigned i = 0; i < view.count; i++)
        count += view.buckets[i].count;
    if (count > 3 || sum != (double)((1u << count) - 1))
        broken("native buckets and sum are not of one instant");
    for (unsigned i = 0; i < 3; i++) /* 1, 2 and 4 are in different buckets */
        if (classic[i] != (i < count))
            broken("classic and native buckets are not of one instant");
    t->observed = count;
}

static void native_slots_are_of_one_instant(void **state)
{
    (void)state;
    struct test t = {0};
    unsigned long n =
        interleave_all(&(struct interleaved){a_native_one, {observe, read_native}, all_are_there, 0, 2}, &t);
    print_message("%lu schedules: %lu, %lu, %lu, %lu saw 0 to 3\n", n, t.results[0], t.results[1], t.results[2],
                  t.results[3]);
    for (int i = 0; i < 4; i++)
        assert_true(t.results[i] > 0);
}

/* ---- a value and its time ---- */

static void a_gauge(void *test)
{
    struct test *t = test;
    make(t);
    assert_ok(promc_gauge_register(t->registry, &(promc_family_settings){.name = "g"}, &t->family));
    assert_ok(promc_gauge_get(t->family, NULL, &t->gauge));
    assert_ok(promc_gauge_set_at(t->gauge, 0, 0));
}

static void set_at(void *test)
{
    struct test *t = test;
    for (int i = 1; i < 4; i++)
        if (promc_gauge_set_at(t->gauge, i, i) < 0)
            broken("a time is refused");
}

static void read_at(void *test)
{
    struct test *t = test;
    static __thread struct promc_values values;
    if (!promc_kept_read(t->registry, promc_series_child(t->gauge.ref), &values))
        broken("no picture");
    if (values.number != (double)values.time_ms)
        broken("a value and its time do not belong together");
    t->observed = values.time_ms;
}

static void the_last_is_there(void *test)
{
    struct test *t = test;
    t->results[t->observed]++;
    if (promc_gauge_value(t->gauge) != 3)
        broken("an update is lost");
    promc_registry_destroy(t->registry);
}

static void a_value_has_its_own_time(void **state)
{
    (void)state;
    struct test t = {0};
    unsigned long n = interleave_all(&(struct interleaved){a_gauge, {set_at, read_at}, the_last_is_there, 0, 2}, &t);
    print_message("%lu schedules: %lu, %lu, %lu, %lu saw 0 to 3\n", n, t.results[0], t.results[1], t.results[2],
                  t.results[3]);
    for (int i = 0; i < 4; i++)
        assert_true(t.results[i] > 0);
}

/* ---- a shard from thread to thread ---- */

static void a_counter(void *test)
{
    struct test *t = test;
    make(t);
    t->started = 0;
    t->family = new_counter(t->registry, "c", NULL);
    assert_ok(promc_counter_get(t->family, NULL, &t->counter));
}

/* Attaches, counts, and releases its shard for the next thread. */
static void count(void *test)
{
    struct test *t = test;
    const unsigned me = t->started++;
    promc_counter_inc(t->counter);
    t->shards[me] = promc_tls.base[promc_ref_slot(t->counter.ref)];
    interleave_step();
    if (t->shards[0] && t->shards[0] == t->shards[1])
        broken("two threads write into one shard");
    t->shards[me] = NULL;
}

static void every_one_counted(void *test)
{
    struct test *t = test;
    const uint32_t used = t->registry->arena.header->shards_used;
    if (promc_counter_value(t->counter) != 2)
        broken("an increment is lost");
    if (used > 2)
        broken("more shards than threads");
    t->results[used]++;
    promc_registry_destroy(t->registry);
}

static void a_shard_keeps_its_values_from_thread_to_thread(void **state)
{
    (void)state;
    struct test t = {0};
    unsigned long n = interleave_all(&(struct interleaved){a_counter, {count, count}, every_one_counted, 0, 2}, &t);
    print_message("%lu schedules: %lu took one shard in turn, %lu two\n", n, t.results[1], t.results[2]);
    assert_true(t.results[1] > 0 && t.results[2] > 0);
}

static int a_first_registry(void **state)
{
    (void)state;
    promc_registry_destroy(new_registry(NULL)); /* the library's exit key comes before interleave.c's */
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lookup_finds_its_series_or_none),
        cmocka_unit_test(a_picture_is_of_one_instant),
        cmocka_unit_test(native_slots_are_of_one_instant),
        cmocka_unit_test(a_value_has_its_own_time),
        cmocka_unit_test(a_shard_keeps_its_values_from_thread_to_thread),
    };
    return cmocka_run_group_tests(tests, a_first_registry, NULL);
}
