/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file base/text.h
 * Appending to a fixed buffer: log lines, small JSON answers. Nothing is allocated, nothing depends on the locale.
 *
 * What does not fit is dropped whole (a value is never cut in its middle) and `overflow` is set.
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
};

static inline void text_init(struct text *text, char *buffer, size_t capacity)
{
    *text = (struct text){.data = buffer, .capacity = capacity};
}

static inline void text_add_n(struct text *text, const char *bytes, size_t n)
{
    if (n > text->capacity - text->length) {
        text->overflow = true;
        return;
    }
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
