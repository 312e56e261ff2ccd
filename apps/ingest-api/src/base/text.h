/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/text.h
 * Appending to a buffer; nothing depends on the locale. The buffer is the caller's and stays as it is (log lines, small JSON
 * answers), or it grows on the heap (messages, pages of rows).
 *
 * What does not fit, or finds no memory, is dropped whole (a value is never cut in its middle) and `overflow` is set, so that
 * the caller looks once, at the end.
 */
#ifndef INGEST_BASE_TEXT_H
#define INGEST_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
    char *data;
    size_t length;
    size_t capacity;
    bool overflow;
    bool grows; /**< data is the heap's, and the caller's to free() */
};

static inline void text_init(struct text *text, char *buffer, size_t capacity)
{
    *text = (struct text){.data = buffer, .capacity = capacity};
}

/** One that grows. @param expected bytes. Without memory `overflow` is set. Adding is O(n), amortised. */
void text_init_growing(struct text *text, size_t expected);
/** Room for n bytes more, and a NUL. @return false: there is none, `overflow` is set. */
bool text_grow(struct text *text, size_t n);
/** What has been added, with a NUL behind it; of one that grows. NULL after an overflow: it has been freed. */
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
