/* SPDX-License-Identifier: Apache-2.0 */
#include "types/summary.h"
#include "series/lookup.h"
#include "series/refused.h"
#include "shard/slots.h"
#include "types/bounds.h"
#include "types/histogram.h"
#include "types/values.h"
#include "types/window.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PROMC_SUMMARY_MAX_BUCKETS + 1 + PROMC_HIST_BUCKETS <= PROMC_SCRATCH_CELLS,
               "a reader can ask for all cells of a summary");

static int refuse(const char *name, const char *what, double value, const char *range)
{
    return promc_fail(PROMC_E_INVALID, "summary \"%s\": %s is %g, must be %s", name, what, value, range);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int promc_quantiles_check(const char *name, const double *quantiles, size_t count, double *sorted)
{
    if (count > PROMC_MAX_QUANTILES)
        return promc_fail(PROMC_E_INVALID, "summary \"%s\": %zu quantiles, at most %d are allowed", name, count,
                          PROMC_MAX_QUANTILES);
    for (size_t i = 0; i < count; i++) {
        if (!(quantiles[i] >= 0 && quantiles[i] <= 1))
            return refuse(name, "a quantile", quantiles[i], "0 to 1");
        sorted[i] = quantiles[i] + 0.0; /* no -0 */
    }
    qsort(sorted, count, sizeof(*sorted), by_size);
    for (size_t i = 1; i < count; i++)
        if (sorted[i] == sorted[i - 1])
            return promc_fail(PROMC_E_INVALID, "summary \"%s\": quantile %g is repeated", name, sorted[i]);
    return 0;
}

const double promc_no_quantiles[1] = {0};

/* Replaces zeros by defaults. */
static int complete(promc_summary_settings *settings, const promc_summary_settings *given,
                    struct promc_summary_data *summary)
{
    static const double usual[] = {0.5, 0.9, 0.99};
    const char *name = given->family.name ? given->family.name : "(null)";
    *settings = *given;
    if (!given->quantiles) {
        settings->quantiles = usual;
        settings->quantile_count = 3;
    } else if (given->quantiles == promc_no_quantiles) {
        settings->quantile_count = 0;
    }
    settings->error = given->error != 0 ? given->error : 0.05;
    settings->lowest = given->lowest != 0 ? given->lowest : 1e-6;
    settings->highest = given->highest != 0 ? given->highest : 1e6;
    settings->max_age_seconds = given->max_age_seconds ? given->max_age_seconds : 600;
    settings->age_buckets = given->age_buckets ? given->age_buckets : 5;
    if (!(settings->error >= 0.001 && settings->error <= 0.5))
        return refuse(name, "the error", settings->error, "0.001 to 0.5");
    if (!(settings->lowest >= DBL_MIN && settings->lowest <= DBL_MAX / 2))
        return refuse(name, "the lowest value", settings->lowest, "above 0");
    if (!(settings->highest > settings->lowest && settings->highest <= DBL_MAX / 2))
        return refuse(name, "the highest value", settings->highest, "above the lowest");
    if (settings->max_age_seconds > PROMC_MAX_AGE_MOST)
        return refuse(name, "max_age_seconds", settings->max_age_seconds, "1 to 604800");
    if (settings->age_buckets > PROMC_MAX_AGE_BUCKETS)
        return refuse(name, "age_buckets", settings->age_buckets, "1 to 60");
    return promc_quantiles_check(name, settings->quantiles, settings->quantile_count, summary->quantiles);
}

/*
 * lowest / γ, lowest, lowest × γ …, the last one not below highest, with γ = (1 + error) / (1 - error): the value in the middle of a
 * bucket is off by `error` at either end. Values in the first bucket count as 0.
 */
static int fill_bounds(const promc_summary_settings *settings, double *bounds, size_t *count)
{
    double ratio = (1 + settings->error) / (1 - settings->error);
    /* the small margin: a range of exactly that many steps is not rounded up to one more */
    double steps = ceil((log(settings->highest) - log(settings->lowest)) / log(ratio) - 1e-9);
    if (!(steps + 2 <= PROMC_SUMMARY_MAX_BUCKETS))
        return promc_fail(PROMC_E_BUCKETS,
                          "summary \"%s\": an error of %g from %g to %g needs %.0f buckets, at most %d are allowed",
                          settings->family.name ? settings->family.name : "(null)", settings->error, settings->lowest,
                          settings->highest, steps + 2, PROMC_SUMMARY_MAX_BUCKETS);
    *count = (size_t)steps + 2;
    for (size_t i = 0; i < *count; i++)
        bounds[i] = settings->lowest * pow(ratio, (double)i - 1);
    bounds[1] = settings->lowest;
    if (bounds[*count - 1] < settings->highest)
        bounds[*count - 1] = settings->highest;
    return 0;
}

int promc_summary_register(promc_registry *registry, const promc_summary_settings *given, promc_family **out)
{
    promc_summary_settings settings = {0};
    struct promc_summary_data summary = {0};
    double bounds[PROMC_SUMMARY_MAX_BUCKETS];
    size_t count = 0;
    if (out)
        *out = NULL;
    if (!given)
        return promc_fail(PROMC_E_INVALID, "no settings given");
    if (given->quantiles && given->quantiles != promc_no_quantiles && given->quantile_count == 0)
        return promc_fail(PROMC_E_INVALID, "summary \"%s\": quantiles are given without their number, quantile_count",
                          given->family.name ? given->family.name : "(null)");
    int rc = PROMC_RESERVED_CHECK(promc_summary_settings, given);
    if (rc == 0)
        rc = complete(&settings, given, &summary);
    if (rc == 0 && settings.quantile_count > 0)
        rc = fill_bounds(&settings, bounds, &count);
    if (rc < 0)
        return rc;
    summary.age_buckets = settings.age_buckets;
    summary.max_age_seconds = settings.max_age_seconds;
    summary.error = settings.error;
    summary.quantile_count = settings.quantile_count;
    return promc_family_create(registry,
                               &(struct promc_family_plan){.row = PROMC_ROW_SUMMARY,
                                                           .settings = &settings.family,
                                                           .bounds = bounds,
                                                           .bound_count = count,
                                                           .summary = &summary},
                               out);
}

void promc_summary_plan(struct promc_family_plan *plan)
{
    plan->cells = (uint32_t)plan->bound_count + 1 + PROMC_HIST_BUCKETS;
}

/* The `shift` for ascending bounds: see promc_summary_steps. */
static uint64_t shift_of(const double *bounds, uint32_t count)
{
    uint64_t shift = DBL_MANT_DIG - 1;
    for (uint32_t i = 1; i < count; i++)
        while (promc_double_bits(bounds[i - 1]) >> shift == promc_double_bits(bounds[i]) >> shift)
            shift--;
    return shift;
}

/* `head` has everything except the table; its `last` gives the table's length. */
static void fill_steps(struct promc_summary_steps *steps, const struct promc_summary_steps *head, const double *bounds,
                       uint32_t count)
{
    *steps = *head;
    uint32_t below = 0;
    for (uint64_t i = 0; i <= head->last; i++) {
        while (below < count && promc_double_bits(bounds[below]) >> head->shift < head->first + i)
            below++;
        steps->at[i] = (uint16_t)below;
    }
}

bool promc_summary_fill(struct promc_arena *arena, struct promc_family_data *data, const struct promc_family_plan *plan)
{
    const struct promc_summary_data *summary = plan->summary;
    uint32_t bounds = data->bound_count;
    struct promc_summary_steps steps = {0};
    size_t bytes = 0;
    if (bounds > 0) {
        steps.shift = shift_of(data->bounds, bounds);
        steps.first = promc_double_bits(data->bounds[0]) >> steps.shift;
        steps.last = (promc_double_bits(data->bounds[bounds - 1]) >> steps.shift) - steps.first;
        bytes = sizeof(steps) + (size_t)(steps.last + 1) * sizeof(steps.at[0]);
    }
    data->extra = promc_arena_alloc(arena, sizeof(*summary) + bytes);
    data->le = promc_arena_alloc(arena, PROMC_MAX_QUANTILES * sizeof(struct promc_le));
    if (data->extra == 0 || data->le == 0)
        return false;
    *promc_summary_data(arena, data) = *summary;
    if (bounds > 0)
        fill_steps((void *)(promc_summary_data(arena, data) + 1), &steps, data->bounds, bounds);
    struct promc_le *texts = promc_at(arena, data->le);
    for (size_t i = 0; i < summary->quantile_count; i++)
        promc_bounds_text(&texts[i], summary->quantiles[i]);
    return true;
}

bool promc_summary_same(const struct promc_arena *arena, const struct promc_family_data *data,
                        const struct promc_family_plan *plan)
{
    /* As bytes: it has no padding, and unused quantiles are 0. NOLINTNEXTLINE(bugprone-suspicious-memory-comparison) */
    return memcmp(promc_summary_data(arena, data), plan->summary, sizeof(*plan->summary)) == 0;
}

void promc_summary_view(const struct promc_arena *arena, const struct promc_family_data *data,
                        struct promc_family_view *view)
{
    view->summary = promc_summary_data(arena, data);
    view->quantile_count = (unsigned)view->summary->quantile_count;
    view->quantiles = view->summary->quantiles;
    view->le = promc_at(arena, data->le);
}

bool promc_summary_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    const struct promc_family_data *data = promc_child_family(child);
    const struct promc_summary_data *summary = promc_summary_data(&registry->arena, data);
    uint64_t counts[PROMC_SUMMARY_MAX_BUCKETS + 1];
    promc_window_read(registry, child, counts, &out->histogram.total, &out->histogram.sum);
    for (size_t i = 0; i < summary->quantile_count; i++)
        out->quantiles[i] = promc_window_quantile(data, counts, summary->quantiles[i]);
    return true;
}

int promc_summary_get(promc_family *family, const char *const *values, promc_summary *out)
{
    *out = (promc_summary){0};
    int rc = promc_family_expect(family, PROMC_SUMMARY, "a summary");
    return rc < 0 ? rc : promc_series_get(family, values, &out->ref);
}

int promc_summary_get_n(promc_family *family, const promc_str *values, size_t count, promc_summary *out)
{
    *out = (promc_summary){0};
    int rc = promc_family_expect(family, PROMC_SUMMARY, "a summary");
    return rc < 0 ? rc : promc_series_get_n(family, values, count, &out->ref);
}

promc_summary promc_summary_with_values(promc_family *family, const char *const *values, size_t count)
{
    promc_summary out = {0};
    if (promc_family_expect(family, PROMC_SUMMARY, "a summary") == 0)
        out.ref = promc_series_with(family, values, count);
    return out;
}

static __attribute__((noinline)) void observe_slow(promc_summary summary, double value)
{
    promc_registry *registry = promc_registry_of(summary.ref);
    if (PROMC_UNLIKELY(!registry))
        return;
    if (PROMC_UNLIKELY(!(value >= 0 && value <= DBL_MAX))) {
        promc_counter_inc(registry->invalid_observations);
        promc_refused_series(summary.ref, PROMC_REFUSED_OBSERVATION);
        return;
    }
    const struct promc_child *child = promc_series_child(summary.ref);
    if (PROMC_LIKELY(child != NULL) && PROMC_LIKELY(!registry->arena.readonly))
        promc_window_advance(registry, child);
    /* This counts the stale handle. */
    promc_histogram_observe((promc_histogram){summary.ref}, value);
}

void promc_summary_observe(promc_summary summary, double value)
{
    uint64_t *base = promc_tls.base[promc_ref_slot(summary.ref)];
    if (PROMC_UNLIKELY(!base || !(value >= 0 && value <= DBL_MAX))) {
        observe_slow(summary, value);
        return;
    }
    struct promc_shard *shard = promc_shard_of(base);
    const struct promc_child *child = promc_series_block(summary.ref);
    promc_registry *registry = promc_registry_of(summary.ref);
    if (PROMC_UNLIKELY(!registry || promc_load(&child->live.word) != summary.ref.word || promc_load(&shard->busy))) {
        observe_slow(summary, value);
        return;
    }
    const struct promc_family_data *data = promc_child_family(child);
    uint32_t bucket = 0;
    if (PROMC_LIKELY(data->bound_count > 0)) {
        promc_window_advance(registry, child);
        bucket = promc_summary_bucket(promc_summary_steps(&registry->arena, data), data->bounds, value);
    }
    promc_observe_busy(base, (uint32_t)summary.ref.word, bucket, value);
}

void promc_summary_observe_since(promc_summary summary, uint64_t start_ns)
{
    uint64_t now = promc_now_ns();
    promc_summary_observe(summary, now > start_ns ? (double)(now - start_ns) * 1e-9 : 0.0);
}

/* Read the family, the window and the totals of a series; false: the handle is stale or zero. */
static bool read(promc_summary summary, const struct promc_family_data **data, uint64_t *counts, uint64_t *total,
                 double *sum)
{
    const struct promc_child *child = promc_series_child(summary.ref);
    promc_registry *registry = promc_registry_of(summary.ref);
    *total = 0;
    *sum = 0;
    if (!child || !registry)
        return false;
    *data = promc_child_family(child);
    promc_window_read(registry, child, counts, total, sum);
    return true;
}

uint64_t promc_summary_count(promc_summary summary, double *sum)
{
    const struct promc_family_data *data;
    uint64_t counts[PROMC_SUMMARY_MAX_BUCKETS + 1], total;
    double ignored;
    (void)read(summary, &data, counts, &total, sum ? sum : &ignored);
    return total;
}

double promc_summary_quantile(promc_summary summary, double q)
{
    const struct promc_family_data *data;
    uint64_t counts[PROMC_SUMMARY_MAX_BUCKETS + 1], total;
    double sum;
    return read(summary, &data, counts, &total, &sum) ? promc_window_quantile(data, counts, q) : (double)NAN;
}
