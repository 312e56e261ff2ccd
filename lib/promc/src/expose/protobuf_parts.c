/* SPDX-License-Identifier: Apache-2.0 */
#include "expose/protobuf_parts.h"

/* Fields of the messages. */
enum {
    LABEL_NAME = 1,
    LABEL_VALUE,
    EXEMPLAR_LABEL = 1,
    EXEMPLAR_VALUE,
    EXEMPLAR_TIMESTAMP,
    HISTOGRAM_SCHEMA = 5,
    HISTOGRAM_ZERO_THRESHOLD,
    HISTOGRAM_ZERO_COUNT,
    HISTOGRAM_NEGATIVE_SPAN = 9,
    HISTOGRAM_NEGATIVE_DELTA,
    HISTOGRAM_POSITIVE_SPAN = 12,
    HISTOGRAM_POSITIVE_DELTA,
    SPAN_OFFSET = 1,
    SPAN_LENGTH,
    TIMESTAMP_SECONDS = 1,
    TIMESTAMP_NANOS
};

/* Up to this many empty buckets are cheaper to write than another span. */
#define GAP_MOST 2

char *promc_protobuf_timestamp(char *out, int field, double seconds)
{
    uint64_t whole = (uint64_t)seconds;
    uint64_t nanos = (uint64_t)((seconds - (double)whole) * 1e9);
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_BYTES);
    *out++ = PROMC_PROTOBUF_TIMESTAMP;
    *out++ = PROMC_WIRE_TAG(TIMESTAMP_SECONDS, PROMC_WIRE_VARINT);
    out = promc_wire_padded(out, whole, PROMC_PROTOBUF_SECONDS_WIDTH);
    *out++ = PROMC_WIRE_TAG(TIMESTAMP_NANOS, PROMC_WIRE_VARINT);
    return promc_wire_padded(out, nanos < 999999999 ? nanos : 999999999, PROMC_PROTOBUF_NANOS_WIDTH);
}

static char *put_string(char *out, int field, const char *text, size_t length)
{
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_BYTES);
    out = promc_wire_varint(out, length);
    return promc_wire_bytes(out, text, length);
}

static size_t string_size(size_t length)
{
    return 1 + promc_wire_varint_size(length) + length;
}

/* Split `name="escaped"` off the front of a rendering; the value is unescaped into `value`. @return the start of the next pair. */
static const char *read_pair(const char *at, size_t *name_length, char *value, size_t *value_length)
{
    const char *name = at;
    char *out = value;
    while (*at != '=')
        at++;
    *name_length = (size_t)(at - name);
    for (at += 2; *at != '"'; at++) {
        if (*at == '\\') {
            at++;
            *out++ = *at == 'n' ? '\n' : *at;
        } else {
            *out++ = *at;
        }
    }
    *value_length = (size_t)(out - value);
    return at + 2; /* past the quote and the comma */
}

void promc_protobuf_exemplar(struct promc_bytes *bytes, const struct promc_exemplar_view *exemplar)
{
    char value[PROMC_EXEMPLAR_BYTES];
    /* A rendered pair has at least five bytes, and becomes at most eight longer here. */
    char *start = promc_bytes_reserve(bytes, 3 * PROMC_EXEMPLAR_BYTES + 64), *out = start;
    if (!out)
        return;
    const char *at = exemplar->text, *end = exemplar->text + exemplar->length;
    while (at < end) {
        size_t name_length, value_length;
        const char *next = read_pair(at, &name_length, value, &value_length);
        *out++ = PROMC_WIRE_TAG(EXEMPLAR_LABEL, PROMC_WIRE_BYTES);
        out = promc_wire_varint(out, string_size(name_length) + string_size(value_length));
        out = put_string(out, LABEL_NAME, at, name_length);
        out = put_string(out, LABEL_VALUE, value, value_length);
        at = next;
    }
    out = promc_protobuf_double(out, EXEMPLAR_VALUE, exemplar->value);
    out = promc_protobuf_timestamp(out, EXEMPLAR_TIMESTAMP, exemplar->timestamp);
    bytes->length += (size_t)(out - start);
}

static uint64_t zigzag(int64_t n)
{
    return (uint64_t)n << 1 ^ (uint64_t)(n >> 63);
}

static void append_span(struct promc_bytes *bytes, int field, int32_t offset, uint32_t length)
{
    char *start = promc_bytes_reserve(bytes, 16), *out = start;
    if (!out)
        return;
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_BYTES);
    *out++ = (char)(2 + promc_wire_varint_size(zigzag(offset)) + promc_wire_varint_size(length));
    *out++ = PROMC_WIRE_TAG(SPAN_OFFSET, PROMC_WIRE_VARINT);
    out = promc_wire_varint(out, zigzag(offset));
    *out++ = PROMC_WIRE_TAG(SPAN_LENGTH, PROMC_WIRE_VARINT);
    out = promc_wire_varint(out, length);
    bytes->length += (size_t)(out - start);
}

/* Number of empty buckets that are written between this one and the next; -1: a new span begins there. */
static int gap_after(const struct promc_native_bucket *bucket)
{
    int32_t gap = bucket[1].index - bucket[0].index - 1;
    return gap <= GAP_MOST ? (int)gap : -1;
}

static void append_spans(struct promc_bytes *bytes, int field, const struct promc_native_bucket *buckets,
                         unsigned count)
{
    int32_t next = 0; /* the index after the last span */
    for (unsigned i = 0; i < count; i++) {
        int32_t first = buckets[i].index;
        while (i + 1 < count && gap_after(&buckets[i]) >= 0)
            i++;
        append_span(bytes, field, first - next, (uint32_t)(buckets[i].index - first + 1));
        next = buckets[i].index + 1;
    }
}

/* Each count as the difference from the previous one, packed. `out` NULL: only measure. @return bytes. */
static size_t put_deltas(char *out, const struct promc_native_bucket *buckets, unsigned count)
{
    size_t size = 0;
    uint64_t before = 0;
    for (unsigned i = 0; i < count; i++) {
        int gap = i + 1 < count ? gap_after(&buckets[i]) : -1;
        for (int k = 0; k <= (gap > 0 ? gap : 0); k++) {
            uint64_t now = k == 0 ? buckets[i].count : 0;
            uint64_t delta = zigzag((int64_t)(now - before));
            size += promc_wire_varint_size(delta);
            if (out)
                out = promc_wire_varint(out, delta);
            before = now;
        }
    }
    return size;
}

static void append_deltas(struct promc_bytes *bytes, int field, const struct promc_native_bucket *buckets,
                          unsigned count)
{
    size_t size = put_deltas(NULL, buckets, count);
    char *start = promc_bytes_reserve(bytes, size + 11), *out = start;
    if (!out || count == 0)
        return;
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_BYTES);
    out = promc_wire_varint(out, size);
    bytes->length += (size_t)(out - start) + put_deltas(out, buckets, count);
}

void promc_protobuf_native(struct promc_bytes *bytes, const struct promc_native_view *native)
{
    const struct promc_native_bucket *positive = native->buckets + native->negative;
    char *start = promc_bytes_reserve(bytes, PROMC_PROTOBUF_NATIVE_FIXED), *out = start;
    if (!out)
        return;
    *out++ = PROMC_WIRE_TAG(HISTOGRAM_SCHEMA, PROMC_WIRE_VARINT);
    out = promc_wire_varint(out, zigzag(native->schema));
    out = promc_protobuf_double(out, HISTOGRAM_ZERO_THRESHOLD, native->zero_threshold);
    *out++ = PROMC_WIRE_TAG(HISTOGRAM_ZERO_COUNT, PROMC_WIRE_VARINT);
    out = promc_wire_varint(out, native->zeros);
    bytes->length += (size_t)(out - start);
    append_spans(bytes, HISTOGRAM_NEGATIVE_SPAN, native->buckets, native->negative);
    append_deltas(bytes, HISTOGRAM_NEGATIVE_DELTA, native->buckets, native->negative);
    append_spans(bytes, HISTOGRAM_POSITIVE_SPAN, positive, native->count - native->negative);
    append_deltas(bytes, HISTOGRAM_POSITIVE_DELTA, positive, native->count - native->negative);
    if (native->count == 0 && native->zero_threshold == 0) {
        append_span(bytes, HISTOGRAM_POSITIVE_SPAN, 0,
                    0); /* an empty span: without it a reader would take this for a classic histogram */
    }
}
