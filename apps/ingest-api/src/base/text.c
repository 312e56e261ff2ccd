/* SPDX-License-Identifier: Apache-2.0 */
#include "base/text.h"

#include "base/arena.h"
#include "base/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

void text_init_growing(struct text *text, size_t expected)
{
    *text = (struct text){.grows = true};
    (void)text_grow(text, expected);
}

void text_init_in_arena(struct text *text, struct arena *arena)
{
    *text = (struct text){.grows = true, .arena = arena};
}

/* An arena cannot grow a piece in place, so the text is copied. */
static char *resize(const struct text *text, size_t size)
{
    if (!text->arena)
        return realloc(text->data, size);
    char *data = arena_alloc(text->arena, size);
    if (data && text->data && text->length > 0)
        memcpy(data, text->data, text->length);
    return data;
}

bool text_reserve(struct text *text, size_t capacity)
{
    if (capacity <= text->capacity && text->data)
        return true;
    char *data = text->grows && !text->overflow ? resize(text, capacity + 1) : NULL;
    text->overflow |= !data;
    if (!data)
        return false;
    text->data = data;
    text->capacity = capacity;
    return true;
}

bool text_grow(struct text *text, size_t n)
{
    return text_reserve(text, text->capacity + n > 2 * text->capacity ? text->capacity + n : 2 * text->capacity);
}

char *text_take(struct text *text)
{
    char *data = text->data;
    if (text->overflow) {
        free(data);
        data = NULL;
    } else {
        data[text->length] = '\0';
    }
    text->data = NULL;
    return data;
}

void text_add_u64(struct text *text, uint64_t value)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    text_add_n(text, digits + at, sizeof(digits) - at);
}

void text_add_i64(struct text *text, int64_t value)
{
    uint64_t magnitude = (uint64_t)value;
    if (value < 0) {
        text_add_n(text, "-", 1);
        magnitude = 0 - magnitude;
    }
    text_add_u64(text, magnitude);
}

void text_add_decimal(struct text *text, double value)
{
    if (!isfinite(value) || fabs(value) > 1e15) {
        text_add_double(text, value);
        return;
    }
    if (value < 0) {
        text_add_n(text, "-", 1);
        value = -value;
    }
    uint64_t thousandths = (uint64_t)(value * 1000 + 0.5);
    text_add_u64(text, thousandths / 1000);
    char fraction[4] = {'.', (char)('0' + thousandths / 100 % 10), (char)('0' + thousandths / 10 % 10),
                        (char)('0' + thousandths % 10)};
    text_add_n(text, fraction, sizeof(fraction));
}

void text_add_double(struct text *text, double value)
{
    if (!isfinite(value)) {
        text_add_n(text, "null", 4);
        return;
    }
    char digits[32];
    int n = snprintf(digits, sizeof(digits), "%.17g", value);
    /* the only thing a locale changes in %g is the decimal point */
    for (int i = 0; i < n; i++)
        if (digits[i] == ',')
            digits[i] = '.';
    text_add_n(text, digits, (size_t)n);
}

/* Escape a control character, quote or backslash. @return the length of the escape. */
static size_t json_escape(unsigned char c, char out[6])
{
    static const char hex[] = "0123456789abcdef";
    out[0] = '\\';
    switch (c) {
    case '"':
    case '\\':
        out[1] = (char)c;
        return 2;
    case '\n':
        out[1] = 'n';
        return 2;
    case '\r':
        out[1] = 'r';
        return 2;
    case '\t':
        out[1] = 't';
        return 2;
    default:
        out[1] = 'u';
        out[2] = '0';
        out[3] = '0';
        out[4] = hex[c >> 4];
        out[5] = hex[c & 15];
        return 6;
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void text_add_json(struct text *text, const char *value, size_t length, size_t max)
{
    if (!value) {
        text_add_n(text, "null", 4);
        return;
    }
    size_t before = text->length;
    bool overflow = text->overflow;
    const unsigned char *p = (const unsigned char *)value;
    size_t i = 0;
    text_add_n(text, "\"", 1);
    while (i < length) {
        size_t run = i;
        while (run < length && run < max && is_plain(p[run]))
            run++;
        text_add_n(text, value + i, run - i);
        i = run;
        if (i == length)
            break;
        size_t n = utf8_sequence(value + i, length - i);
        if (i + (n ? n : 1) > max) {
            text_add_n(text, "\xe2\x80\xa6", 3); /* … */
            break;
        }
        if (n == 0) {
            text_add_n(text, "\xef\xbf\xbd", 3); /* U+FFFD */
            n = 1;
        } else if (n > 1) {
            text_add_n(text, value + i, n);
        } else {
            char escaped[6];
            text_add_n(text, escaped, json_escape(p[i], escaped));
        }
        i += n;
    }
    text_add_n(text, "\"", 1);
    if (text->overflow && !overflow)
        text->length = before; /* append all or nothing */
}

static void put_digits(char *out, int count, int value)
{
    for (int i = count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
}

void text_add_iso_time(struct text *text, int64_t ms_since_epoch)
{
    time_t seconds = (time_t)(ms_since_epoch / 1000);
    struct tm tm;
    char out[24] = "0000-00-00T00:00:00.000Z";
    if (gmtime_r(&seconds, &tm)) {
        put_digits(out, 4, tm.tm_year + 1900);
        put_digits(out + 5, 2, tm.tm_mon + 1);
        put_digits(out + 8, 2, tm.tm_mday);
        put_digits(out + 11, 2, tm.tm_hour);
        put_digits(out + 14, 2, tm.tm_min);
        put_digits(out + 17, 2, tm.tm_sec);
        put_digits(out + 20, 3, (int)(ms_since_epoch % 1000));
    }
    text_add_n(text, out, sizeof(out));
}
