/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms from existing buckets. Their counts are in the shared shard, which is read without the writer protocol; all other shards have 0,
 * because nobody observes. Each cell is stored once, with its final value, so no reader sees a bucket fall.
 */
#include "series/family.h"
#include "shard/shard.h"
#include "shard/slots.h"
#include "types/bounds.h"
#include "types/histogram.h"
#include "types/native.h"

#include <promc/ready.h>

#include <math.h>
#include <string.h>

/* The series' cells in the shared shard; NULL, with the code, if it cannot be set. */
static uint64_t *ready_cells(promc_histogram histogram, const struct promc_child **child, int *code)
{
    promc_registry *registry = promc_registry_of(histogram.ref);
    *child = promc_series_child(histogram.ref);
    if (!registry || !*child) {
        *code = promc_fail(PROMC_E_NOT_FOUND, "the histogram's series does not exist (any more)");
        return NULL;
    }
    if (registry->arena.readonly) {
        *code = promc_fail(PROMC_E_INVALID, "the registry is read-only");
        return NULL;
    }
    return promc_shard_shared(histogram.ref) + promc_child_cell(*child);
}

int promc_histogram_set(promc_histogram histogram, const uint64_t *counts, size_t count, double sum)
{
    const struct promc_child *child;
    int code = 0;
    uint64_t *cells = ready_cells(histogram, &child, &code);
    if (!cells)
        return code;
    const struct promc_family_data *data = promc_child_family(child);
    if (data->native_at != 0 || !counts || count != (size_t)data->bound_count + 1)
        return promc_fail(PROMC_E_INVALID, "%zu bucket counts given for a %s histogram with %u buckets", count,
                          data->native_at != 0 ? "native" : "classic", data->bound_count + 1);
    promc_store(&cells[PROMC_HIST_SUM0], promc_double_bits(sum));
    for (size_t i = 0; i < count; i++)
        promc_store_release(&cells[PROMC_HIST_BUCKETS + i], counts[i]);
    return 0;
}

/* A value in the middle of the bucket, away from rounding at its bounds. */
static double middle_of(const promc_native_bucket *bucket, int schema)
{
    double value = exp2(((double)bucket->index - 0.5) * exp2(-schema));
    return bucket->negative ? -value : value;
}

int promc_histogram_set_native(promc_histogram histogram, int schema, uint64_t zeros,
                               const promc_native_bucket *buckets, size_t count, double sum)
{
    uint64_t slots[PROMC_NATIVE_SLOTS_MAX] = {0}, classic[PROMC_MAX_BUCKETS + 1] = {0};
    const struct promc_child *child;
    int code = 0;
    uint64_t *cells = ready_cells(histogram, &child, &code);
    if (!cells)
        return code;
    struct promc_family_data *data = promc_child_family(child);
    if (data->native_at == 0 || schema < PROMC_NATIVE_SCHEMA_MIN || schema > PROMC_NATIVE_SCHEMA_MAX ||
        (!buckets && count > 0))
        return promc_fail(PROMC_E_INVALID, "native buckets of schema %d cannot be set in a %s histogram", schema,
                          data->native_at != 0 ? "native" : "classic");
    struct promc_native *native = promc_child_native(child);
    slots[PROMC_NATIVE_ZERO] = zeros;
    classic[promc_bucket_of(data, 0)] = zeros;
    for (size_t i = 0; i < count; i++) {
        double value = middle_of(&buckets[i], schema);
        slots[promc_native_slot(data, native, value)] += buckets[i].count;
        classic[promc_bucket_of(data, value)] += buckets[i].count;
    }
    promc_store(&cells[PROMC_HIST_SUM0], promc_double_bits(sum));
    for (uint32_t i = 0; data->bound_count > 0 && i <= data->bound_count; i++)
        promc_store(&cells[PROMC_NATIVE_CLASSIC + i], classic[i]);
    uint32_t used = promc_native_used(native);
    for (uint32_t i = 0; i < used; i++)
        promc_store_release(&cells[data->native_at + i], slots[i]);
    return 0;
}
