/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file promc/exemplar.h
 * Exemplars: for a counter or a histogram's bucket, one of the counted events, identified by its trace or request id.
 * Shown in OpenMetrics and protobuf. Not for the innermost loop: each call reads a clock (without a system call), and takes about 100 ns if the exemplar is kept.
 *
 * Rate limit: a bucket's (or counter's) exemplar is replaced at most once a second; in between the event is counted
 * and its exemplar dropped. A native histogram keeps ten, for values of different powers of two; one that is also classic
 * keeps both kinds. An exemplar of a NaN is dropped.
 */
#ifndef PROMC_EXEMPLAR_H
#define PROMC_EXEMPLAR_H

#include <promc/counter.h>
#include <promc/histogram.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Maximum length of all names and values of an exemplar's labels, in Unicode code points (OpenMetrics' limit). */
#define PROMC_EXEMPLAR_CODE_POINTS 128
/** Maximum length of the same rendered as `a="b",c="d"`, in bytes. */
#define PROMC_EXEMPLAR_BYTES 200

/**
 * promc_counter_add() with an exemplar. The event is counted whether the exemplar is kept or not.
 * @param labels  of the exemplar, e.g. {{"trace_id", "4bf92f35"}}; copied. Read only if the rate limit allows the exemplar.
 * @return 0: kept; 1: dropped because of the rate limit, or because another thread was writing it; PROMC_E_LABEL_NAME, PROMC_E_LABEL_VALUE (not UTF-8,
 *         too long), PROMC_E_FULL (no room in the arena), PROMC_E_INVALID (as promc_counter_add(): then the event is not counted).
 * Never waits. The first exemplar of a series takes memory from the arena: 240 bytes, for a histogram times its buckets, 2.4 KB for a native one.
 */
PROMC_API int promc_counter_add_exemplar(promc_counter counter, double n, const promc_label *labels, size_t count);

/** promc_histogram_observe() with an exemplar for the bucket of the value. Otherwise the same. */
PROMC_API int promc_histogram_observe_exemplar(promc_histogram histogram, double value, const promc_label *labels,
                                               size_t count);

#ifdef __cplusplus
}
#endif
#endif
