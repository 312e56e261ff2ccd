/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/buffer.h
 * A growing text. Starts as zeros; `data`, NULL until something is added, ends in a NUL and is the caller's to free().
 * An allocation that failed sticks, so that the caller looks once at the end. Adding is O(n), amortised.
 */
#ifndef INGEST_BASE_BUFFER_H
#define INGEST_BASE_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *data;
    size_t used, size;
    bool failed;
};

/** What is added may be nothing: then `data` is "" at the least. */
void buffer_add(struct buffer *buffer, const char *bytes, size_t n);

#endif
