/* SPDX-License-Identifier: Apache-2.0 */
#include "types/window.h"
#include "shard/shard.h"
#include "types/histogram.h"
#include "types/histogram_read.h"

#include <math.h>
#include <string.h>
#include <time.h>

/* A slot: epoch + 1 (0: empty, or being written), then the buckets' counts at the beginning of the epoch. */
enum { SLOT_EPOCH, SLOT_COUNTS };

static size_t slot_words(const struct promc_family_data *data)
{
    return SLOT_COUNTS + data->bound_count + 1;
}

size_t promc_window_bytes(const struct promc_arena *arena, const struct promc_family_data *data)
{
    if (data->bound_count == 0)
        return 0;
    return sizeof(struct promc_window) + promc_summary_data(arena, data)->age_buckets * slot_words(data) * 8;
}

static uint64_t *slot_of(struct promc_window *window, const struct promc_summary_data *summary,
                         const struct promc_family_data *data, uint64_t epoch)
{
    return (uint64_t *)(void *)(window + 1) + epoch % summary->age_buckets * slot_words(data);
}

void promc_window_clear(const struct promc_arena *arena, struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    const struct promc_summary_data *summary = promc_summary_data(arena, data);
    struct promc_window *window = promc_child_behind(child);
    if (!window)
        return;
    promc_store(&window->turn, 0);
    promc_store(&window->until, 0);
    for (uint32_t i = 0; i < summary->age_buckets; i++)
        promc_store(&slot_of(window, summary, data, i)[SLOT_EPOCH], 0);
}

static uint64_t step_ns(const struct promc_summary_data *summary)
{
    return (uint64_t)summary->max_age_seconds * 1000000000 / summary->age_buckets;
}

/* A step has at least 16 ms, so the cheapest clock is precise enough. All processes share it. */
static uint64_t since_birth_ns(const promc_registry *registry)
{
    struct timespec now;
#ifdef CLOCK_MONOTONIC_COARSE
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
#else
    clock_gettime(CLOCK_MONOTONIC, &now);
#endif
    uint64_t ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    int64_t age = (int64_t)(ns - promc_load(&registry->arena.header->born_ns));
    return age > 0 ? (uint64_t)age : 0;
}

/* Counts of all shards, one after the other: a concurrent observation is counted or not, but never half. */
static void note_counts(const promc_registry *registry, const struct promc_child *child, uint64_t *slot,
                        const uint64_t *turn, uint64_t mine)
{
    const struct promc_arena *arena = &registry->arena;
    uint32_t used = promc_load_acquire(&arena->header->shards_used);
    uint32_t buckets = promc_child_family(child)->bound_count + 1;
    uint32_t cell = promc_child_cell(child) + PROMC_HIST_BUCKETS;
    for (uint32_t i = 0; i < buckets; i++) {
        uint64_t total = 0;
        for (uint32_t shard = 0; shard < used; shard++)
            total += promc_load(&promc_shard_cells(arena, shard)[cell + i]);
        if (promc_load(&arena->header->shared_used))
            total += promc_load(&promc_shard_cells(arena, arena->header->max_threads)[cell + i]);
        if (promc_load(turn) != mine) /* this thread was stopped for so long that another one has taken over */
            return;
        promc_store_release(&slot[SLOT_COUNTS + i], total);
    }
}

static __attribute__((noinline)) void begin_epoch(promc_registry *registry, const struct promc_child *child,
                                                  struct promc_window *window, uint64_t now)
{
    const struct promc_family_data *data = promc_child_family(child);
    const struct promc_summary_data *summary = promc_summary_data(&registry->arena, data);
    uint64_t step = step_ns(summary), epoch = now / step, mine = (epoch + 1) << 1 | 1,
             turn = promc_load_acquire(&window->turn);
    if ((turn | 1) < mine &&
        __atomic_compare_exchange_n(&window->turn, &turn, mine, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED)) {
        uint64_t *slot = slot_of(window, summary, data, epoch);
        promc_store_release(&slot[SLOT_EPOCH], 0);
        note_counts(registry, child, slot, &window->turn, mine);
        promc_store_release(&slot[SLOT_EPOCH], epoch + 1);
        turn = mine;
        (void)__atomic_compare_exchange_n(&window->turn, &turn, mine & ~UINT64_C(1), false, __ATOMIC_RELEASE,
                                          __ATOMIC_RELAXED);
    }
    /* Even if another thread makes the slot, this thread need not check again. If that thread dies, one step of history is lost. */
    promc_store(&window->until, (epoch + 1) * step);
}

void promc_window_advance(promc_registry *registry, const struct promc_child *child)
{
    struct promc_window *window = promc_child_behind(child);
    if (!window)
        return;
    uint64_t now = since_birth_ns(registry);
    if (PROMC_UNLIKELY(now >= promc_load(&window->until)))
        begin_epoch(registry, child, window, now);
}

/* Copy the slot of that epoch. false: there is none (any more). */
static bool copy_slot(const uint64_t *slot, uint64_t epoch, uint32_t buckets, uint64_t *out)
{
    if (promc_load_acquire(&slot[SLOT_EPOCH]) != epoch + 1)
        return false;
    for (uint32_t i = 0; i < buckets; i++)
        out[i] = promc_load_acquire(&slot[SLOT_COUNTS + i]);
    return promc_load_acquire(&slot[SLOT_EPOCH]) == epoch + 1;
}

/* The counts at the beginning of the window. false: nothing has been observed in it. */
static bool copy_begin(const promc_registry *registry, const struct promc_child *child, uint64_t *out)
{
    const struct promc_family_data *data = promc_child_family(child);
    const struct promc_summary_data *summary = promc_summary_data(&registry->arena, data);
    struct promc_window *window = promc_child_behind(child);
    if (!window)
        return false;
    uint64_t turn = promc_load_acquire(&window->turn);
    uint64_t last = since_birth_ns(registry) / step_ns(summary);
    if (turn == 0)
        return false;
    /* Reading a program that may be dead: its last window. */
    if (registry->arena.readonly)
        last = (turn >> 1) - 1;
    uint64_t first = last >= summary->age_buckets ? last - summary->age_buckets + 1 : 0;
    for (uint64_t epoch = first; epoch <= last; epoch++)
        if (copy_slot(slot_of(window, summary, data, epoch), epoch, data->bound_count + 1, out))
            return true;
    return false;
}

void promc_window_read(promc_registry *registry, const struct promc_child *child, uint64_t *counts, uint64_t *total,
                       double *sum)
{
    const struct promc_family_data *data = promc_child_family(child);
    uint64_t begin[PROMC_SUMMARY_MAX_BUCKETS + 1] = {0};
    bool any = copy_begin(registry, child, begin); /* first, so that it is not ahead of the rest */
    (void)promc_read_histogram(registry, child, counts, sum);
    *total = 0;
    for (uint32_t i = 0; i <= data->bound_count; i++) {
        *total += counts[i];
        counts[i] = any && counts[i] > begin[i] ? counts[i] - begin[i] : 0;
    }
}

/* The value with the same relative error to both bounds of bucket i; see summary.h for the two at the ends. */
static double value_of(const struct promc_family_data *data, uint32_t i)
{
    const double *bounds = data->bounds;
    if (i == 0)
        return 0;
    if (i == data->bound_count)
        return bounds[i - 1];
    return bounds[i - 1] * (2 / (1 + bounds[i - 1] / bounds[i]));
}

double promc_window_quantile(const struct promc_family_data *data, const uint64_t *counts, double q)
{
    uint64_t n = 0, below = 0;
    for (uint32_t i = 0; i <= data->bound_count; i++)
        n += counts[i];
    if (n == 0 || !(q >= 0 && q <= 1))
        return (double)NAN;
    double rank = ceil(q * (double)n);
    for (uint32_t i = 0; i < data->bound_count; i++) {
        below += counts[i];
        if (below > 0 && (double)below >= rank)
            return value_of(data, i);
    }
    return value_of(data, data->bound_count);
}
