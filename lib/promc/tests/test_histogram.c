/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets, and consistent scrapes while more threads observe than there are cores. */
#include "read/snapshot.h"
#include "shard/shard.h"
#include "types/histogram_read.h"
#include "util.h"

#include <math.h>
#include <pthread.h>

#define WRITERS 6
#define READING_NS UINT64_C(400000000)

static promc_histogram make(promc_registry *registry, const double *bounds, size_t count)
{
    promc_family *family;
    promc_histogram h;
    assert_ok(promc_histogram_register(
        registry, &(promc_histogram_settings){.family = {.name = "h"}, .buckets = bounds, .bucket_count = count},
        &family));
    assert_ok(promc_histogram_get(family, NULL, &h));
    return h;
}

static void bounds_are_inclusive(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, (const double[]){-1, 0, 1, 10}, 4);
    const double values[] = {-INFINITY, -1, -0.5, 0, -0.0, 1e-300, 1, 1.0000001, 10, 11, INFINITY};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        promc_histogram_observe(h, values[i]);
    assert_true(exposes(registry, "h_bucket{le=\"-1\"} 2"));
    assert_true(exposes(registry, "h_bucket{le=\"0\"} 5"));
    assert_true(exposes(registry, "h_bucket{le=\"1\"} 7"));
    assert_true(exposes(registry, "h_bucket{le=\"10\"} 9"));
    assert_true(exposes(registry, "h_bucket{le=\"+Inf\"} 11"));
    assert_true(exposes(registry, "h_count 11"));
    promc_registry_destroy(registry);
}

static void nan_is_refused_and_counted(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, NULL, 0);
    double sum;
    promc_histogram_observe(h, NAN);
    promc_histogram_observe(h, 0.5);
    assert_int_equal(promc_histogram_count(h, &sum), 1);
    assert_same(sum, 0.5);
    assert_true(exposes(registry, "promc_invalid_observations_total 1"));
    promc_registry_destroy(registry);
}

/* The linear and the binary search agree with the definition, at and beside every bound. */
static void every_size_finds_its_bucket(void **state)
{
    (void)state;
    for (size_t count = 1; count <= PROMC_MAX_BUCKETS; count = count < 50 ? count + 1 : count * 2) {
        promc_registry *registry = new_registry(NULL);
        double bounds[PROMC_MAX_BUCKETS], expected_sum = 0, sum;
        uint64_t expected[PROMC_MAX_BUCKETS + 1] = {0}, got[PROMC_MAX_BUCKETS + 1];
        assert_ok(promc_buckets_linear(bounds, count, -3, 0.75));
        promc_histogram h = make(registry, bounds, count);
        for (int eighth = -40; eighth < (int)(6 * count) - 8; eighth++) {
            double v = eighth * 0.125;
            size_t i = 0;
            while (i < count && v > bounds[i])
                i++;
            expected[i]++;
            expected_sum += v;
            promc_histogram_observe(h, v);
        }
        const struct promc_child *child = promc_series_child(h.ref);
        assert_true(promc_read_histogram(registry, child, got, &sum));
        assert_memory_equal(got, expected, (count + 1) * sizeof(*got));
        assert_same(sum, expected_sum);
        promc_registry_destroy(registry);
    }
}

struct hot {
    promc_histogram histogram;
    bool stop;
    uint64_t observed[WRITERS];
    uint32_t next;
};

static void *observe_ones(void *argument)
{
    struct hot *hot = argument;
    uint32_t me = __atomic_fetch_add(&hot->next, 1, __ATOMIC_RELAXED);
    uint64_t n = 0;
    while (!__atomic_load_n(&hot->stop, __ATOMIC_RELAXED)) {
        promc_histogram_observe(hot->histogram, 1.0);
        n++;
    }
    hot->observed[me] = n;
    return NULL;
}

/* Every observation is 1, so the sum must always equal the count: buckets and sum are of the same observations. */
static void sum_and_count_of_one_instant(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    struct hot hot = {.histogram = make(registry, NULL, 0)};
    const struct promc_child *child = promc_series_child(hot.histogram.ref);
    pthread_t threads[WRITERS];
    uint64_t buckets[12], last = 0, total = 0;
    double sum;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_ones, &hot), 0);
    uint64_t end = promc_now_ns() + READING_NS;
    while (promc_now_ns() < end || last == 0) {
        uint64_t count = 0;
        assert_true(promc_read_histogram(registry, child, buckets, &sum));
        for (int b = 0; b < 12; b++)
            count += buckets[b];
        assert_same(sum, (double)count);
        assert_int_equal(buckets[7], count); /* le="1" */
        assert_true(count >= last);
        last = count;
    }
    __atomic_store_n(&hot.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        total += hot.observed[i];
    assert_true(last > 0);
    assert_int_equal(promc_histogram_count(hot.histogram, &sum), total);
    assert_same(sum, (double)total);
    promc_registry_destroy(registry);
}

/* If a writer never pauses, a reader depends on this: the writer's next observation copies the requested cells. */
static void a_running_writer_answers(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, NULL, 0);
    promc_family *family;
    promc_histogram other;
    assert_ok(promc_histogram_register(registry, &(promc_histogram_settings){.family = {.name = "other"}}, &family));
    assert_ok(promc_histogram_get(family, NULL, &other));
    promc_histogram_observe(h, 1);
    promc_histogram_observe(h, 20);
    uint64_t *base = promc_tls.base[promc_ref_slot(h.ref)];
    uint32_t cell = promc_child_cell(promc_series_child(h.ref));
    struct promc_shard *shard = promc_shard_of(base);
    shard->request_cells = 15;
    shard->request = UINT64_C(77) << 32 | cell;
    promc_histogram_observe(other, 1); /* an observation in any histogram of the thread answers the request */
    assert_true(shard->acknowledged == shard->request);
    assert_memory_equal(shard->scratch, base + cell, 15 * sizeof(*base));
    assert_int_equal(shard->scratch[0], 2);
    promc_registry_destroy(registry);
}

struct reader {
    promc_registry *registry;
    const struct promc_child *child;
    int bad;
};

static void *read_many(void *argument)
{
    struct reader *reader = argument;
    uint64_t end = promc_now_ns() + READING_NS;
    while (promc_now_ns() < end) {
        uint64_t buckets[12], count = 0;
        double sum;
        bool good = promc_read_histogram(reader->registry, reader->child, buckets, &sum);
        for (int b = 0; b < 12; b++)
            count += buckets[b];
        reader->bad += !good || sum != (double)count;
    }
    return NULL;
}

/* Several scrapes of one registry take turns to send requests to the writers. */
static void several_readers(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    struct hot hot = {.histogram = make(registry, NULL, 0)};
    struct reader readers[3];
    pthread_t writers[2], threads[3];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&writers[i], NULL, observe_ones, &hot), 0);
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct reader){registry, promc_series_child(hot.histogram.ref), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
    }
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].bad, 0);
    }
    __atomic_store_n(&hot.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < 2; i++)
        pthread_join(writers[i], NULL);
    promc_registry_destroy(registry);
}

/* Threads without a shard of their own: count and sum are exact after they have stopped. */
static void shared_shard_is_exact_at_rest(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = 1});
    struct hot hot = {.histogram = make(registry, NULL, 0)};
    pthread_t threads[WRITERS];
    uint64_t total = 0;
    double sum;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_ones, &hot), 0);
    while (promc_histogram_count(hot.histogram, NULL) < 100000) {
    }
    __atomic_store_n(&hot.stop, true, __ATOMIC_RELAXED);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        total += hot.observed[i]; /* not in the order of the threads */
    assert_int_equal(promc_histogram_count(hot.histogram, &sum), total);
    assert_same(sum, (double)total);
    promc_registry_destroy(registry);
}

static void since(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, NULL, 0);
    double sum;
    promc_histogram_observe_since(h, promc_now_ns() + UINT64_C(3600000000000));
    assert_int_equal(promc_histogram_count(h, &sum), 1);
    assert_same(sum, 0);
    promc_histogram_observe_since(h, promc_now_ns() - UINT64_C(2000000000));
    assert_int_equal(promc_histogram_count(h, &sum), 2);
    assert_true(sum >= 2 && sum < 60);
    promc_registry_destroy(registry);
}

/* The same as `count` single observations: in every bucket, with odd and even counts, in a native histogram, and on a thread without a shard. */
static void observe_n_is_n_observations(void **state)
{
    (void)state;
    static const enum promc_histogram_kind kinds[] = {PROMC_HISTOGRAM_CLASSIC, PROMC_HISTOGRAM_NATIVE,
                                                      PROMC_HISTOGRAM_CLASSIC_AND_NATIVE};
    static const uint64_t counts[] = {0, 1, 2, 3, 4, 1000, 1001};
    for (size_t k = 0; k < sizeof(kinds) / sizeof(*kinds); k++) {
        promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
        promc_family *family;
        promc_histogram one, many;
        assert_ok(promc_histogram_register(registry,
                                           &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}},
                                                                       .kind = kinds[k],
                                                                       .buckets = (const double[]){1, 2},
                                                                       .bucket_count = 2},
                                           &family));
        assert_ok(promc_histogram_get(family, (const char *[]){"v"}, &one));
        assert_ok(promc_histogram_get(family, (const char *[]){"w"}, &many));
        for (size_t i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
            for (int whole = 0; whole < 4; whole++) {
                double v = whole + 0.5;
                for (uint64_t n = 0; n < counts[i]; n++)
                    promc_histogram_observe(one, v);
                promc_histogram_observe_n(many, v, counts[i]);
                double sum_one, sum_many;
                assert_int_equal(promc_histogram_count(one, &sum_one), promc_histogram_count(many, &sum_many));
                assert_same(sum_one, sum_many);
            }
        }
        for (int format = 0; format < 3; format++) {
            char *text, *mine = NULL;
            size_t length;
            assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.format = (enum promc_format)format},
                                          &text, &length));
            if (format == PROMC_FORMAT_TEXT) { /* all lines are equal except for the label */
                mine = strdup(text);
                size_t lines[2] = {0};
                for (char *line = strtok(mine, "\n"); line; line = strtok(NULL, "\n")) {
                    char *at = strstr(line, "x=\"");
                    if (at && lines[at[3] == 'w']++ < 100 && at[3] == 'v') {
                        at[3] = 'w';
                        if (!strstr(text, line))
                            fail_msg("%s has no counterpart in\n%s", line, text);
                    }
                }
                assert_int_equal(lines[0], lines[1]);
                assert_true(lines[0] >= 3);
            }
            free(mine);
            free(text);
        }
        promc_registry_destroy(registry);
    }
}

static void *observe_batches(void *argument)
{
    for (int i = 0; i < 20000; i++)
        promc_histogram_observe_n(*(promc_histogram *)argument, 2, (uint64_t)i % 5);
    return NULL;
}

/* A concurrent scrape sees count and sum of one instant: the sum is twice the count. */
static void observe_n_of_one_instant(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, (const double[]){1, 3}, 2);
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_batches, &h), 0);
    for (int i = 0; i < 3000; i++) {
        double sum;
        uint64_t count = promc_histogram_count(h, &sum);
        assert_same(sum, 2 * (double)count);
    }
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(promc_histogram_count(h, NULL), 2 * 40000);
    promc_registry_destroy(registry);
}

static void only_infinite_and_negative_bounds(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_family *family;
    promc_histogram h;
    char *text;
    size_t length;
    assert_ok(promc_histogram_register(registry,
                                       &(promc_histogram_settings){.family = {.name = "inf"},
                                                                   .buckets = (const double[]){(double)INFINITY},
                                                                   .bucket_count = 1},
                                       &family));
    assert_ok(promc_histogram_get(family, NULL, &h));
    promc_histogram_observe(h, 3);
    promc_histogram_observe(h, -1);
    assert_ok(promc_histogram_register(
        registry,
        &(promc_histogram_settings){.family = {.name = "neg"}, .buckets = (const double[]){-1, 1}, .bucket_count = 2},
        &family));
    assert_ok(promc_scrape_string(registry, NULL, &text, &length));
    assert_string_equal(text, "# TYPE inf histogram\ninf_bucket{le=\"+Inf\"} 2\ninf_sum 2\ninf_count 2\n"
                              "# TYPE neg histogram\nneg_bucket{le=\"-1\"} 0\nneg_bucket{le=\"1\"} 0\n"
                              "neg_bucket{le=\"+Inf\"} 0\nneg_sum 0\nneg_count 0\n");
    free(text);
    assert_ok(
        promc_scrape_string(registry, &(promc_scrape_settings){.format = PROMC_FORMAT_OPENMETRICS}, &text, &length));
    assert_string_equal(text, "# TYPE inf histogram\ninf_bucket{le=\"+Inf\"} 2\ninf_sum 2\ninf_count 2\n"
                              "# TYPE neg histogram\nneg_bucket{le=\"-1.0\"} 0\nneg_bucket{le=\"1.0\"} 0\n"
                              "neg_bucket{le=\"+Inf\"} 0\n# EOF\n");
    free(text);
    assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &text, &length));
    assert_true(length > 10);
    free(text);
    promc_registry_destroy(registry);
}

/* Counts of another system, copied by a collector: exposed unchanged, and reset when that system restarts. */
static void ready_buckets(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_histogram h = make(registry, (const double[]){1, 2}, 2);
    double sum;
    assert_ok(promc_histogram_set(h, (const uint64_t[]){3, 0, 4}, 3, 21.5));
    assert_int_equal(promc_histogram_count(h, &sum), 7);
    assert_same(sum, 21.5);
    assert_true(exposes(registry, "h_bucket{le=\"1\"} 3"));
    assert_true(exposes(registry, "h_bucket{le=\"2\"} 3"));
    assert_true(exposes(registry, "h_bucket{le=\"+Inf\"} 7"));
    assert_ok(promc_histogram_set(h, (const uint64_t[]){1, 0, 0}, 3, 0.5));
    assert_true(exposes(registry, "h_count 1"));
    assert_int_equal(promc_histogram_set(h, (const uint64_t[]){1, 0}, 2, 0), PROMC_E_INVALID);
    assert_int_equal(promc_histogram_set(h, NULL, 3, 0), PROMC_E_INVALID);
    assert_int_equal(promc_histogram_set((promc_histogram){0}, (const uint64_t[]){1, 0, 0}, 3, 0), PROMC_E_NOT_FOUND);
    assert_int_equal(promc_histogram_set_native(h, 3, 0, NULL, 0, 0), PROMC_E_INVALID);
    promc_registry_destroy(registry);
}

/* The result is the same as with real observations: each copied bucket gets the same index. */
static void ready_native_buckets(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(&(promc_registry_settings){.no_self_metrics = true});
    promc_family *family;
    promc_histogram observed, ready;
    assert_ok(promc_histogram_register(registry,
                                       &(promc_histogram_settings){.family = {.name = "h", .labels = {"x"}},
                                                                   .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                                                   .buckets = (const double[]){0, 10},
                                                                   .bucket_count = 2},
                                       &family));
    assert_ok(promc_histogram_get(family, (const char *[]){"a"}, &observed));
    assert_ok(promc_histogram_get(family, (const char *[]){"b"}, &ready));
    /* schema 3, the family's: growth is 2^(1/8); index 8 holds 2^(7/8) < v <= 2 */
    promc_histogram_observe_n(observed, 0, 5);
    promc_histogram_observe_n(observed, 2, 3);
    promc_histogram_observe_n(observed, 1000, 4);
    promc_histogram_observe_n(observed, -2, 2);
    const promc_native_bucket buckets[] = {{8, 0, 3}, {80, 0, 4}, {8, 1, 2}};
    for (int round = 0; round < 2; round++) { /* a second call sets the same counts, and does not add */
        assert_ok(promc_histogram_set_native(ready, 3, 5, buckets, 3, 4002));
        double sums[2];
        assert_int_equal(promc_histogram_count(observed, &sums[0]), promc_histogram_count(ready, &sums[1]));
        assert_same(sums[0], sums[1]);
        assert_true(exposes(registry, "h_bucket{x=\"b\",le=\"0\"} 7"));
        assert_true(exposes(registry, "h_bucket{x=\"b\",le=\"10\"} 10"));
        assert_true(exposes(registry, "h_bucket{x=\"b\",le=\"+Inf\"} 14"));
    }
    /* In protobuf the two series are equal except for the label's value. */
    char *text;
    size_t length;
    assert_ok(promc_scrape_string(registry, &(promc_scrape_settings){.format = PROMC_FORMAT_PROTOBUF}, &text, &length));
    /* Compare from the label's value, whose length is padded, to the deltas of the positive buckets. The creation time follows. */
    static const char of_a[] = {0x12, (char)0x81, (char)0x80, 0, 'a'}, of_b[] = {0x12, (char)0x81, (char)0x80, 0, 'b'};
    const char *a = memmem(text, length, of_a, sizeof(of_a)), *b = memmem(text, length, of_b, sizeof(of_b));
    assert_non_null(a);
    assert_non_null(b);
    const char *end = memmem(b, (size_t)(text + length - b), "j\x02\x06\x02", 4);
    assert_non_null(end);
    assert_memory_equal(a + 5, b + 5, (size_t)(end + 4 - b - 5));
    free(text);
    assert_int_equal(promc_histogram_set_native(ready, 9, 0, buckets, 3, 0), PROMC_E_INVALID);
    assert_int_equal(promc_histogram_set(ready, (const uint64_t[]){1, 2, 3}, 3, 0), PROMC_E_INVALID);
    promc_registry_destroy(registry);
}

static void a_zero_handle_has_nothing(void **state)
{
    double sum = 5;
    (void)state;
    assert_int_equal(promc_histogram_count((promc_histogram){0}, &sum), 0);
    assert_same(sum, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_inclusive),
        cmocka_unit_test(nan_is_refused_and_counted),
        cmocka_unit_test(every_size_finds_its_bucket),
        cmocka_unit_test(sum_and_count_of_one_instant),
        cmocka_unit_test(a_running_writer_answers),
        cmocka_unit_test(several_readers),
        cmocka_unit_test(shared_shard_is_exact_at_rest),
        cmocka_unit_test(since),
        cmocka_unit_test(ready_buckets),
        cmocka_unit_test(ready_native_buckets),
        cmocka_unit_test(observe_n_is_n_observations),
        cmocka_unit_test(observe_n_of_one_instant),
        cmocka_unit_test(only_infinite_and_negative_bounds),
        cmocka_unit_test(a_zero_handle_has_nothing),
    };
    return cmocka_run_group_tests_name("histogram", tests, NULL, NULL);
}
