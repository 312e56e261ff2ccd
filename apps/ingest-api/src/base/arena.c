/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

/* The first chunk is enough for a row or two. Each further one is twice as large, up to where malloc() uses mmap(). */
#define CHUNK_SIZE_FIRST (8u * 1024)
#define CHUNK_SIZE (256u * 1024)

struct arena_chunk {
    struct arena_chunk *next;
    size_t size;
    char data[];
};

static size_t next_size(const struct arena *arena, size_t wanted)
{
    size_t size = arena->chunks ? arena->chunks->size * 2 : CHUNK_SIZE_FIRST;

    if (size > CHUNK_SIZE)
        size = CHUNK_SIZE;
    return wanted > size ? wanted : size;
}

char *arena_alloc(struct arena *arena, size_t size)
{
    if (!arena->chunks || arena->chunks->size - arena->used < size) {
        size_t room = next_size(arena, size);
        struct arena_chunk *chunk = malloc(sizeof(*chunk) + room);
        if (!chunk)
            return NULL;
        chunk->next = arena->chunks;
        chunk->size = room;
        arena->chunks = chunk;
        arena->used = 0;
    }
    char *at = arena->chunks->data + arena->used;
    arena->used += size;
    return at;
}

char *arena_copy(struct arena *arena, const char *data, size_t length)
{
    char *at = arena_alloc(arena, length);

    if (at && length > 0)
        memcpy(at, data, length);
    return at;
}

void arena_reset(struct arena *arena)
{
    struct arena_chunk *keep = arena->chunks;

    arena->used = 0;
    if (!keep)
        return;
    for (struct arena_chunk *chunk = keep->next, *next; chunk; chunk = next) {
        next = chunk->next;
        free(chunk);
    }
    keep->next = NULL;
}

void arena_free(struct arena *arena)
{
    arena_reset(arena);
    free(arena->chunks);
    arena->chunks = NULL;
}
