/* SPDX-License-Identifier: Apache-2.0 */
/* Native histograms: the bucket of a value, the number of buckets, and consistent scrapes while threads observe and the resolution is lowered. */
#include "read/snapshot.h"
#include "series/recover.h"
#include "shard/shard.h"
#include "types/histogram.h"
#include "types/histogram_read.h"
#include "types/native.h"
#include "util.h"

#include <float.h>
#include <math.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* ---- the index, compared with exact arithmetic ---- */

#define LIMBS 448 /* 54 bits to the power of 256 */

struct big {
    uint32_t limb[LIMBS];
    unsigned used;
};

static void square(struct big *b)
{
    static uint32_t out[2 * LIMBS];
    memset(out, 0, sizeof(out));
    for (unsigned i = 0; i < b->used; i++) {
        uint64_t carry = 0;
        for (unsigned k = 0; k < b->used; k++) {
            carry += out[i + k] + (uint64_t)b->limb[i] * b->limb[k];
            out[i + k] = (uint32_t)carry;
            carry >>= 32;
        }
        out[i + b->used] = (uint32_t)carry;
    }
    b->used *= 2;
    while (out[b->used - 1] == 0)
        b->used--;
    memcpy(b->limb, out, b->used * 4);
}

/* floor(log2(n^256)), and whether n^256 is a power of two. */
static int32_t log2_of_power(uint64_t n, bool *exact)
{
    static struct big b;
    b = (struct big){.limb = {(uint32_t)n, (uint32_t)(n >> 32)}, .used = n >> 32 ? 2 : 1};
    for (int i = 0; i < 8; i++)
        square(&b);
    *exact = __builtin_popcount(b.limb[b.used - 1]) == 1;
    for (unsigned i = 0; i + 1 < b.used; i++)
        *exact = *exact && b.limb[i] == 0;
    return (int32_t)(b.used * 32) - 1 - __builtin_clz(b.limb[b.used - 1]);
}

/* The index at schema 8 by definition: the least k with v <= 2^(k/256), so with v^256 <= 2^k. */
static int32_t exact_index(double v)
{
    int exponent;
    bool exact;
    uint64_t n = (uint64_t)ldexp(frexp(v, &exponent), 53);
    int32_t k = log2_of_power(n, &exact);
    return k + !exact + 256 * (exponent - 53);
}

/* The greatest double of 1 … 2 that is in bucket k. */
static double bound_of(int32_t k)
{
    uint64_t low = promc_double_bits(1.0), high = promc_double_bits(2.0);
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        *(promc_native_index(promc_cell_double(middle)) <= k ? &low : &high) = middle;
    }
    return promc_cell_double(low);
}

/* Every bound is the double nearest to 2^(k/256), inclusive: its neighbour above is in the next bucket. */
static void bounds_are_the_nearest_doubles(void **state)
{
    (void)state;
    for (int32_t k = 1; k < 256; k++) {
        double bound = bound_of(k);
        uint64_t n = (uint64_t)ldexp(bound, 53); /* 54 bits: twice the mantissa */
        bool exact;
        assert_int_equal(promc_native_index(bound), k);
        assert_int_equal(promc_native_index(nextafter(bound, 2)), k + 1);
        assert_true(log2_of_power(n - 1, &exact) < k + 53 * 256);
        assert_true(log2_of_power(n + 1, &exact) >= k + 53 * 256);
    }
}

static void index_is_what_the_definition_says(void **state)
{
    (void)state;
    uint64_t seed = 8;
    for (int i = 0; i < 500; i++) {
        double v = promc_cell_double(next_random(&seed) & INT64_MAX);
        if (i % 4 == 0) /* subnormal */
            v = promc_cell_double(next_random(&seed) >> (13 + i % 50));
        if (!isfinite(v) || v == 0)
            continue;
        int32_t wanted = exact_index(v), got = promc_native_index(v);
        if (got != wanted)
            print_error("%a is in bucket %d, not %d\n", v, wanted, got);
        assert_int_equal(got, wanted);
        assert_int_equal(promc_native_index(-v), wanted);
    }
}

/* The algorithm of Prometheus' own libraries: search the fraction among the schema's bounds, and add the exponent. */
static int32_t searched_index(double v, int schema, const double *bounds8)
{
    int exponent;
    double fraction = frexp(v, &exponent) * 2; /* 1 … 2 */
    exponent--;
    if (schema <= 0) {
        int32_t up = fraction == 1 ? exponent : exponent + 1, width = 1 << -schema;
        return up >= 0 ? (up + width - 1) / width : -(-up / width);
    }
    int32_t count = 1 << schema, k = 0;
    while (k < count && bounds8[k * (256 >> schema)] < fraction)
        k++;
    return exponent * count + k;
}

static void every_schema_over_many_doubles(void **state)
{
    (void)state;
    double bounds[256];
    uint64_t seed = 1;
    for (int32_t k = 0; k < 256; k++)
        bounds[k] = k == 0 ? 1.0 : bound_of(k);
    for (int i = 0; i < 100000; i++) {
        uint64_t r = next_random(&seed);
        double v = promc_cell_double(r & INT64_MAX);
        if (i % 3 == 0) /* at and beside a bound, at any power of two */
            v = ldexp(bounds[r % 256], (int)(r >> 8 & 2047) - 1050);
        if (i % 3 == 0 && r >> 62)
            v = nextafter(v, r >> 63 ? INFINITY : 0);
        if (!isfinite(v) || v < DBL_MIN)
            continue;
        int schema = (int)(r >> 20) % 13 - 4;
        if (schema < -4)
            schema += 13;
        int32_t got = promc_native_coarser(promc_native_index(v), PROMC_NATIVE_SCHEMA_MAX - schema);
        int32_t wanted = searched_index(v, schema, bounds);
        if (got != wanted)
            print_error("%a at schema %d: bucket %d, not %d\n", v, schema, got, wanted);
        assert_int_equal(got, wanted);
    }
}

/* The ends of the range, as in the specification: the greatest double is in its bucket, infinity in the next one. */
static void index_at_the_ends(void **state)
{
    (void)state;
    for (int schema = -4; schema <= 8; schema++) {
        int steps = 8 - schema;
        int32_t greatest = promc_native_coarser(promc_native_index(DBL_MAX), steps);
        assert_int_equal(greatest, schema >= 0 ? 1024 << schema : 1024 >> -schema);
        assert_int_equal(promc_native_coarser(promc_native_index(INFINITY), steps), greatest + 1);
        assert_int_equal(promc_native_coarser(promc_native_index(1.0), steps), 0);
        assert_int_equal(promc_native_coarser(promc_native_index(nextafter(1.0, 2)), steps), 1);
        double growth = promc_native_growth(schema);
        assert_same(growth, exp2(exp2(-schema)));
        assert_int_equal(promc_native_coarser(promc_native_index(growth), steps), 1);
    }
    assert_int_equal(promc_native_index(5e-324), -1074 * 256);
    assert_same(promc_native_growth(9), 0);
    assert_same(promc_native_growth(-5), 0);
}

/* ---- a histogram ---- */

static promc_family *make_family(promc_registry *registry, const promc_histogram_settings *given)
{
    promc_histogram_settings settings = *given;
    promc_family *family;
    settings.family.name = settings.family.name ? settings.family.name : "h";
    settings.kind = settings.kind ? settings.kind : PROMC_HISTOGRAM_NATIVE;
    assert_ok(promc_histogram_register(registry, &settings, &family));
    return family;
}

static promc_histogram make(promc_registry *registry, const promc_histogram_settings *settings)
{
    promc_histogram h;
    assert_ok(promc_histogram_get(make_family(registry, settings), NULL, &h));
    return h;
}

struct reading {
    uint64_t classic[PROMC_MAX_BUCKETS + 1];
    double sum;
    struct promc_native_view native;
};

static bool read_all(promc_registry *registry, promc_histogram h, struct reading *out)
{
    return promc_read_native(registry, promc_series_child(h.ref), out->classic, &out->sum, &out->native);
}

static uint64_t bucket(const struct reading *reading, bool negative, int32_t index)
{
    for (unsigned i = 0; i < reading->native.count; i++) {
        const struct promc_native_bucket *b = &reading->native.buckets[i];
        if (b->negative == negative && b->index == index)
            return b->count;
    }
    return 0;
}

static void special_values(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){.native = {.growth = 2}});
    struct reading r;
    const double values[] = {0,        -0.0,     5e-324, -0x1p-128, nextafter(0x1p-128, 1), -1, 1, -1.5,
                             INFINITY, INFINITY, 1e9,    NAN};
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        promc_histogram_observe(h, values[i]);
    promc_histogram_observe(h, -INFINITY);
    assert_true(read_all(registry, h, &r));
    assert_int_equal(r.native.schema, 0);
    assert_int_equal(r.native.total, 13);
    assert_int_equal(r.native.zeros, 4);
    assert_int_equal(bucket(&r, false, -127), 1);
    assert_int_equal(bucket(&r, true, 0), 1);
    assert_int_equal(bucket(&r, true, 1), 1);
    assert_int_equal(bucket(&r, true, 1025), 1);
    assert_int_equal(bucket(&r, false, 0), 1);
    assert_int_equal(bucket(&r, false, 30), 1);
    assert_int_equal(bucket(&r, false, 1025), 2);
    assert_int_equal(r.native.count, 7);
    assert_int_equal(r.native.negative, 3);
    assert_true(isnan(r.sum)); /* and in no bucket: 4 zeros + 8 + NaN */
    assert_int_equal(promc_histogram_count(h, NULL), 13);
    assert_true(exposes(registry, "promc_invalid_observations_total 0"));
    promc_registry_destroy(registry);
}

static void zero_threshold_is_exact(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    struct reading r;
    promc_histogram none = make(registry, &(promc_histogram_settings){.native = {.zero_threshold = -1}});
    promc_histogram wide =
        make(registry, &(promc_histogram_settings){.family = {.name = "wide"}, .native = {.zero_threshold = 0.25}});
    promc_histogram_observe(none, 0);
    promc_histogram_observe(none, 5e-324);
    assert_true(read_all(registry, none, &r));
    assert_same(r.native.zero_threshold, 0);
    assert_int_equal(r.native.zeros, 1);
    assert_int_equal(bucket(&r, false, -1074 * 8), 1);
    promc_histogram_observe(wide, -0.25);
    promc_histogram_observe(wide, nextafter(0.25, 1));
    assert_true(read_all(registry, wide, &r));
    assert_int_equal(r.native.zeros, 1);
    assert_int_equal(bucket(&r, false, -15), 1);
    promc_registry_destroy(registry);
}

/* ---- the limit ---- */

struct model {
    double values[20000];
    size_t count;
};

static void add_value(struct promc_native_view *out, double v, int schema)
{
    int32_t index = promc_native_coarser(promc_native_index(v), 8 - schema);
    unsigned b = 0;
    while (b < out->count && (out->buckets[b].index != index || (out->buckets[b].negative != 0) != (v < 0)))
        b++;
    if (b == out->count)
        out->buckets[out->count++] = (struct promc_native_bucket){index, v < 0, 0};
    out->buckets[b].count++;
}

static void expect_buckets(const struct reading *r, const struct promc_native_view *wanted)
{
    assert_int_equal(r->native.count, wanted->count);
    for (unsigned b = 0; b < wanted->count; b++)
        assert_int_equal(bucket(r, wanted->buckets[b].negative, wanted->buckets[b].index), wanted->buckets[b].count);
    for (unsigned b = 1; b < r->native.count; b++) {
        const struct promc_native_bucket *a = &r->native.buckets[b - 1], *c = &r->native.buckets[b];
        assert_true(a->negative > c->negative || (a->negative == c->negative && a->index < c->index));
    }
}

/* A reader gets exactly the buckets that the values give at the current schema. */
static void expect_model(const struct reading *r, const struct model *model, double threshold)
{
    struct promc_native_view wanted = {.schema = r->native.schema};
    for (size_t i = 0; i < model->count; i++)
        if (fabs(model->values[i]) <= threshold)
            wanted.zeros++;
        else
            add_value(&wanted, model->values[i], r->native.schema);
    assert_int_equal(r->native.zeros, wanted.zeros);
    assert_int_equal(r->native.total, model->count);
    expect_buckets(r, &wanted);
}

static double latency(uint64_t *seed) /* similar to a service's latencies: several decades, one peak */
{
    double u = (double)(next_random(seed) >> 11) * 0x1p-53, w = (double)(next_random(seed) >> 11) * 0x1p-53;
    return 0.02 * exp(1.5 * sqrt(-2 * log(u + 1e-300)) * cos(6.283185307179586 * w));
}

static double any_double(uint64_t *seed)
{
    double v = promc_cell_double(next_random(seed));
    return isfinite(v) ? v : 1;
}

static double ramp(uint64_t *seed)
{
    return pow(1.002, (double)(*seed)++);
}

static void limit_lowers_the_schema(void **state)
{
    (void)state;
    static struct model model;
    static const struct {
        double (*next)(uint64_t *seed);
        int schema;
        uint32_t limit;
    } cases[] = {{latency, 3, 160},     {latency, 8, 160},   {latency, 8, 8}, {latency, 5, 20},
                 {ramp, 3, 160},        {ramp, 8, 160},      {ramp, 8, 256},  {any_double, 8, 160},
                 {any_double, -4, 256}, {any_double, 0, 256}};
    for (size_t c = 0; c < sizeof(cases) / sizeof(*cases); c++) {
        promc_registry *registry = new_registry(NULL);
        promc_histogram h =
            make(registry, &(promc_histogram_settings){.native = {.growth = promc_native_growth(cases[c].schema),
                                                                  .max_buckets = cases[c].limit}});
        struct reading r;
        uint64_t seed = c;
        int schema = cases[c].schema;
        for (model.count = 0; model.count < 8000;) {
            double v = cases[c].next(&seed);
            promc_histogram_observe(h, v);
            model.values[model.count++] = v;
            if (model.count % 1000 > 1)
                continue;
            assert_true(read_all(registry, h, &r));
            assert_true(r.native.schema <= schema);
            schema = r.native.schema;
            expect_model(&r, &model, 0x1p-128);
            if (schema > -4)
                assert_true(r.native.count <= cases[c].limit);
        }
        promc_registry_destroy(registry);
    }
}

/* One step at a time: 16 values in adjacent buckets are two too many for a limit of 14 at schema 3, but not at schema 2. */
static void halves_no_more_than_necessary(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){.native = {.max_buckets = 14}});
    struct reading r;
    for (int i = 1; i <= 14; i++)
        promc_histogram_observe(h, pow(promc_native_growth(3), i - 0.5));
    assert_true(read_all(registry, h, &r));
    assert_int_equal(r.native.schema, 3);
    assert_int_equal(r.native.count, 14);
    promc_histogram_observe(h, pow(promc_native_growth(3), 14.5));
    promc_histogram_observe(h, pow(promc_native_growth(3), 15.5));
    assert_true(read_all(registry, h, &r));
    assert_int_equal(r.native.schema, 2);
    assert_int_equal(r.native.count, 8);
    for (int i = 1; i <= 8; i++)
        assert_int_equal(bucket(&r, false, i), 2);
    promc_registry_destroy(registry);
}

/* More halvings than the slots allow: every observation is still in a bucket, none is lost. */
static void no_observation_is_lost_without_free_slots(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h =
        make(registry, &(promc_histogram_settings){.native = {.growth = promc_native_growth(8), .max_buckets = 8}});
    struct reading r;
    uint64_t seed = 3, n = 0;
    for (; n < 1380000; n++) /* to 1e300 */
        promc_histogram_observe(h, pow(1.0005, (double)n));
    for (int i = 0; i < 2000; i++, n++)
        promc_histogram_observe(h, any_double(&seed));
    assert_true(read_all(registry, h, &r));
    assert_int_equal(r.native.schema, -4);
    uint64_t total = r.native.zeros;
    for (unsigned i = 0; i < r.native.count; i++)
        total += r.native.buckets[i].count;
    assert_int_equal(total, n);
    assert_int_equal(r.native.total, n);
    promc_registry_destroy(registry);
}

/* ---- threads ---- */

#define WRITERS 6
#define READING_NS UINT64_C(300000000)

struct hot {
    promc_histogram histogram;
    bool stop;
    int spread;
    uint64_t observed[WRITERS];
    uint32_t next;
};

/* Powers of two: from the count of bucket i at schema 0 follows its part of the sum. */
static void *observe_powers(void *argument)
{
    struct hot *hot = argument;
    uint32_t me = __atomic_fetch_add(&hot->next, 1, __ATOMIC_RELAXED);
    uint64_t n = 0;
    while (!__atomic_load_n(&hot->stop, __ATOMIC_RELAXED)) {
        promc_histogram_observe(hot->histogram, ldexp(1, (int)((n + me) % (uint64_t)hot->spread)));
        n++;
    }
    hot->observed[me] = n;
    return NULL;
}

static void expect_one_instant(const struct reading *r)
{
    double sum = 0;
    uint64_t total = 0, classic = 0;
    for (unsigned i = 0; i < r->native.count; i++) {
        sum += ldexp((double)r->native.buckets[i].count, r->native.buckets[i].index);
        total += r->native.buckets[i].count;
    }
    for (unsigned i = 0; i < 12; i++)
        classic += r->classic[i];
    assert_int_equal(total, r->native.total);
    assert_int_equal(classic, total);
    assert_same(r->sum, sum);
    /* the classic buckets are of the same observations: 5 and 10 lie between powers of two */
    assert_int_equal(r->classic[11],
                     total - bucket(r, false, 0) - bucket(r, false, 1) - bucket(r, false, 2) - bucket(r, false, 3));
}

static void everything_of_one_instant(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    struct hot hot = {.spread = 20,
                      .histogram =
                          make(registry, &(promc_histogram_settings){.kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                                                     .native = {.growth = 2}})};
    pthread_t threads[WRITERS];
    static struct reading r;
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, observe_powers, &hot), 0);
    uint64_t last = 0;
    int good = 0;
    uint64_t end = promc_now_ns() + READING_NS;
    while (promc_now_ns() < end || good == 0) {
        if (!read_all(registry, hot.histogram, &r)) /* it reports that it could not read values of one instant */
            continue;
        good++;
        expect_one_instant(&r);
        assert_true(r.native.total >= last);
        last = r.native.total;
    }
    __atomic_store_n(&hot.stop, true, __ATOMIC_RELAXED);
    uint64_t observed = 0;
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < WRITERS; i++)
        observed += hot.observed[i];
    assert_true(read_all(registry, hot.histogram, &r));
    expect_one_instant(&r);
    assert_int_equal(r.native.total, observed);
    promc_registry_destroy(registry);
}

/* Threads without shards of their own, while the resolution is lowered: nothing is lost or counted twice. */
static void *observe_anything(void *argument)
{
    struct hot *hot = argument;
    uint64_t seed = __atomic_fetch_add(&hot->next, 1, __ATOMIC_RELAXED);
    for (int i = 0; i < 8000; i++)
        promc_histogram_observe(hot->histogram, latency(&seed) * (i % 3 ? 1 : -1e6));
    return NULL;
}

/* The expected buckets of all threads' observations, at a schema. */
static void count_anything(int schema, struct promc_native_view *out)
{
    out->count = 0;
    for (uint64_t w = 0; w < WRITERS; w++) {
        uint64_t seed = w;
        for (int i = 0; i < 8000; i++) {
            double v = latency(&seed) * (i % 3 ? 1 : -1e6);
            add_value(out, v, schema);
        }
    }
}

static void coarsening_among_threads(void **state)
{
    (void)state;
    static struct reading r;
    static struct promc_native_view wanted;
    for (uint32_t shards = 1; shards <= WRITERS + 1; shards += WRITERS) {
        promc_registry *registry = new_registry(&(promc_registry_settings){.max_threads = shards});
        struct hot hot = {.histogram =
                              make(registry, &(promc_histogram_settings){
                                                 .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                                 .native = {.growth = promc_native_growth(8), .max_buckets = 40}})};
        pthread_t threads[WRITERS];
        for (int i = 0; i < WRITERS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, observe_anything, &hot), 0);
        uint64_t end = promc_now_ns() + READING_NS / 4;
        while (promc_now_ns() < end) {
            (void)read_all(registry, hot.histogram, &r);
            uint64_t classic = 0;
            for (unsigned i = 0; i < 12; i++)
                classic += r.classic[i];
            assert_int_equal(classic, r.native.total);
        }
        for (int i = 0; i < WRITERS; i++)
            pthread_join(threads[i], NULL);
        assert_true(read_all(registry, hot.histogram, &r));
        assert_int_equal(r.native.total, WRITERS * 8000);
        assert_true(r.native.schema < 8);
        assert_true(r.native.count <= 40 || r.native.schema == -4);
        count_anything(r.native.schema, &wanted);
        expect_buckets(&r, &wanted);
        promc_registry_destroy(registry);
    }
}

/* ---- processes ---- */

static void processes_share_one(void **state)
{
    (void)state;
    needs_shared_arenas();
    char path[64];
    snprintf(path, sizeof(path), "/dev/shm/promc-test-native-%d", (int)getpid());
    promc_registry *registry = new_registry(&(promc_registry_settings){.shared_path = path});
    promc_histogram h = make(registry, &(promc_histogram_settings){.kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE,
                                                                   .native = {.max_buckets = 16}});
    struct reading r;
    static struct model model;
    uint64_t seed = 5;
    model.count = 0;
    for (int child = 0; child < 3; child++) {
        double values[500];
        for (int i = 0; i < 500; i++)
            model.values[model.count++] = values[i] = latency(&seed);
        pid_t pid = fork();
        if (pid == 0) {
            for (int i = 0; i < 500; i++)
                promc_histogram_observe(h, values[i]);
            _exit(0); /* without releasing its shard: the next scrape finds and frees it */
        }
        int status;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
    assert_true(read_all(registry, h, &r));
    expect_model(&r, &model, 0x1p-128);
    promc_registry *reader;
    assert_ok(promc_registry_open_readonly(&reader, path));
    free(scrape(reader, PROMC_FORMAT_PROTOBUF));
    assert_true(exposes(reader, "h_count 1500"));
    promc_registry_destroy(reader);
    promc_registry_destroy(registry);
    unlink(path);
}

static void private_child_starts_from_zero(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){0});
    promc_histogram_observe(h, 1);
    pid_t pid = fork();
    if (pid == 0) {
        double sum;
        promc_histogram_observe(h, 2);
        _exit(promc_histogram_count(h, &sum) == 1 && sum == 2 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    assert_int_equal(promc_histogram_count(h, NULL), 1);
    promc_registry_destroy(registry);
}

/* A writer that died between the classic bucket and the commit: the observation is in neither. */
static void an_unfinished_observation_is_undone(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){.kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE});
    struct reading r;
    promc_histogram_observe(h, 1);
    promc_histogram_observe(h, 3);
    uint64_t *cells = promc_tls.base[promc_ref_slot(h.ref)] + (uint32_t)h.ref.word;
    cells[PROMC_HIST_SUM0 + 1] = promc_double_bits(104); /* the third: 100, in the last classic bucket */
    cells[PROMC_NATIVE_PENDING] = 11;
    cells[PROMC_NATIVE_CLASSIC + 11]++;
    for (int repaired = 0; repaired < 2; repaired++) {
        assert_true(read_all(registry, h, &r));
        assert_int_equal(r.native.total, 2);
        assert_same(r.sum, 4);
        assert_int_equal(r.classic[11], 0);
        promc_series_settle(registry, 0, false, true);
    }
    assert_int_equal(cells[PROMC_NATIVE_CLASSIC + 11], 0);
    /* and one that died right after the commit */
    cells[PROMC_HIST_SUM0 + 1] = promc_double_bits(5);
    cells[PROMC_NATIVE_CLASSIC + 7]++;
    cells[PROMC_NATIVE_PENDING] = 7;
    cells[promc_child_family(promc_series_child(h.ref))->native_at + PROMC_NATIVE_FIRST]++;
    for (int repaired = 0; repaired < 2; repaired++) {
        assert_true(read_all(registry, h, &r));
        assert_int_equal(r.native.total, 3);
        assert_same(r.sum, 5);
        promc_series_settle(registry, 0, false, true);
    }
    assert_int_equal(cells[PROMC_HIST_N], 3);
    promc_registry_destroy(registry);
}

/* The same for promc_histogram_observe_n(): none of its observations is in either. */
static void unfinished_observations_are_undone(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){.kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE});
    struct reading r;
    promc_histogram_observe(h, 1);
    promc_histogram_observe(h, 100);
    uint64_t *cells = promc_tls.base[promc_ref_slot(h.ref)] + (uint32_t)h.ref.word;
    cells[PROMC_HIST_SUM0 + 1] = promc_double_bits(101 + 5 * 1); /* five times 1, which is in classic bucket 7 */
    cells[PROMC_NATIVE_PENDING] = 7;
    cells[PROMC_NATIVE_CLASSIC + 7] += 5;
    for (int repaired = 0; repaired < 2; repaired++) {
        assert_true(read_all(registry, h, &r));
        assert_int_equal(r.native.total, 2);
        assert_same(r.sum, 101);
        assert_int_equal(r.classic[7], 1);
        assert_int_equal(r.classic[11], 1);
        promc_series_settle(registry, 0, false, true);
    }
    assert_int_equal(cells[PROMC_NATIVE_CLASSIC + 7], 1);
    /* and right after the commit */
    cells[PROMC_NATIVE_CLASSIC + 7] += 5;
    cells[promc_child_family(promc_series_child(h.ref))->native_at + PROMC_NATIVE_FIRST] += 5;
    promc_series_settle(registry, 0, false, true);
    assert_true(read_all(registry, h, &r));
    assert_int_equal(r.native.total, 7);
    assert_same(r.sum, 106);
    assert_int_equal(cells[PROMC_HIST_N], 7);
    promc_registry_destroy(registry);
}

/* ---- texts, settings ---- */

static void texts_have_a_valid_family(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_histogram h = make(registry, &(promc_histogram_settings){.family = {.name = "only"}});
    promc_histogram both = make(
        registry, &(promc_histogram_settings){.family = {.name = "both"}, .kind = PROMC_HISTOGRAM_CLASSIC_AND_NATIVE});
    promc_histogram_observe(h, 0.3);
    promc_histogram_observe(h, 20);
    promc_histogram_observe(both, 0.3);
    promc_histogram_observe(both, 20);
    assert_true(exposes(registry, "only_bucket{le=\"+Inf\"} 2\nonly_sum 20.3\nonly_count 2"));
    assert_true(exposes(registry, "# TYPE only histogram"));
    assert_true(exposes(registry, "both_bucket{le=\"0.5\"} 1"));
    assert_true(exposes(registry, "both_bucket{le=\"+Inf\"} 2\nboth_sum 20.3\nboth_count 2"));
    promc_histogram_observe(h, -100);
    char *text = scrape_openmetrics(registry);
    assert_non_null(strstr(text, "only_bucket{le=\"+Inf\"} 3\n"));
    assert_null(strstr(text, "only_sum")); /* a negative sum is not a counter, so OpenMetrics does not show it */
    assert_null(strstr(text, "only_count"));
    assert_non_null(strstr(text, "both_sum 20.3\n"));
    free(text);
    promc_registry_destroy(registry);
}

static void settings_are_checked(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    static const struct {
        promc_native_settings native;
        const char *detail;
    } bad[] = {
        {{.growth = 1}, "grow by a factor of 1"},
        {{.growth = -2}, "factor of -2"},
        {{.growth = (double)NAN}, "factor of"},
        {{.max_buckets = 7}, "7 native buckets, 8 to 256"},
        {{.max_buckets = 257}, "257 native buckets"},
        {{.zero_threshold = (double)INFINITY}, "zero threshold inf is invalid"},
        {{.zero_threshold = (double)NAN}, "zero threshold"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_fails(promc_histogram_register(registry,
                                              &(promc_histogram_settings){.family = {.name = "h"},
                                                                          .kind = PROMC_HISTOGRAM_NATIVE,
                                                                          .native = bad[i].native},
                                              NULL),
                     PROMC_E_INVALID, bad[i].detail);
    assert_fails(
        promc_histogram_register(
            registry, &(promc_histogram_settings){.family = {.name = "h"}, .kind = (enum promc_histogram_kind)3}, NULL),
        PROMC_E_INVALID, "kind 3");
    static const struct {
        double growth;
        int schema;
    } good[] = {{0, 3}, {1.1, 3}, {1e300, -4}, {65536, -4}, {65535, -3}, {4, -1}, {2, 0}, {1.9999, 1}, {1.0000001, 8}};
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        char name[16];
        snprintf(name, sizeof(name), "good_%zu", i);
        promc_family *family = make_family(
            registry, &(promc_histogram_settings){.family = {.name = name}, .native = {.growth = good[i].growth}});
        assert_int_equal(family->data->native.schema, good[i].schema);
    }
    promc_registry_destroy(registry);
}

/* New series reuse the blocks and cells of removed ones, and start empty and at the full resolution. */
static void series_come_and_go(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    registry->quarantine_ms = 0;
    promc_family *family =
        make_family(registry, &(promc_histogram_settings){.family = {.labels = {"key"}}, .native = {.max_buckets = 8}});
    promc_registry_stats stats;
    size_t used = 0;
    for (int round = 0; round < 300; round++) {
        char key[16];
        const char *values[] = {key};
        struct reading r;
        uint64_t seed = (uint64_t)round;
        snprintf(key, sizeof(key), "%03d", round); /* blocks of one size */
        promc_histogram h = promc_histogram_with(family, key);
        promc_histogram_observe(h, 1);
        assert_true(read_all(registry, h, &r));
        assert_int_equal(r.native.schema, 3);
        assert_int_equal(r.native.total, 1);
        for (int i = 0; i < 100; i++)
            promc_histogram_observe(h, latency(&seed));
        assert_int_equal(promc_histogram_count(h, NULL), 101);
        assert_ok(promc_family_remove(family, values));
        promc_registry_get_stats(registry, &stats, sizeof(stats));
        /* Two hash tables are used in turn. With about one seed in 440 the keys of the first 50 rounds fill too few slots to need the second table. */
        if (round == 150)
            used = stats.arena_used_bytes;
        assert_true(round < 150 || stats.arena_used_bytes == used);
    }
    assert_int_equal(promc_load(&family->data->native_bytes), 0);
    promc_registry_destroy(registry);
}

/* Every kind of observation, in a thread's shard or in the shared one, shows that the series is not idle. */
static void idle_series_expire(void **state)
{
    (void)state;
    promc_registry *registry = new_registry(NULL);
    promc_family *family =
        make_family(registry, &(promc_histogram_settings){.family = {.labels = {"key"}, .idle_expiry_seconds = 30000}});
    promc_histogram h = promc_histogram_with(family, "a");
    const struct promc_child *child = promc_series_child(h.ref);
    const double values[] = {1, 0, -5, NAN, 0, 1e300};
    uint32_t digest, now;
    assert_true(promc_histogram_digest(registry, child, &digest));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++) {
        promc_histogram_observe(h, values[i]);
        assert_true(promc_histogram_digest(registry, child, &now));
        assert_int_not_equal(now, digest);
        digest = now;
    }
    promc_histogram_observe(promc_histogram_with(family, "b"), 1);
    assert_int_equal(promc_family_series_count(family), 2);
    registry->arena.header->born_ns -= UINT64_C(40000) * 1000000000; /* as if so much time had passed */
    registry->arena.header->born_ms -= UINT64_C(40000) * 1000;
    free(scrape_text(registry)); /* sees them for the first time */
    promc_histogram_observe(h, 2);
    registry->arena.header->born_ns -= UINT64_C(40000) * 1000000000;
    free(scrape_text(registry));
    promc_histogram_observe(h, 2);
    free(scrape_text(registry));
    assert_int_equal(promc_family_series_count(family), 1);
    promc_registry_destroy(registry);
}

/* A halving may need half the limit again: two at schema 3, and one more for each finer schema. */
static void a_finer_schema_has_more_slots(void **state)
{
    (void)state;
    uint32_t before = promc_native_slots(&(struct promc_native_plan){.schema = 3, .limit = 20});
    assert_int_equal(promc_native_slots(&(struct promc_native_plan){.schema = -4, .limit = 20}), before);
    for (int schema = 4; schema <= PROMC_NATIVE_SCHEMA_MAX; schema++) {
        uint32_t slots = promc_native_slots(&(struct promc_native_plan){.schema = schema, .limit = 20});
        assert_int_equal(slots, before + 10);
        before = slots;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_are_the_nearest_doubles),
        cmocka_unit_test(index_is_what_the_definition_says),
        cmocka_unit_test(every_schema_over_many_doubles),
        cmocka_unit_test(index_at_the_ends),
        cmocka_unit_test(special_values),
        cmocka_unit_test(zero_threshold_is_exact),
        cmocka_unit_test(limit_lowers_the_schema),
        cmocka_unit_test(a_finer_schema_has_more_slots),
        cmocka_unit_test(halves_no_more_than_necessary),
        cmocka_unit_test(no_observation_is_lost_without_free_slots),
        cmocka_unit_test(everything_of_one_instant),
        cmocka_unit_test(coarsening_among_threads),
        cmocka_unit_test(processes_share_one),
        cmocka_unit_test(private_child_starts_from_zero),
        cmocka_unit_test(an_unfinished_observation_is_undone),
        cmocka_unit_test(unfinished_observations_are_undone),
        cmocka_unit_test(texts_have_a_valid_family),
        cmocka_unit_test(settings_are_checked),
        cmocka_unit_test(series_come_and_go),
        cmocka_unit_test(idle_series_expire),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
