/* SPDX-License-Identifier: Apache-2.0 */
/* Random hostile names, labels and numbers from a seed. For generate_corpus.c. */
#ifndef PROMC_TESTS_CORPUS_RANDOM_H
#define PROMC_TESTS_CORPUS_RANDOM_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* splitmix64 */
struct random {
    uint64_t state;
};

static inline uint64_t draw(struct random *random)
{
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* 0 … n-1 */
static inline unsigned below(struct random *random, unsigned n)
{
    return (unsigned)(draw(random) % n);
}

static inline bool one_in(struct random *random, unsigned n)
{
    return below(random, n) == 0;
}

#define PICK(random, array) ((array)[below((random), (unsigned)(sizeof(array) / sizeof((array)[0])))])

/* Valid, reserved, suspicious and foreign words. Registration refuses many, which is tested too. */
static inline const char *draw_word(struct random *random, bool utf8)
{
    static const char *const classic[] = {"a",  "up",       "x_seconds", "jobs",   "http_requests", ":rule:x",  "_",
                                          "le", "quantile", "total",     "Camel",  "size_bytes",    "x_ratio",  "a__b",
                                          "Z9", "info",     "sum_count", "bucket", "created_x",     "nan_total"};
    static const char *const foreign[] = {"my.name",    "żółw", "with space", "a\"b\\c", "花火",      "a-b/c", "😱",
                                          "x{y=\"z\"}", "1st",  "bad\xff",    "ctl\x01", "ö_seconds", "{",     "#"};
    return utf8 && one_in(random, 2) ? PICK(random, foreign) : PICK(random, classic);
}

static inline void draw_metric_name(struct random *random, unsigned registry, bool utf8, char *out, size_t room)
{
    static const char *const suffixes[] = {"",        "",       "",         "",         "",       "",      "",
                                           "",        "",       "",         "_total",   "_total", "_info", "_sum",
                                           "_bucket", "_count", "_created", "_seconds", "_bytes", "_bytes"};
    int n = snprintf(out, room, "r%u_%s", registry, draw_word(random, utf8));
    if (one_in(random, 2))
        n += snprintf(out + n, room - (size_t)n, "_%s", draw_word(random, utf8));
    snprintf(out + n, room - (size_t)n, "%s", PICK(random, suffixes));
}

/* Bytes of a label value, followed by a NUL; NULs inside only if `nul`. @return their number. */
static inline size_t draw_value(struct random *random, char *out, size_t room, bool nul)
{
    static const char *const hostile[] = {
        "",
        "other",
        "plain",
        "with space",
        "quote\"",
        "back\\slash",
        "new\nline",
        "\\n",
        "\\\"",
        "trailing\\",
        "{a=\"b\"}",
        "a,b=c",
        "# EOF",
        "\r\n",
        "\t",
        "żółw",
        "花火 😱",
        "bad\xff\xfe",
        "cut\xe2\x82",
        "\x01\x7f",
        "le=\"+Inf\"",
        "} 1 # {",
        "\xed\xa0\x80x",
        "\xf4\x90\x80",
        "\xc0\xaf",
        "\xef\xbf\xbd",
        "other ",
        "\xe2\x80\xa8\xc2\x85",
        "NaN",
        "+Inf",
        "\"",
        "\\",
        "\n",
        "=",
        "GET",
    };
    size_t n;
    switch (below(random, 4)) {
    case 0: /* any bytes */
        n = below(random, 40);
        for (size_t i = 0; i < n; i++) {
            out[i] = (char)draw(random);
            if (out[i] == '\0' && !nul)
                out[i] = '0';
        }
        break;
    case 1: /* pieces */
        n = 0;
        for (unsigned pieces = below(random, 6); pieces > 0; pieces--) {
            const char *piece = PICK(random, hostile);
            memcpy(out + n, piece, strlen(piece));
            n += strlen(piece);
        }
        break;
    default: {
        const char *piece = PICK(random, hostile);
        n = strlen(piece);
        memcpy(out, piece, n);
        break;
    }
    }
    if (room > 4096 && one_in(random, 3000)) { /* about 64 KiB of one kind */
        static const char filling[] = "\"\\\n\xff\xc5"
                                      "a";
        n = room - 1 - below(random, 2000);
        memset(out, filling[below(random, sizeof(filling) - 1)], n);
    }
    out[n] = '\0';
    return n;
}

/* Any double, including NaNs with any bits. */
static inline double draw_double(struct random *random)
{
    static const double edges[] = {0,
                                   -0.0,
                                   1,
                                   -1,
                                   0.1,
                                   1e-5,
                                   123456.789,
                                   1e21,
                                   5e-324,
                                   1.7976931348623157e308,
                                   1e15,
                                   1e16,
                                   1e17,
                                   1e-4,
                                   0.3,
                                   9007199254740993.0,
                                   4294967296.0,
                                   1e6,
                                   999999.,
                                   2.5e-7,
                                   (double)NAN,
                                   (double)INFINITY,
                                   -(double)INFINITY};
    double value;
    uint64_t bits = draw(random);
    switch (below(random, 4)) {
    case 0:
        if (one_in(random, 20))
            bits = UINT64_C(
                0x7ff0000000000002); /* the NaN that means "stale" to Prometheus, if it were exposed unchanged */
        memcpy(&value, &bits, sizeof(value));
        return value;
    case 1:
        return (double)(int)below(random, 2000) - 1000;
    case 2:
        return (double)(int64_t)(bits >> 12) / (double)(1 << below(random, 30));
    default:
        return PICK(random, edges);
    }
}

/* Finite, and so small that a sum of several is finite too. */
static inline double draw_observation(struct random *random)
{
    double value = draw_double(random);
    return fabs(value) < 1e300 ? value : 1.5;
}

#endif
