/* SPDX-License-Identifier: Apache-2.0 */
#include "types/histogram.h"
#include "series/expiry.h"
#include "series/lookup.h"
#include "series/refused.h"
#include "shard/slots.h"
#include "types/bounds.h"
#include "types/histogram_read.h"
#include "types/values.h"

#include <math.h>

const double promc_default_buckets[11] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

int promc_histogram_register(promc_registry *registry, const promc_histogram_settings *settings, promc_family **out)
{
    if (out)
        *out = NULL;
    if (!settings)
        return promc_fail(PROMC_E_INVALID, "no settings given");
    const double *bounds = settings->buckets ? settings->buckets : promc_default_buckets;
    size_t count = settings->buckets ? settings->bucket_count : 11;
    struct promc_family_plan plan = {
        .row = PROMC_ROW_HISTOGRAM, .settings = &settings->family, .bounds = bounds, .kind = settings->kind};
    if ((unsigned)settings->kind > PROMC_HISTOGRAM_CLASSIC_AND_NATIVE)
        return promc_fail(PROMC_E_INVALID, "metric \"%s\": histogram kind %d does not exist",
                          settings->family.name ? settings->family.name : "(null)", (int)settings->kind);
    int rc = PROMC_RESERVED_CHECK(promc_histogram_settings, settings);
    if (rc == 0)
        rc = promc_bounds_check(settings->family.name, bounds, &count);
    if (rc == 0)
        rc = promc_native_plan(settings->family.name, &settings->native, &plan.native);
    if (rc < 0)
        return rc;
    plan.bound_count = count;
    return promc_family_create(registry, &plan, out);
}

void promc_histogram_plan(struct promc_family_plan *plan)
{
    if (plan->kind == PROMC_HISTOGRAM_NATIVE) {
        plan->bounds = NULL;
        plan->bound_count = 0;
    }
    if (plan->kind == PROMC_HISTOGRAM_CLASSIC) {
        plan->cells = (uint32_t)plan->bound_count + 1 + PROMC_HIST_BUCKETS;
        return;
    }
    plan->row = PROMC_ROW_NATIVE;
    plan->native_at = PROMC_NATIVE_CLASSIC + (plan->bound_count > 0 ? (uint32_t)plan->bound_count + 1 : 0);
    plan->cells = plan->native_at + promc_native_slots(&plan->native);
}

bool promc_histogram_fill(struct promc_arena *arena, struct promc_family_data *data,
                          const struct promc_family_plan *plan)
{
    data->le = promc_arena_alloc(arena, (plan->bound_count + 1) * sizeof(struct promc_le));
    if (data->le == 0)
        return false;
    struct promc_le *le = promc_at(arena, data->le);
    for (size_t i = 0; i <= plan->bound_count; i++)
        promc_bounds_text(&le[i], i < plan->bound_count ? plan->bounds[i] : INFINITY);
    return true;
}

bool promc_native_same(const struct promc_arena *arena, const struct promc_family_data *data,
                       const struct promc_family_plan *plan)
{
    const struct promc_native_plan *a = &data->native, *b = &plan->native;
    (void)arena;
    return a->schema == b->schema && a->limit == b->limit &&
           promc_double_bits(a->zero_threshold) == promc_double_bits(b->zero_threshold);
}

void promc_histogram_view(const struct promc_arena *arena, const struct promc_family_data *data,
                          struct promc_family_view *view)
{
    view->bound_count = data->bound_count;
    view->bounds = data->bounds;
    view->le = promc_at(arena, data->le);
    view->native = data->native_at != 0;
    view->classic = data->bound_count > 0 || data->native_at == 0;
}

bool promc_histogram_digest(const promc_registry *registry, const struct promc_child *child, uint32_t *digest)
{
    const struct promc_family_data *data = promc_child_family(child);
    bool zero;
    /* A native histogram has many slots; `n`, the sums and the first two change with (almost) every observation. */
    *digest = promc_cells_digest(registry, child, data->native_at ? data->native_at + PROMC_NATIVE_FIRST : data->cells,
                                 &zero);
    return true;
}

int promc_histogram_get(promc_family *family, const char *const *values, promc_histogram *out)
{
    *out = (promc_histogram){0};
    int rc = promc_family_expect(family, PROMC_HISTOGRAM, "a histogram");
    return rc < 0 ? rc : promc_series_get(family, values, &out->ref);
}

int promc_histogram_get_n(promc_family *family, const promc_str *values, size_t count, promc_histogram *out)
{
    *out = (promc_histogram){0};
    int rc = promc_family_expect(family, PROMC_HISTOGRAM, "a histogram");
    return rc < 0 ? rc : promc_series_get_n(family, values, count, &out->ref);
}

promc_histogram promc_histogram_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_histogram out = {0};
    if (promc_family_expect(family, PROMC_HISTOGRAM, "a histogram") == 0)
        out.ref = promc_series_with(family, values, count);
    return out;
}

void promc_histogram_serve(struct promc_shard *shard, const uint64_t *base, uint64_t request)
{
    uint64_t cells = promc_load(&shard->request_cells);
    uint32_t first = (uint32_t)request;
    for (uint64_t i = 0; i < cells && i < PROMC_SCRATCH_CELLS; i++)
        promc_store(&shard->scratch[i], promc_load(&base[first + i]));
    promc_store_release(&shard->acknowledged, request);
}

/* promc_observe_own() in a native histogram. The classic bucket is counted before the commit, and `pending` tells which one it is. */
static inline void observe_native(uint64_t *cells, const struct promc_child *child, double v)
{
    struct promc_family_data *data = promc_child_family(child);
    uint32_t slot = promc_native_slot(data, promc_child_native(child), v);
    uint64_t n = promc_load(&cells[PROMC_HIST_N]);
    uint64_t *sum = &cells[PROMC_HIST_SUM0];
    double total = promc_cell_double(promc_load(&sum[n & 1])) + v;
    promc_store_release(&sum[(n + 1) & 1], promc_double_bits(total));
    if (data->bound_count > 0) {
        uint32_t bucket = v == v ? promc_bucket_of(data, v) : data->bound_count;
        uint64_t *classic = &cells[PROMC_NATIVE_CLASSIC + bucket];
        promc_store_release(&cells[PROMC_NATIVE_PENDING], bucket);
        promc_store_release(classic, promc_load(classic) + 1);
    }
    uint64_t *count = &cells[data->native_at + slot];
    promc_store_release(count, promc_load(count) + 1); /* the commit */
    promc_store_release(&cells[PROMC_HIST_N], n + 1);
}

static void observe_any(uint64_t *cells, const struct promc_child *child, double v)
{
    const struct promc_family_data *data = promc_child_family(child);
    if (data->native_at != 0)
        observe_native(cells, child, v);
    else
        promc_observe_own(cells, promc_bucket_of(data, v), v);
}

static void observe_shared(uint64_t *cells, const struct promc_child *child, double v, uint64_t times)
{
    struct promc_family_data *data = promc_child_family(child);
    uint32_t bucket = v == v ? promc_bucket_of(data, v) : data->bound_count;
    promc_double_add(&cells[PROMC_HIST_SUM0], v * (double)times);
    if (data->native_at == 0) {
        promc_fetch_add(&cells[PROMC_HIST_BUCKETS + bucket], times);
        return;
    }
    if (data->bound_count > 0)
        promc_fetch_add(&cells[PROMC_NATIVE_CLASSIC + bucket], times);
    promc_fetch_add(&cells[data->native_at + promc_native_slot(data, promc_child_native(child), v)], times);
}

static __attribute__((noinline)) void observe_slow(promc_histogram histogram, double v)
{
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(histogram.ref, &cell, &shared);
    if (!base)
        return;
    const struct promc_child *child = promc_series_block(histogram.ref);
    if (!shared && promc_load(&promc_shard_of(base)->busy) == 0) {
        struct promc_shard *shard = promc_shard_of(base);
        promc_store(&shard->busy, 1);
        promc_signal_fence();
        observe_any(base + cell, child, v);
        promc_signal_fence();
        promc_store(&shard->busy, 0);
        return;
    }
    /* The thread has no shard of its own, or this is a signal handler that has interrupted an observation. */
    base = promc_shard_shared(histogram.ref);
    observe_shared(base + cell, child, v, 1);
}

static __attribute__((noinline)) void refuse(promc_histogram histogram)
{
    promc_registry *registry = promc_registry_of(histogram.ref);
    if (registry)
        promc_counter_inc(registry->invalid_observations);
    promc_refused_series(histogram.ref, PROMC_REFUSED_OBSERVATION);
}

/* The specification of native histograms: NaN is counted, is in no bucket, and is added to the sum. */
static __attribute__((noinline)) void observe_nan(promc_histogram histogram, double v)
{
    const struct promc_child *child = promc_series_child(histogram.ref);
    if (child && promc_child_family(child)->native_at != 0)
        observe_slow(histogram, v);
    else
        refuse(histogram);
}

/* The rest of promc_histogram_observe(), for a native histogram or one with many buckets: separate, so that the usual case stays fast. */
static __attribute__((noinline)) void observe_unusual(uint64_t *base, const struct promc_child *child, uint32_t cell,
                                                      double v)
{
    struct promc_shard *shard = promc_shard_of(base);
    promc_store(&shard->busy, 1);
    promc_signal_fence();
    observe_any(base + cell, child, v);
    promc_serve_if_asked(shard, base);
    promc_signal_fence();
    promc_store(&shard->busy, 0);
}

void promc_histogram_observe(promc_histogram histogram, double v)
{
    uint64_t *base = promc_tls.base[promc_ref_slot(histogram.ref)];
    if (PROMC_UNLIKELY(v != v)) {
        observe_nan(histogram, v);
        return;
    }
    if (PROMC_UNLIKELY(!base)) {
        observe_slow(histogram, v);
        return;
    }
    struct promc_shard *shard = promc_shard_of(base);
    const struct promc_child *child = promc_series_block(histogram.ref);
    if (PROMC_UNLIKELY(promc_load(&child->live.word) != histogram.ref.word || promc_load(&shard->busy))) {
        observe_slow(histogram, v);
        return;
    }
    const struct promc_family_data *data = promc_child_family(child);
    uint32_t n = data->bound_usual, bucket;
    if (PROMC_LIKELY(n == PROMC_USUAL_BOUNDS)) {
        bucket = promc_bucket_linear(data, PROMC_USUAL_BOUNDS, v);
    } else if (n - 1 < PROMC_LINEAR_BOUNDS) {
        bucket = promc_bucket_linear(data, n, v);
    } else {
        observe_unusual(base, child, (uint32_t)histogram.ref.word, v);
        return;
    }
    promc_observe_busy(base, (uint32_t)histogram.ref.word, bucket, v);
}

/*
 * As promc_observe_own() and observe_native(), for an odd `count`: whether n is odd selects the current sum, so n must change from odd to even or
 * back. A reader that reads between the commit and n sees more than one unfinished observation, and tries again.
 */
static void observe_odd(uint64_t *cells, const struct promc_child *child, double v, uint64_t count)
{
    struct promc_family_data *data = promc_child_family(child);
    uint32_t bucket = v == v ? promc_bucket_of(data, v) : data->bound_count, first = PROMC_HIST_BUCKETS + bucket;
    uint64_t n = promc_load(&cells[PROMC_HIST_N]);
    uint64_t *sum = &cells[PROMC_HIST_SUM0];
    if (data->native_at != 0)
        first = data->native_at + promc_native_slot(data, promc_child_native(child), v);
    double total = promc_cell_double(promc_load(&sum[n & 1])) + v * (double)count;
    promc_store_release(&sum[(n + 1) & 1], promc_double_bits(total));
    if (data->native_at != 0 && data->bound_count > 0) {
        uint64_t *classic = &cells[PROMC_NATIVE_CLASSIC + bucket];
        promc_store_release(&cells[PROMC_NATIVE_PENDING], bucket);
        promc_store_release(classic, promc_load(classic) + count);
    }
    promc_store_release(&cells[first], promc_load(&cells[first]) + count); /* the commit */
    promc_store_release(&cells[PROMC_HIST_N], n + count);
}

void promc_histogram_observe_n(promc_histogram histogram, double v, uint64_t count)
{
    uint32_t cell;
    bool shared;
    const struct promc_child *child = promc_series_child(histogram.ref);
    if (count == 0)
        return;
    if (v != v && child && promc_child_family(child)->native_at == 0) {
        refuse(histogram);
        return;
    }
    uint64_t *base = promc_cell_own(histogram.ref, &cell, &shared);
    if (!base)
        return;
    child = promc_series_block(histogram.ref);
    struct promc_shard *shard = promc_shard_of(base);
    if (shared || promc_load(&shard->busy)) {
        base = promc_shard_shared(histogram.ref);
        observe_shared(base + cell, child, v, count);
        return;
    }
    promc_store(&shard->busy, 1);
    promc_signal_fence();
    if (count % 2 == 0)
        observe_any(base + cell, child, v);
    observe_odd(base + cell, child, v, count - (count % 2 == 0));
    promc_serve_if_asked(shard, base);
    promc_signal_fence();
    promc_store(&shard->busy, 0);
}

void promc_histogram_observe_since(promc_histogram histogram, uint64_t start_ns)
{
    uint64_t now = promc_now_ns();
    promc_histogram_observe(histogram, now > start_ns ? (double)(now - start_ns) * 1e-9 : 0.0);
}

uint64_t promc_histogram_count(promc_histogram histogram, double *sum)
{
    uint64_t counts[PROMC_MAX_BUCKETS + 1], total = 0;
    double ignored;
    if (!sum)
        sum = &ignored;
    *sum = 0;
    const struct promc_child *child = promc_series_child(histogram.ref);
    promc_registry *registry = promc_registry_of(histogram.ref);
    if (!child || !registry)
        return 0;
    (void)promc_read_histogram(registry, child, counts, sum);
    for (uint32_t i = 0; i <= promc_child_family(child)->bound_count; i++)
        total += counts[i];
    return total;
}
