/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/exemplar.h
 * Exemplars: for a counter or a histogram's bucket, one real event of those counted, by its trace or request id.
 * Shown in OpenMetrics and protobuf. Not for the innermost loop: a syscall-free clock each, and about 100 ns when it is kept.
 *
 * Rate limit: a bucket's (or counter's) exemplar is replaced at most once a second; in between the event is counted
 * and its exemplar let go. A native histogram keeps ten, in which values of different powers of two take turns; one that is classic
 * too keeps both. An exemplar that a NaN would have is let go.
 */
#ifndef PROMC_EXEMPLAR_H
#define PROMC_EXEMPLAR_H

#include <promc/counter.h>
#include <promc/histogram.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names and values of an exemplar's labels together, in Unicode code points (OpenMetrics' limit). */
#define PROMC_EXEMPLAR_CODE_POINTS 128
/** The same rendered, `a="b",c="d"`, in bytes. */
#define PROMC_EXEMPLAR_BYTES 200

/**
 * promc_counter_add(), with an exemplar. The event is counted whatever becomes of the exemplar.
 * @param labels  of the exemplar, e.g. {{"trace_id", "4bf92f35"}}; copied. Looked at only when the rate limit lets it through.
 * @return 0: kept; 1: let go because of the rate limit, or because another thread was at it; PROMC_E_LABEL_NAME, PROMC_E_LABEL_VALUE (not UTF-8,
 *         too long), PROMC_E_FULL (no room in the arena), PROMC_E_INVALID (as promc_counter_add(): then nothing is counted either).
 * Never waits. The first exemplar of a series takes memory from the arena: 240 bytes, for a histogram times its buckets, 2.4 KB for a native one.
 */
PROMC_API int promc_counter_add_exemplar(promc_counter counter, double n, const promc_label *labels, size_t count);

/** promc_histogram_observe(), with an exemplar for the bucket that the value falls into. Otherwise the same. */
PROMC_API int promc_histogram_observe_exemplar(promc_histogram histogram, double value, const promc_label *labels,
                                               size_t count);

#ifdef __cplusplus
}
#endif
#endif
