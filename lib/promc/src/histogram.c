/* SPDX-License-Identifier: Apache-2.0 */
#include "bounds.h"
#include "histogram_internal.h"
#include "process.h"
#include "registry_internal.h"
#include "snapshot.h"

#include <math.h>
#include <sched.h>
#include <string.h>

const double promc_default_buckets[11] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};

int promc_histogram_register(promc_registry *registry, const promc_histogram_settings *settings, promc_family **out)
{
    if (out)
        *out = NULL;
    if (!settings)
        return promc_fail(PROMC_E_INVALID, "no settings given");
    const double *bounds = settings->buckets ? settings->buckets : promc_default_buckets;
    size_t count = settings->buckets ? settings->bucket_count : 11;
    int rc = promc_bounds_check(settings->family.name, bounds, &count);
    if (rc < 0)
        return rc;
    return promc_family_create(registry,
                               &(struct promc_family_plan){.type = PROMC_HISTOGRAM,
                                                           .settings = &settings->family,
                                                           .bounds = bounds,
                                                           .bound_count = count,
                                                           .cells = (uint32_t)count + 1 + PROMC_HIST_BUCKETS},
                               out);
}

static int check_type(const promc_family *family)
{
    if (family && family->type != PROMC_HISTOGRAM)
        return promc_fail(PROMC_E_TYPE, "metric \"%s\" is not a histogram", promc_family_name(family));
    return 0;
}

int promc_histogram_get(promc_family *family, const char *const *values, promc_histogram *out)
{
    *out = (promc_histogram){0};
    int rc = check_type(family);
    return rc < 0 ? rc : promc_series_get(family, values, &out->ref);
}

int promc_histogram_get_n(promc_family *family, const promc_str *values, size_t count, promc_histogram *out)
{
    *out = (promc_histogram){0};
    int rc = check_type(family);
    return rc < 0 ? rc : promc_series_get_n(family, values, count, &out->ref);
}

promc_histogram promc_histogram_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_histogram out = {0};
    if (check_type(family) == 0)
        (void)promc_series_with(family, values, count, &out.ref);
    return out;
}

/* A reader wants a histogram's cells and this thread never stands still for long enough: copy them for it. */
static __attribute__((noinline)) void serve(struct promc_shard *shard, const uint64_t *base, uint64_t request)
{
    uint64_t cells = promc_load(&shard->request_cells);
    uint32_t first = (uint32_t)request;
    for (uint64_t i = 0; i < cells && i < PROMC_SCRATCH_CELLS; i++)
        promc_store(&shard->scratch[i], promc_load(&base[first + i]));
    promc_store_release(&shard->acknowledged, request);
}

/* The three steps of one observation. The thread owns the shard, and `busy` keeps its signal handlers out. */
static inline void observe_own(uint64_t *cells, uint32_t bucket, double v)
{
    uint64_t n = promc_load(&cells[PROMC_HIST_N]);
    uint64_t *sum = &cells[PROMC_HIST_SUM0];
    double total = promc_cell_double(promc_load(&sum[n & 1])) + v;
    promc_store_release(&sum[(n + 1) & 1], promc_double_bits(total));
    uint64_t *count = &cells[PROMC_HIST_BUCKETS + bucket];
    promc_store_release(count, promc_load(count) + 1); /* the commit */
    promc_store_release(&cells[PROMC_HIST_N], n + 1);
}

static void observe_shared(uint64_t *cells, uint32_t bucket, double v)
{
    promc_double_add(&cells[PROMC_HIST_SUM0], v);
    promc_fetch_add(&cells[PROMC_HIST_BUCKETS + bucket], 1);
}

static __attribute__((noinline)) void observe_slow(promc_histogram histogram, double v)
{
    uint32_t cell;
    bool shared;
    uint64_t *base = promc_cell_own(histogram.ref, &cell, &shared);
    if (!base)
        return;
    const struct promc_child *child = promc_series_block(histogram.ref);
    uint32_t bucket = promc_bucket_of(promc_child_family(child), v);
    if (!shared && promc_load(&promc_shard_of(base)->busy) == 0) {
        struct promc_shard *shard = promc_shard_of(base);
        promc_store(&shard->busy, 1);
        promc_signal_fence();
        observe_own(base + cell, bucket, v);
        promc_signal_fence();
        promc_store(&shard->busy, 0);
        return;
    }
    /* Without a shard of its own; or a signal handler that has interrupted an observation. */
    base = promc_shard_shared(promc_ref_slot(histogram.ref));
    observe_shared(base + cell, bucket, v);
}

static __attribute__((noinline)) void refuse(promc_histogram histogram)
{
    promc_registry *registry = promc_registry_in_slot(promc_ref_slot(histogram.ref));
    if (registry)
        promc_counter_inc(registry->invalid_observations);
}

void promc_histogram_observe(promc_histogram histogram, double v)
{
    uint64_t *base = promc_tls.base[promc_ref_slot(histogram.ref)];
    if (PROMC_UNLIKELY(v != v)) {
        refuse(histogram);
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
    promc_store(&shard->busy, 1);
    promc_signal_fence();
    observe_own(base + (uint32_t)histogram.ref.word, promc_bucket_of(promc_child_family(child), v), v);
    uint64_t request = promc_load_acquire(&shard->request);
    if (PROMC_UNLIKELY(request != promc_load(&shard->acknowledged)))
        serve(shard, base, request);
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
    promc_registry *registry = promc_registry_in_slot(promc_ref_slot(histogram.ref));
    if (!child || !registry)
        return 0;
    (void)promc_read_histogram(registry, child, counts, sum);
    for (uint32_t i = 0; i <= promc_child_family(child)->bound_count; i++)
        total += counts[i];
    return total;
}
