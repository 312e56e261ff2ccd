/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file bytes.h
 * A growing byte buffer that keeps its memory, so that reusing it allocates nothing. Not thread safe.
 *
 * Failure is sticky: after an append has failed for lack of memory, later ones do nothing, and the caller checks `failed` once at the end.
 */
#ifndef PROMC_BASE_BYTES_H
#define PROMC_BASE_BYTES_H

#include <promc/family.h>

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct promc_bytes {
    char *data;
    size_t length, capacity;
    bool failed;
};

/** Make room for `more` bytes after the length. @return the place to write to, or NULL (and `failed` is set). */
char *promc_bytes_reserve(struct promc_bytes *bytes, size_t more);
void promc_bytes_append(struct promc_bytes *bytes, const char *data, size_t length);
void promc_bytes_free(struct promc_bytes *bytes);

static inline void promc_bytes_clear(struct promc_bytes *bytes)
{
    bytes->length = 0;
}

static inline void promc_bytes_append_string(struct promc_bytes *bytes, const char *text)
{
    promc_bytes_append(bytes, text, strlen(text));
}

static inline void promc_bytes_append_str(struct promc_bytes *bytes, promc_str text)
{
    promc_bytes_append(bytes, text.data, text.length);
}

#endif
