/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of the histogram protocol. */
#include "histogram_internal.h"
#include "process.h"
#include "registry_internal.h"

#include <sched.h>

/* Tries before the newest picture must do. A writer that runs answers within a few observations. */
#define ATTEMPTS 20000
#define SPINS_PER_YIELD 64

/* A copy of [n, sum0, sum1, buckets …] taken at rest, or by its owner between two observations. */
struct picture {
    uint64_t cells[PROMC_SCRATCH_CELLS];
};

static uint64_t total_of(const struct picture *picture, uint32_t buckets)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < buckets; i++)
        total += picture->cells[PROMC_HIST_BUCKETS + i];
    return total;
}

/* Buckets before the sums, `n` first and last. @return whether the writer stood still meanwhile. */
static bool copy_still(const uint64_t *cells, uint32_t buckets, struct picture *out)
{
    uint64_t before = promc_load_acquire(&cells[PROMC_HIST_N]);
    for (uint32_t i = 0; i < buckets; i++)
        out->cells[PROMC_HIST_BUCKETS + i] = promc_load_acquire(&cells[PROMC_HIST_BUCKETS + i]);
    out->cells[PROMC_HIST_SUM0] = promc_load_acquire(&cells[PROMC_HIST_SUM0]);
    out->cells[PROMC_HIST_SUM1] = promc_load_acquire(&cells[PROMC_HIST_SUM1]);
    out->cells[PROMC_HIST_N] = before;
    uint64_t ahead = total_of(out, buckets) - before;
    return promc_load_acquire(&cells[PROMC_HIST_N]) == before && ahead <= 1;
}

static void add(const struct picture *picture, uint32_t buckets, uint64_t *counts, double *sum)
{
    uint64_t total = total_of(picture, buckets);
    if (total == 0)
        return;
    for (uint32_t i = 0; i < buckets; i++)
        counts[i] += picture->cells[PROMC_HIST_BUCKETS + i];
    *sum += promc_cell_double(picture->cells[PROMC_HIST_SUM0 + (total & 1)]);
}

/* Only one reader at a time may ask. A reader that died while asking is replaced. */
static bool lock_requests(promc_registry *registry, struct promc_shard *shard)
{
    uint64_t holder = 0, me = promc_self();
    if (__atomic_compare_exchange_n(&shard->reader, &holder, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return true;
    return registry->arena.shared && !promc_process_alive(holder, 0) &&
           __atomic_compare_exchange_n(&shard->reader, &holder, me, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static uint64_t ask(struct promc_shard *shard, uint32_t cell, uint32_t cells)
{
    uint64_t sequence = promc_load(&shard->sequence) + 1;
    promc_store(&shard->sequence, sequence);
    promc_store(&shard->request_cells, cells);
    uint64_t request = sequence << 32 | cell;
    promc_store_release(&shard->request, request);
    return request;
}

static bool take_answer(const struct promc_shard *shard, uint64_t request, uint32_t cells, struct picture *out)
{
    if (promc_load_acquire(&shard->acknowledged) != request)
        return false;
    for (uint32_t i = 0; i < cells; i++)
        out->cells[i] = promc_load(&shard->scratch[i]);
    return true;
}

bool promc_histogram_read_shard(promc_registry *registry, uint32_t index, uint32_t cell, uint32_t buckets,
                                uint64_t *counts, double *sum)
{
    uint64_t *base = promc_shard_cells(&registry->arena, index);
    struct promc_shard *shard = promc_shard_of(base);
    struct picture picture;
    bool good = copy_still(base + cell, buckets, &picture);
    if (!good && !registry->arena.readonly) {
        uint32_t cells = PROMC_HIST_BUCKETS + buckets;
        bool asking = false;
        uint64_t request = 0;
        for (unsigned i = 1; !good && i < ATTEMPTS; i++) {
            if (!asking && (asking = lock_requests(registry, shard)))
                request = ask(shard, cell, cells);
            good =
                (asking && take_answer(shard, request, cells, &picture)) || copy_still(base + cell, buckets, &picture);
            if (!good && i % SPINS_PER_YIELD == 0)
                sched_yield();
        }
        if (asking)
            promc_store_release(&shard->reader, 0);
    }
    add(&picture, buckets, counts, sum);
    return good;
}

void promc_histogram_read_shared(promc_registry *registry, uint32_t cell, uint32_t buckets, uint64_t *counts,
                                 double *sum)
{
    const uint64_t *cells = promc_shard_cells(&registry->arena, registry->arena.header->max_threads) + cell;
    for (uint32_t i = 0; i < buckets; i++)
        counts[i] += promc_load(&cells[PROMC_HIST_BUCKETS + i]);
    *sum += promc_cell_double(promc_load(&cells[PROMC_HIST_SUM0]));
}

static void repair_child(uint64_t *cells, uint32_t buckets)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < buckets; i++)
        total += promc_load(&cells[PROMC_HIST_BUCKETS + i]);
    if (promc_load(&cells[PROMC_HIST_N]) != total)
        promc_store_release(&cells[PROMC_HIST_N], total);
}

void promc_histograms_repair(promc_registry *registry, uint32_t shard)
{
    struct promc_arena *arena = &registry->arena;
    uint64_t *base = promc_shard_cells(arena, shard);
    for (promc_ref f = promc_load_acquire(&arena->header->first_family); f != 0;) {
        struct promc_family_data *data = promc_at(arena, f);
        f = promc_load_acquire(&data->next);
        if (data->type != PROMC_HISTOGRAM && data->type != PROMC_SUMMARY)
            continue;
        for (promc_ref c = promc_load_acquire(&data->first_child); c != 0;) {
            struct promc_child *child = promc_at(arena, c);
            c = promc_load_acquire(&child->next);
            repair_child(base + promc_child_cell(child), data->bound_count + 1);
        }
    }
}
