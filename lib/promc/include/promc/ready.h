/* SPDX-License-Identifier: Apache-2.0 */
/** @file promc/ready.h Histograms from existing buckets, for collectors that copy the histograms of another system. */
#ifndef PROMC_READY_H
#define PROMC_READY_H

#include <promc/histogram.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * For collectors that copy another system's histogram: set the counts. Do not also observe into the series.
 * @param counts  one for each bound and one for +Inf, each of its own bucket only (not cumulative), since the other system's start.
 * @param sum     of all observations.
 * @return 0; PROMC_E_INVALID: the number of counts is not the family's number of buckets, or it is native; PROMC_E_NOT_FOUND: a stale handle.
 * One thread at a time per series (a collector is called by one thread). A concurrent scrape may see some old buckets.
 */
PROMC_API int promc_histogram_set(promc_histogram histogram, const uint64_t *counts, size_t count, double sum);

/** One bucket of a native histogram: of |v| in growth^(index-1) < |v| <= growth^index, v below 0 if `negative`. */
typedef struct promc_native_bucket {
    int32_t index;
    uint32_t negative;
    uint64_t count;
} promc_native_bucket;

/**
 * The same for a native histogram.
 * @param schema of the indices, -4 … 8. If it is finer than the series', buckets are merged; if it is coarser, counts go to the middle of their
 *               bucket: so give the family the growth of its source.
 * @param zeros  observations in the zero bucket.
 */
PROMC_API int promc_histogram_set_native(promc_histogram histogram, int schema, uint64_t zeros,
                                         const promc_native_bucket *buckets, size_t count, double sum);

#ifdef __cplusplus
}
#endif
#endif
