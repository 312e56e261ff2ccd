/* SPDX-License-Identifier: Apache-2.0 */
/* The reader's side of the histogram protocol. */
#include "types/histogram_read.h"
#include "shard/process.h"
#include "types/histogram.h"
#include "types/values.h"

#include <sched.h>

/* Attempts before the newest copy is accepted. A running writer answers within a few observations. */
#define ATTEMPTS 20000
#define SPINS_PER_YIELD 64

/* A copy of the cells from `n` on, taken at rest or by their owner between two observations. */
struct picture {
    uint64_t cells[PROMC_SCRATCH_CELLS];
};

/* The thing being read: a series' cells in one shard. */
struct subject {
    uint64_t *cells;
    struct promc_native *native; /* NULL: classic */
    struct promc_histogram_shape shape;
};

static struct subject subject_of(uint64_t *cells, const struct promc_child *child)
{
    const struct promc_family_data *data = promc_child_family(child);
    return (struct subject){cells, data->native_at ? promc_child_native(child) : NULL, promc_histogram_shape(data)};
}

/* Update the number of slots with keys. It is read after `n`, so that it includes the slots of the first n observations. */
static inline void count_slots(struct subject *subject)
{
    if (subject->native)
        subject->shape.bucket_count = promc_native_used(subject->native);
}

/* For a copy, or for cells that nobody writes to: plain loads, which the compiler vectorises. */
static inline uint64_t total_of(const uint64_t *cells, uint32_t first, uint32_t count)
{
    uint64_t total = 0;
    for (uint32_t i = 0; i < count; i++)
        total += cells[first + i];
    return total;
}

/*
 * An uncommitted observation, or a number of equal ones (observe_odd()), may already be in the classic buckets beside the native ones:
 * subtract it. @return whether both agree then.
 */
static inline bool settle_classic(const struct promc_histogram_shape *shape, uint64_t total, uint64_t *cells)
{
    if (shape->classic_count == 0)
        return true;
    uint64_t ahead = total_of(cells, shape->classic, shape->classic_count) - total;
    uint64_t pending = cells[PROMC_NATIVE_PENDING];
    if (ahead > 0 && pending < shape->classic_count && cells[shape->classic + pending] >= ahead) {
        promc_store(&cells[shape->classic + pending], cells[shape->classic + pending] - ahead);
        ahead = 0;
    }
    return ahead == 0;
}

static inline void copy(const uint64_t *cells, uint32_t first, uint32_t count, struct picture *out)
{
    for (uint32_t i = 0; i < count; i++)
        out->cells[first + i] = promc_load_acquire(&cells[first + i]);
}

/* Copy the buckets or slots, then the sums; read `n` before and after. @return whether the writer paused meanwhile. */
static bool copy_still(struct subject *subject, struct picture *out)
{
    const uint64_t *cells = subject->cells;
    uint64_t before = promc_load_acquire(&cells[PROMC_HIST_N]);
    count_slots(subject);
    copy(cells, subject->shape.buckets, subject->shape.bucket_count, out);
    if (subject->shape.classic_count > 0) {
        copy(cells, subject->shape.classic, subject->shape.classic_count, out);
        copy(cells, PROMC_NATIVE_PENDING, 1, out);
    }
    copy(cells, PROMC_HIST_SUM0, 2, out);
    out->cells[PROMC_HIST_N] = before;
    if (promc_load_acquire(&cells[PROMC_HIST_N]) != before)
        return false;
    uint64_t total = total_of(out->cells, subject->shape.buckets, subject->shape.bucket_count);
    return total - before <= 1 && settle_classic(&subject->shape, total, out->cells);
}

static void add(const struct picture *picture, const struct promc_histogram_shape *shape, uint64_t *counts,
                uint64_t *classic, double *sum)
{
    uint64_t total = total_of(picture->cells, shape->buckets, shape->bucket_count);
    if (total == 0)
        return;
    for (uint32_t i = 0; i < shape->bucket_count; i++)
        counts[i] += picture->cells[shape->buckets + i];
    for (uint32_t i = 0; classic && i < shape->classic_count; i++)
        classic[i] += picture->cells[shape->classic + i];
    *sum += promc_cell_double(picture->cells[PROMC_HIST_SUM0 + (total & 1)]);
}

/* Only one reader at a time may send requests. A dead reader is replaced. */
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

/* Take the owner's copy. If it is useless, because a slot has been taken since the request, *asked becomes 0. */
static bool take_answer(const struct promc_shard *shard, struct subject *subject, uint64_t *asked, struct picture *out)
{
    if (*asked == 0 || promc_load_acquire(&shard->acknowledged) != *asked)
        return false;
    const struct promc_histogram_shape *shape = &subject->shape;
    uint64_t cells = promc_load(&shard->request_cells);
    for (uint64_t i = 0; i < cells; i++)
        out->cells[i] = promc_load(&shard->scratch[i]);
    *asked = 0;
    if (subject->native)
        subject->shape.bucket_count = (uint32_t)cells - shape->buckets;
    return total_of(out->cells, shape->buckets, shape->bucket_count) == out->cells[PROMC_HIST_N];
}

/*
 * Add the shard's buckets (a native histogram's slots) and sum of one instant to the caller's; classic[] only if a native
 * histogram also has classic buckets. false: its writer never paused, and the newest picture was added instead.
 */
static bool read_shard(promc_registry *registry, uint32_t index, const struct promc_child *child, uint64_t *counts,
                       uint64_t *classic, double *sum)
{
    uint64_t *base = promc_shard_cells(&registry->arena, index);
    struct promc_shard *shard = promc_shard_of(base);
    struct subject subject = subject_of(base + promc_child_cell(child), child);
    struct picture picture;
    bool good = copy_still(&subject, &picture);
    if (!good && !registry->arena.readonly) {
        bool asking = false;
        uint64_t asked = 0;
        for (unsigned i = 1; !good && i < ATTEMPTS; i++) {
            if (!asking)
                asking = lock_requests(registry, shard);
            if (asking && asked == 0) {
                count_slots(&subject);
                asked = ask(shard, promc_child_cell(child), subject.shape.buckets + subject.shape.bucket_count);
            }
            good = take_answer(shard, &subject, &asked, &picture) || copy_still(&subject, &picture);
            if (!good && i % SPINS_PER_YIELD == 0)
                sched_yield();
        }
        if (asking)
            promc_store_release(&shard->reader, 0);
    }
    add(&picture, &subject.shape, counts, classic, sum);
    return good;
}

/* The same for the shared shard: each bucket and the sum are exact, but perhaps not of one instant. */
static void read_shared(const promc_registry *registry, const struct promc_child *child, uint64_t *counts,
                        uint64_t *classic, double *sum)
{
    uint64_t *base = promc_shard_cells(&registry->arena, registry->arena.header->max_threads);
    struct subject subject = subject_of(base + promc_child_cell(child), child);
    const struct promc_histogram_shape *shape = &subject.shape;
    count_slots(&subject);
    for (uint32_t i = 0; i < shape->bucket_count; i++)
        counts[i] += promc_load(&subject.cells[shape->buckets + i]);
    for (uint32_t i = 0; classic && i < shape->classic_count; i++)
        classic[i] += promc_load(&subject.cells[shape->classic + i]);
    *sum += promc_cell_double(promc_load(&subject.cells[PROMC_HIST_SUM0]));
}

/* Every shard's cells, each of one instant. counts[] and classic[] are zeroed up to their lengths. */
static bool read_shards(promc_registry *registry, const struct promc_child *child, uint64_t *counts, uint64_t *classic,
                        double *sum)
{
    const struct promc_arena_header *header = registry->arena.header;
    uint32_t used = promc_load_acquire(&header->shards_used);
    bool good = true;
    *sum = 0;
    for (uint32_t i = 0; i < used; i++)
        good &= read_shard(registry, i, child, counts, classic, sum);
    if (promc_load(&header->shared_used))
        read_shared(registry, child, counts, classic, sum);
    return good;
}

/*
 * Unfinished observations in the shared shard may be in only one of the two. The native total decides: surplus classic counts are subtracted
 * from the highest buckets, missing ones are added to the +Inf bucket until the next scrape.
 */
static void level(uint64_t *classic, uint32_t count, uint64_t total)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < count; i++)
        sum += classic[i];
    if (sum < total)
        classic[count - 1] += total - sum;
    for (uint32_t i = count; i > 0 && sum > total; i--) {
        uint64_t less = sum - total < classic[i - 1] ? sum - total : classic[i - 1];
        classic[i - 1] -= less;
        sum -= less;
    }
}

bool promc_read_native(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum,
                       struct promc_native_view *out)
{
    uint64_t counts[PROMC_NATIVE_SLOTS_MAX] = {0};
    struct promc_native *native = promc_child_native(child);
    uint32_t classic = promc_child_family(child)->bound_count + 1;
    for (uint32_t i = 0; i < classic; i++)
        buckets[i] = 0;
    bool good = read_shards(registry, child, counts, buckets, sum);
    promc_native_merge(native, counts, promc_native_used(native), out);
    level(buckets, classic, out->total);
    return good;
}

bool promc_read_histogram(promc_registry *registry, const struct promc_child *child, uint64_t *buckets, double *sum)
{
    const struct promc_family_data *data = promc_child_family(child);
    if (data->native_at != 0) {
        struct promc_native_view native;
        return promc_read_native(registry, child, buckets, sum, &native);
    }
    for (uint32_t i = 0; i <= data->bound_count; i++)
        buckets[i] = 0;
    return read_shards(registry, child, buckets, NULL, sum);
}

bool promc_histogram_read(promc_registry *registry, const struct promc_child *child, struct promc_values *out)
{
    const struct promc_family_data *data = promc_child_family(child);
    struct promc_histogram_picture *picture = &out->histogram;
    bool good = data->native_at ? promc_read_native(registry, child, picture->counts, &picture->sum, &out->native)
                                : promc_read_histogram(registry, child, picture->counts, &picture->sum);
    picture->total = 0;
    for (uint32_t i = 0; i <= data->bound_count; i++)
        picture->total += picture->counts[i];
    return good;
}

void promc_histogram_repair(uint64_t *cells, struct promc_child *child)
{
    struct subject subject = subject_of(cells, child);
    count_slots(&subject);
    uint64_t total = total_of(cells, subject.shape.buckets, subject.shape.bucket_count);
    (void)settle_classic(&subject.shape, total, cells);
    if (promc_load(&cells[PROMC_HIST_N]) != total)
        promc_store_release(&cells[PROMC_HIST_N], total);
}
