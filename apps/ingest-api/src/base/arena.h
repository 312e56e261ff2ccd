/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/arena.h
 * Memory that is freed all at once, for data that lives as long as a batch of rows. Not thread safe.
 */
#ifndef INGEST_BASE_ARENA_H
#define INGEST_BASE_ARENA_H

#include <stddef.h>

struct arena_chunk;

/** Zero it before use. */
struct arena {
    struct arena_chunk *chunks; /* the one being filled is first */
    size_t used;
};

/** Allocate bytes for text, not aligned. NULL without memory. */
char *arena_alloc(struct arena *arena, size_t size);
/** Copy to the arena. NULL without memory. */
char *arena_copy(struct arena *arena, const char *data, size_t length);
/** Free everything; keeps one chunk for the next batch. */
void arena_reset(struct arena *arena);
void arena_free(struct arena *arena);

#endif
