/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/text.h
 * Appends text to a buffer, independent of the locale. The buffer is the caller's and has a fixed size
 * (log lines, small JSON answers), or it grows, on the heap (e-mails, pages of rows, bodies) or in an
 * arena (a row's custom fields).
 *
 * If a piece does not fit, or there is no memory, the whole piece is dropped (a value is never cut) and `overflow` is
 * set. So the caller checks once, at the end.
 */
#ifndef INGEST_BASE_TEXT_H
#define INGEST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct arena;

struct text {
    char *data;
    size_t length;
    size_t capacity;
    bool overflow;
    bool grows;          /**< data is on the heap, and the caller frees it, or it is in the arena */
    struct arena *arena; /**< NULL: the heap */
};

static inline void text_init(struct text *text, char *buffer, size_t capacity)
{
    *text = (struct text){.data = buffer, .capacity = capacity};
}

/**
 * Begin a text that grows on the heap.
 * @param expected bytes. Without memory `overflow` is set. Appending is O(n), amortised.
 */
void text_init_growing(struct text *text, size_t expected);
/** Begin a text that grows in an arena. Old memory is freed with the arena. Nothing is allocated yet. */
void text_init_in_arena(struct text *text, struct arena *arena);
/** Make room for n more bytes, and a NUL. @return false: there is no room, `overflow` is set. */
bool text_grow(struct text *text, size_t n);
/** Make room for exactly `capacity` bytes in total, and a NUL. @return as text_grow() */
bool text_reserve(struct text *text, size_t capacity);
/** The text so far, NUL-terminated. NULL after an overflow if it grows on the heap: then it has been freed. */
char *text_take(struct text *text);

static inline void text_add_n(struct text *text, const char *bytes, size_t n)
{
    if (n > text->capacity - text->length && !text_grow(text, n))
        return;
    memcpy(text->data + text->length, bytes, n);
    text->length += n;
}

static inline void text_add(struct text *text, const char *string)
{
    text_add_n(text, string, strlen(string));
}

/** FNV-1a of a string, for hash tables. Not for tables whose keys an attacker can choose. */
static inline uint32_t text_hash(const char *string)
{
    uint32_t hash = 2166136261u;
    while (*string)
        hash = (hash ^ (unsigned char)*string++) * 16777619u;
    return hash;
}

void text_add_u64(struct text *text, uint64_t value);
void text_add_i64(struct text *text, int64_t value);
/** Three decimals, rounded; NaN and infinities are JSON's null. */
void text_add_decimal(struct text *text, double value);
/** A double in the shortest form that JSON can hold; NaN and infinities are null. */
void text_add_double(struct text *text, double value);
/**
 * A JSON string with its quotes; NULL is null. Control characters are escaped, bytes that are not UTF-8 become U+FFFD.
 * A value longer than `max` bytes is cut at a character boundary and ends in "…".
 */
void text_add_json(struct text *text, const char *value, size_t length, size_t max);
/** ISO 8601 in UTC with milliseconds: 2026-01-12T08:30:00.123Z (no quotes). */
void text_add_iso_time(struct text *text, int64_t ms_since_epoch);

#endif
