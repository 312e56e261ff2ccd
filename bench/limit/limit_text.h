/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file limit_text.h
 * The limit for writing an exposition: every line is assembled from name, label text and value in a reused buffer of
 * 64 KiB. No walk over families, no escaping, no resuming.
 */
#ifndef LIMIT_TEXT_H
#define LIMIT_TEXT_H

#include <stdint.h>

/** Emits NAME (MB/s) and NAME_copy (MB/s if the whole prefix of a line is ready and only the number is written). */
void limit_text_counters(uint32_t series, const char *name);
/** Emits NAME (MB/s): 12 buckets, a floating sum of 17 digits (not the shortest form, which is not unavoidable work) and a count. */
void limit_text_histograms(uint32_t series, const char *name);
/** Emits slice_stall_us: the median, over scrapes, of the longest 64 KiB slice. */
void limit_slices(uint32_t series);

#endif
