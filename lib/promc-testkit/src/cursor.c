/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if __has_include(<xlocale.h>) /* where BSD and macOS have strtod_l() */
#include <xlocale.h>
#endif

#define DIGITS "0123456789"

int refuse(struct cursor *cursor, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(cursor->fault, cursor->fault_size, "line %zu: ", cursor->line);
    va_start(arguments, format);
    if (used > 0 && (size_t)used < cursor->fault_size)
        (void)vsnprintf(cursor->fault + used, cursor->fault_size - (size_t)used, format, arguments);
    va_end(arguments);
    for (char *byte = cursor->fault; *byte; byte++) /* the input may contain line feeds; the fault is one line */
        *byte = iscntrl((unsigned char)*byte) ? '?' : *byte;
    return PROMC_E_INVALID;
}

int refused(const struct cursor *cursor)
{
    return cursor->fault[0] ? PROMC_E_INVALID : PROMC_E_NOMEM;
}

bool sees(const struct cursor *cursor, char byte)
{
    return cursor->at < cursor->end && *cursor->at == byte;
}

bool skips(struct cursor *cursor, char byte)
{
    if (!sees(cursor, byte))
        return false;
    cursor->at++;
    return true;
}

static bool name_byte(char byte, bool first, bool colon)
{
    return isalpha((unsigned char)byte) || byte == '_' || (colon && byte == ':') ||
           (!first && isdigit((unsigned char)byte));
}

char *take_name(struct cursor *cursor, bool colon)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && name_byte(*cursor->at, cursor->at == start, colon))
        cursor->at++;
    if (cursor->at == start) {
        refuse(cursor, "a %s name is expected at byte %zu", colon ? "metric" : "label",
               (size_t)(start - cursor->start) + 1);
        return NULL;
    }
    return strndup(start, (size_t)(cursor->at - start));
}

/* Append a byte to a string with room for two bytes per input byte. */
static void put(char *text, size_t *length, char byte)
{
    if (byte == '\0')
        text[(*length)++] = (char)0xC0;
    text[(*length)++] = byte ? byte : (char)0x80;
}

/* The character after a backslash. In OpenMetrics `BS normal-char` means both characters; the older format refuses it. */
static bool put_escape(struct cursor *cursor, const char *known, char *text, size_t *length)
{
    char byte = cursor->at < cursor->end ? *cursor->at : '\0';
    if (cursor->at == cursor->end) {
        refuse(cursor, "a backslash at the end");
        return false;
    }
    if (byte == '\0' || !strchr(known, byte)) {
        if (cursor->format != PROMC_FORMAT_OPENMETRICS) {
            refuse(cursor, "\\%c is not a valid escape: a backslash must be escaped", byte);
            return false;
        }
        put(text, length, '\\');
    }
    put(text, length, byte == 'n' ? '\n' : byte);
    return true;
}

/* Up to `stop` (-1: the end of the line), unescaped. */
static char *take_escaped(struct cursor *cursor, const char *known, int stop)
{
    char *text = malloc((size_t)(cursor->end - cursor->at) * 2 + 1);
    size_t length = 0;
    if (!text)
        return NULL;
    for (; cursor->at < cursor->end && *cursor->at != stop; cursor->at++) {
        if (*cursor->at != '\\') {
            put(text, &length, *cursor->at);
            continue;
        }
        cursor->at++;
        if (!put_escape(cursor, known, text, &length)) {
            free(text);
            return NULL;
        }
    }
    text[length] = '\0';
    return text;
}

char *take_quoted(struct cursor *cursor)
{
    if (!skips(cursor, '"')) {
        refuse(cursor, "a quoted value is expected at byte %zu", (size_t)(cursor->at - cursor->start) + 1);
        return NULL;
    }
    char *text = take_escaped(cursor, "\\\"n", '"');
    if (text && !skips(cursor, '"')) {
        free(text);
        refuse(cursor, "a label value has no closing quote");
        return NULL;
    }
    return text;
}

char *take_help(struct cursor *cursor)
{
    return take_escaped(cursor, cursor->format == PROMC_FORMAT_OPENMETRICS ? "\\\"n" : "\\n", -1);
}

char *take_word(struct cursor *cursor)
{
    const char *start = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != ' ')
        cursor->at++;
    if (memchr(start, '\0', (size_t)(cursor->at - start))) {
        refuse(cursor, "a NUL byte in a number");
        return NULL;
    }
    return strndup(start, (size_t)(cursor->at - start));
}

/* [sign] digits [. digits] [e [sign] digits], with a digit before or after the point. */
static bool is_real(const char *text)
{
    text += *text == '+' || *text == '-';
    size_t before = strspn(text, DIGITS), behind = 0;
    text += before;
    if (*text == '.') {
        behind = strspn(text + 1, DIGITS);
        text += 1 + behind;
    }
    if (before + behind == 0)
        return false;
    if (*text == 'e' || *text == 'E') {
        text++;
        text += *text == '+' || *text == '-';
        if (!isdigit((unsigned char)*text))
            return false;
        text += strspn(text, DIGITS);
    }
    return *text == '\0';
}

/* The decimal separator is a point in any locale of the program under test. */
static double real(const char *text)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double value = c ? strtod_l(text, NULL, c) : strtod(text, NULL);
    if (c)
        freelocale(c);
    return value;
}

bool parse_number(const char *text, double *out)
{
    static const struct {
        const char *text;
        double value;
    } special[] = {{"NaN", NAN}, {"+Inf", INFINITY}, {"-Inf", -INFINITY}};
    for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++) {
        if (strcmp(text, special[i].text) == 0) {
            *out = special[i].value;
            return true;
        }
    }
    if (!is_real(text))
        return false;
    *out = real(text);
    return true;
}

bool parse_stamp(const char *text, enum promc_format format, struct stamp *out)
{
    size_t sign = *text == '+' || *text == '-';
    size_t whole = sign + strspn(text + sign, DIGITS);
    if (format != PROMC_FORMAT_OPENMETRICS) {
        *out = (struct stamp){real(text) / 1e3, 0};
        return whole > sign && !text[whole];
    }
    if (!is_real(text) || !isfinite(real(text)))
        return false;
    *out = (struct stamp){trunc(real(text)), 0};
    if (strpbrk(text, "eE")) {
        out->nanoseconds = trunc((real(text) - out->seconds) * 1e9);
    } else if (text[whole] == '.') {
        char nanoseconds[] = "000000000";
        memcpy(nanoseconds, text + whole + 1, strnlen(text + whole + 1, sizeof(nanoseconds) - 1));
        out->nanoseconds = *text == '-' ? -real(nanoseconds) : real(nanoseconds);
    }
    return true;
}

/* Length of the UTF-8 sequence that begins here, 0: invalid; no overlong forms, no surrogates, at most U+10FFFF. */
static size_t utf8_sequence(const unsigned char *at, size_t room)
{
    unsigned char first = at[0], low = 0x80, high = 0xBF;
    size_t length = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
    if (length == 0 || length > room)
        return 0;
    if (first == 0xE0 || first == 0xF0)
        low = first == 0xE0 ? 0xA0 : 0x90;
    if (first == 0xED || first == 0xF4)
        high = first == 0xED ? 0x9F : 0x8F;
    for (size_t i = 1; i < length; i++) {
        if (at[i] < low || at[i] > high)
            return 0;
        low = 0x80;
        high = 0xBF;
    }
    return length;
}

bool utf8_valid(const char *text, const char *end)
{
    while (text < end) {
        size_t length = utf8_sequence((const unsigned char *)text, (size_t)(end - text));
        if (length == 0)
            return false;
        text += length;
    }
    return true;
}

size_t utf8_length(const char *text)
{
    size_t count = 0;
    for (; *text; text++)
        count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}
