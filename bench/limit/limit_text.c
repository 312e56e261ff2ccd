/* SPDX-License-Identifier: Apache-2.0 */
#include "limit_text.h"

#include "../common/harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE = 64 * 1024, LINE_MAX_BYTES = 512, SLACK = 64, SCRAPES = 5 };

/* The data of one family: the label texts one after the other, as in an arena, and the values. */
typedef struct store {
    uint32_t series;
    uint32_t *offsets; /* series + 1 */
    char *texts;       /* followed by SLACK bytes, because copies may read past the end */
    uint64_t *counters;
    uint64_t (*buckets)[BENCH_BOUNDS + 1];
    double *sums;
    char buffer[SLICE + LINE_MAX_BYTES];
} store;

static void *must(void *p)
{
    if (!p) {
        fprintf(stderr, "limit: no memory\n");
        exit(1);
    }
    return p;
}

static store *store_new(uint32_t series, const char *prefix)
{
    store *s = must(calloc(1, sizeof(*s)));
    s->series = series;
    s->offsets = must(calloc(series + 1, sizeof(*s->offsets)));
    s->texts = must(malloc((size_t)series * 128 + SLACK));
    s->counters = must(calloc(series, sizeof(*s->counters)));
    for (uint32_t i = 0; i < series; i++) {
        bench_labels labels;
        bench_labels_of(i, &labels);
        char *at = s->texts + s->offsets[i];
        int n = sprintf(at, "%smethod=\"%s\",route=\"%s\",status_code=\"%s\"", prefix, labels.method, labels.route,
                        labels.status);
        s->offsets[i + 1] = s->offsets[i] + (uint32_t)n;
        s->counters[i] = bench_counter_value(i);
    }
    return s;
}

static void store_free(store *s)
{
    free(s->offsets);
    free(s->texts);
    free(s->counters);
    free(s->buckets);
    free(s->sums);
    free(s);
}

/* ---- pieces of a line ---- */

/* Copies in blocks of 16: may read and write up to 15 bytes past the end, and both buffers have room for that. */
static inline char *copy(char *out, const char *from, size_t n)
{
    for (size_t i = 0; i < n; i += 16)
        memcpy(out + i, from + i, 16);
    return out + n;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

static inline char *write_uint(char *out, uint64_t v)
{
    char digits[24];
    char *at = digits + sizeof(digits);
    while (v >= 100) {
        at -= 2;
        memcpy(at, digit_pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(at, digit_pairs + v * 2, 2);
    } else {
        *--at = (char)('0' + v);
    }
    size_t n = (size_t)(digits + sizeof(digits) - at);
    memcpy(out, at, n);
    return out + n;
}

/* Integer part, decimal point, twelve decimal places. */
static inline char *write_fixed(char *out, double v)
{
    uint64_t whole = (uint64_t)v;
    uint64_t part = (uint64_t)((v - (double)whole) * 1e12) + 1000000000000u;
    out = write_uint(out, whole);
    char *point = out;
    out = write_uint(out, part);
    *point = '.'; /* replaces the leading 1 */
    return out;
}

/* ---- counters ---- */

static const char counter_name[SLACK] = "http_requests_total"; /* padded, because copies read past the end */

static inline char *assemble_counter(const store *s, uint32_t i, char *out)
{
    out = copy(out, counter_name, 19);
    *out++ = '{';
    out = copy(out, s->texts + s->offsets[i], s->offsets[i + 1] - s->offsets[i]);
    memcpy(out, "} ", 2);
    out = write_uint(out + 2, s->counters[i]);
    *out++ = '\n';
    return out;
}

static size_t assemble_counters(void *state)
{
    store *s = state;
    size_t total = 0;
    char *out = s->buffer;
    for (uint32_t i = 0; i < s->series; i++) {
        out = assemble_counter(s, i, out);
        if (out > s->buffer + SLICE - LINE_MAX_BYTES) {
            BENCH_BARRIER();
            total += (size_t)(out - s->buffer);
            out = s->buffer;
        }
    }
    BENCH_BARRIER();
    return total + (size_t)(out - s->buffer);
}

static size_t copy_counters(void *state)
{
    store *s = state;
    size_t total = 0;
    char *out = s->buffer;
    for (uint32_t i = 0; i < s->series; i++) {
        out = copy(out, s->texts + s->offsets[i], s->offsets[i + 1] - s->offsets[i]);
        memcpy(out, "} ", 2);
        out = write_uint(out + 2, s->counters[i]);
        *out++ = '\n';
        if (out > s->buffer + SLICE - LINE_MAX_BYTES) {
            BENCH_BARRIER();
            total += (size_t)(out - s->buffer);
            out = s->buffer;
        }
    }
    BENCH_BARRIER();
    return total + (size_t)(out - s->buffer);
}

static double megabytes_per_second(bench_render render, store *s)
{
    size_t bytes;
    double ns = bench_render_ns(render, s, &bytes);
    return (double)bytes / ns * 1000;
}

void limit_text_counters(uint32_t series, const char *name)
{
    char copied[64];
    store *s = store_new(series, "");
    bench_emit(name, megabytes_per_second(assemble_counters, s));
    store_free(s);
    s = store_new(series, "http_requests_total{");
    snprintf(copied, sizeof(copied), "%s_copy", name);
    bench_emit(copied, megabytes_per_second(copy_counters, s));
    store_free(s);
}

/* ---- histograms ---- */

static inline char *assemble_line(const store *s, uint32_t i, char *out, const char *suffix, size_t length)
{
    static const char base[SLACK] = "http_request_duration_seconds";
    out = copy(out, base, 29);
    out = copy(out, suffix, length);
    return copy(out, s->texts + s->offsets[i], s->offsets[i + 1] - s->offsets[i]);
}

static char *assemble_histogram(const store *s, uint32_t i, char *out)
{
    static const char bucket[SLACK] = "_bucket{", sum[SLACK] = "_sum{", count[SLACK] = "_count{";
    static const char le[BENCH_BOUNDS + 1][32] = {
        ",le=\"0.005\"} ", ",le=\"0.01\"} ", ",le=\"0.025\"} ", ",le=\"0.05\"} ", ",le=\"0.1\"} ", ",le=\"0.25\"} ",
        ",le=\"0.5\"} ",   ",le=\"1\"} ",    ",le=\"2.5\"} ",   ",le=\"5\"} ",    ",le=\"10\"} ",  ",le=\"+Inf\"} "};
    static const uint8_t le_length[BENCH_BOUNDS + 1] = {13, 12, 13, 12, 11, 12, 11, 9, 11, 9, 10, 12};
    uint64_t cumulative = 0;
    for (int b = 0; b <= BENCH_BOUNDS; b++) {
        out = assemble_line(s, i, out, bucket, 8);
        out = copy(out, le[b], le_length[b]);
        cumulative += s->buckets[i][b];
        out = write_uint(out, cumulative);
        *out++ = '\n';
    }
    out = assemble_line(s, i, out, sum, 5);
    memcpy(out, "} ", 2);
    out = write_fixed(out + 2, s->sums[i]);
    *out++ = '\n';
    out = assemble_line(s, i, out, count, 7);
    memcpy(out, "} ", 2);
    out = write_uint(out + 2, cumulative);
    *out++ = '\n';
    return out;
}

static size_t assemble_histograms(void *state)
{
    store *s = state;
    size_t total = 0;
    char *out = s->buffer;
    for (uint32_t i = 0; i < s->series; i++) {
        out = assemble_histogram(s, i, out);
        if (out > s->buffer + SLICE - 8 * LINE_MAX_BYTES) {
            BENCH_BARRIER();
            total += (size_t)(out - s->buffer);
            out = s->buffer;
        }
    }
    BENCH_BARRIER();
    return total + (size_t)(out - s->buffer);
}

static void observe_all(store *s)
{
    uint32_t v = 0;
    for (uint32_t i = 0; i < s->series; i++)
        for (int k = 0; k < BENCH_HISTOGRAM_FILL; k++) {
            double value = bench_values[v++ % BENCH_VALUES];
            int b = 0;
            while (b < BENCH_BOUNDS && value > bench_bounds[b])
                b++;
            s->buckets[i][b]++;
            s->sums[i] += value;
        }
}

void limit_text_histograms(uint32_t series, const char *name)
{
    store *s = store_new(series, "");
    s->buckets = must(calloc(series, sizeof(*s->buckets)));
    s->sums = must(calloc(series, sizeof(*s->sums)));
    observe_all(s);
    bench_emit(name, megabytes_per_second(assemble_histograms, s));
    store_free(s);
}

/* ---- slices ---- */

static double longest_slice_ns(store *s)
{
    uint64_t longest = 0;
    for (uint32_t i = 0; i < s->series;) {
        long switches = bench_descheduled();
        uint64_t start = bench_now_ns();
        char *out = s->buffer;
        while (i < s->series && out <= s->buffer + SLICE - LINE_MAX_BYTES)
            out = assemble_counter(s, i++, out);
        BENCH_BARRIER();
        uint64_t took = bench_now_ns() - start;
        if (took > longest && bench_descheduled() == switches)
            longest = took;
    }
    return (double)longest;
}

void limit_slices(uint32_t series)
{
    store *s = store_new(series, "");
    double maxima[SCRAPES];
    for (int i = 0; i < SCRAPES; i++)
        maxima[i] = longest_slice_ns(s);
    bench_emit("slice_stall_us", bench_median(maxima, SCRAPES) / 1000);
    store_free(s);
}
