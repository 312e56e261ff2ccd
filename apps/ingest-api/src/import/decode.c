/* SPDX-License-Identifier: Apache-2.0 */
#include "import/decode.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WINDOW (3 * (size_t)CSV_MAX_ROW)
#define PIECE 65536
#define REST 16 /* bytes kept free at the window's end, for a character, and the LF after a CR */

const char *const charset_names[CHARSETS] = {"utf-8", "utf-16le", "utf-16be", "windows-1252", "iso-8859-15"};

/* ---- which character set ---- */

#define UTF16 CHARSETS /* declared without byte order: its bytes decide */

static const struct {
    const char *name;
    int charset;
} declared_names[] = {
    {"utf-8", CHARSET_UTF8},
    {"utf8", CHARSET_UTF8},
    {"us-ascii", CHARSET_UTF8},
    {"ascii", CHARSET_UTF8},
    {"utf-16", UTF16},
    {"utf16", UTF16},
    {"unicode", UTF16},
    {"utf-16le", CHARSET_UTF16LE},
    {"utf-16be", CHARSET_UTF16BE},
    {"windows-1252", CHARSET_WINDOWS_1252},
    {"cp1252", CHARSET_WINDOWS_1252},
    {"cp-1252", CHARSET_WINDOWS_1252},
    {"x-cp1252", CHARSET_WINDOWS_1252},
    {"ansi", CHARSET_WINDOWS_1252},
    {"iso-8859-1", CHARSET_WINDOWS_1252},
    {"iso8859-1", CHARSET_WINDOWS_1252},
    {"iso_8859-1", CHARSET_WINDOWS_1252},
    {"latin1", CHARSET_WINDOWS_1252},
    {"latin-1", CHARSET_WINDOWS_1252},
    {"iso-8859-15", CHARSET_ISO_8859_15},
    {"latin9", CHARSET_ISO_8859_15},
    {"latin-9", CHARSET_ISO_8859_15},
};

/* @return -1: not known */
static int by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(declared_names) / sizeof(declared_names[0]); i++)
        if (strcasecmp(name, declared_names[i].name) == 0)
            return declared_names[i].charset;
    return -1;
}

bool charset_is_known(const char *name)
{
    return !*name || by_name(name) >= 0;
}

/* Does it begin with two ASCII letters in UTF-16, so that each second byte is NUL? @return the charset, or -1 */
static int utf16_by_zeros(const char *text, size_t length)
{
    if (length < 4)
        return -1;
    if (text[0] && !text[1] && text[2] && !text[3])
        return CHARSET_UTF16LE;
    return !text[0] && text[1] && !text[2] && text[3] ? CHARSET_UTF16BE : -1;
}

/* Count the non-ASCII characters (*good) and the invalid bytes (*bad). */
static void count_utf8(const char *text, size_t length, size_t *good, size_t *bad)
{
    while (length > 0) {
        size_t at = utf8_check(text, length), run = at == UTF8_VALID ? length : at;
        for (size_t i = 0; i < run; i++)
            *good += (unsigned char)text[i] >= 0xc0;
        if (at == UTF8_VALID)
            return;
        *bad += text[at] != '\0';
        text += at + 1;
        length -= at + 1;
    }
}

/* The length of a piece of a long text, whose pages are freed after it. A piece never ends inside a character. */
static size_t piece(const char *text, size_t length)
{
    size_t n = PIECE;

    if (length <= PIECE)
        return length;
    for (int i = 0; i < 3 && ((unsigned char)text[n] & 0xc0) == 0x80; i++)
        n--;
    return n;
}

static enum charset utf8_or_windows(const char *text, size_t length, const struct import_progress *progress)
{
    size_t good = 0, bad = 0;

    while (length > 0) {
        size_t n = piece(text, length);
        count_utf8(text, n, &good, &bad);
        text += n;
        length -= n;
        if (progress && progress->passed && length > 0)
            progress->passed(progress->arg, text);
    }
    return bad > good ? CHARSET_WINDOWS_1252 : CHARSET_UTF8;
}

enum charset charset_of(const char *declared, const char *text, size_t length, const struct import_progress *progress)
{
    int charset = *declared ? by_name(declared) : -1, zeros = utf16_by_zeros(text, length);

    if (length >= 2 && memcmp(text, "\xff\xfe", 2) == 0)
        return CHARSET_UTF16LE;
    if (length >= 2 && memcmp(text, "\xfe\xff", 2) == 0)
        return CHARSET_UTF16BE;
    if (length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        return CHARSET_UTF8;
    if (charset == UTF16)
        return zeros == CHARSET_UTF16BE ? CHARSET_UTF16BE : CHARSET_UTF16LE;
    if (charset >= 0)
        return (enum charset)charset;
    return zeros >= 0 ? (enum charset)zeros : utf8_or_windows(text, length, progress);
}

/* ---- decoding ---- */

/* 0x80 … 0x9f. The five unused codes stay control characters, which are refused later. */
static const uint16_t windows_1252[32] = {
    0x20ac, 0x81,   0x201a, 0x192,  0x201e, 0x2026, 0x2020, 0x2021, 0x2c6,  0x2030, 0x160,
    0x2039, 0x152,  0x8d,   0x17d,  0x8f,   0x90,   0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
    0x2013, 0x2014, 0x2dc,  0x2122, 0x161,  0x203a, 0x153,  0x9d,   0x17e,  0x178,
};

static uint32_t latin9(unsigned char c)
{
    switch (c) {
    case 0xa4:
        return 0x20ac;
    case 0xa6:
        return 0x160;
    case 0xa8:
        return 0x161;
    case 0xb4:
        return 0x17d;
    case 0xb8:
        return 0x17e;
    case 0xbc:
        return 0x152;
    case 0xbd:
        return 0x153;
    case 0xbe:
        return 0x178;
    default:
        return c;
    }
}

static char *put(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

static uint32_t unit(const struct decoder *decoder, const char *p)
{
    const unsigned char *u = (const unsigned char *)p;

    return decoder->charset == CHARSET_UTF16LE ? u[0] | (uint32_t)u[1] << 8 : u[1] | (uint32_t)u[0] << 8;
}

/* A UTF-16 character; half a pair, or half a unit at the end, becomes an invalid UTF-8 byte. */
static char *put_utf16(struct decoder *decoder, char *to)
{
    size_t left = (size_t)(decoder->end - decoder->from);

    if (left < 2) {
        if (*decoder->from++)
            *to++ = '\xff';
        return to;
    }
    uint32_t c = unit(decoder, decoder->from);
    decoder->from += 2;
    if (c < 0xd800 || c > 0xdfff)
        return put(to, c);
    uint32_t low = c < 0xdc00 && left >= 4 ? unit(decoder, decoder->from) : 0;
    if (low < 0xdc00 || low > 0xdfff) {
        *to++ = '\xff';
        return to;
    }
    decoder->from += 2;
    return put(to, 0x10000 + ((c & 0x3ff) << 10 | (low & 0x3ff)));
}

static char *put_next(struct decoder *decoder, char *to)
{
    if (decoder->charset == CHARSET_UTF16LE || decoder->charset == CHARSET_UTF16BE)
        return put_utf16(decoder, to);
    unsigned char c = (unsigned char)*decoder->from++;
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (decoder->charset == CHARSET_ISO_8859_15)
        return put(to, latin9(c));
    return put(to, c < 0xa0 ? windows_1252[c - 0x80] : c);
}

static bool decode_more(struct csv *csv, void *arg)
{
    struct decoder *decoder = arg;
    size_t left = (size_t)(csv->end - csv->cursor);
    char *to = decoder->window + left, *limit = decoder->window + decoder->size - REST;

    if (decoder->from == decoder->end)
        return false;
    memmove(decoder->window, csv->cursor, left);
    while (decoder->from < decoder->end && to < limit)
        to = put_next(decoder, to);
    if (decoder->from < decoder->end && to > decoder->window && to[-1] == '\r')
        to = put_next(decoder, to);
    csv->cursor = decoder->window;
    csv->end = to - (decoder->from == decoder->end && to > csv->cursor && to[-1] == '\x1a'); /* DOS's end of file */
    return true;
}

static void skip_mark(const char **text, size_t *length, const char *mark, size_t n)
{
    while (*length >= n && memcmp(*text, mark, n) == 0) {
        *text += n;
        *length -= n;
    }
}

bool decoder_open(struct decoder *decoder, enum charset charset, const char *text, size_t length, struct csv *csv)
{
    *decoder = (struct decoder){.charset = charset};
    skip_mark(&text, &length, "\xef\xbb\xbf", 3);
    if (charset == CHARSET_UTF8) {
        skip_mark(&text, &length, "\xc3\xaf\xc2\xbb\xc2\xbf", 6); /* a mark that was read as Windows-1252 */
        csv_init(csv, text, length);
        decoder->from = text;
        return true;
    }
    if (charset == CHARSET_UTF16LE || charset == CHARSET_UTF16BE)
        skip_mark(&text, &length, charset == CHARSET_UTF16LE ? "\xff\xfe" : "\xfe\xff", 2);
    decoder->from = text;
    decoder->end = text + length;
    decoder->size = length < WINDOW / 3 ? 3 * length + 2 * REST : WINDOW;
    decoder->window = malloc(decoder->size);
    if (!decoder->window)
        return false;
    csv_init(csv, "", 0);
    csv->cursor = csv->end = decoder->window;
    csv->more = decode_more;
    csv->more_arg = decoder;
    (void)decode_more(csv, decoder);
    return true;
}

void decoder_close(struct decoder *decoder)
{
    free(decoder->window);
    decoder->window = NULL;
}
