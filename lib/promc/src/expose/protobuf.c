/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delimited io.prometheus.client.MetricFamily messages.
 *
 * A MetricFamily begins with its length, and a family may have a million series that come and go while it is written. Nothing is
 * buffered and nothing is walked twice: the length is *announced* from the family's counters (series, bytes of label text),
 * which is exact while nobody creates or removes series. Announced bytes that are not needed are filled with an unknown field, which every
 * reader skips; a series that does not fit goes into another message of the same name.
 */
#include "base/escape.h"
#include "expose/encoder.h"
#include "expose/protobuf_parts.h"
#include "expose/wire.h"
#include "series/child.h"

/* Fields of the messages. */
enum {
    FAMILY_NAME = 1,
    FAMILY_HELP,
    FAMILY_TYPE,
    FAMILY_METRIC,
    FAMILY_UNIT,
    METRIC_LABEL = 1,
    METRIC_GAUGE,
    METRIC_COUNTER,
    METRIC_SUMMARY,
    METRIC_UNTYPED,
    METRIC_TIMESTAMP,
    METRIC_HISTOGRAM,
    LABEL_NAME = 1,
    LABEL_VALUE,
    VALUE = 1,
    COUNTER_EXEMPLAR,
    COUNTER_CREATED,
    SUMMARY_COUNT = 1,
    SUMMARY_SUM,
    SUMMARY_QUANTILE,
    SUMMARY_CREATED,
    QUANTILE_QUANTILE = 1,
    QUANTILE_VALUE,
    HISTOGRAM_COUNT = 1,
    HISTOGRAM_SUM,
    HISTOGRAM_BUCKET,
    HISTOGRAM_CREATED = 15,
    HISTOGRAM_EXEMPLAR,
    BUCKET_COUNT = 1,
    BUCKET_BOUND,
    BUCKET_EXEMPLAR
};

enum { TYPE_COUNTER, TYPE_GAUGE, TYPE_SUMMARY, TYPE_UNTYPED, TYPE_HISTOGRAM };

/* Widths of padded varints. */
#define FAMILY_WIDTH 5  /* a MetricFamily: 32 GiB */
#define MESSAGE_WIDTH 4 /* a Metric or Histogram: 256 MiB */
#define LABEL_WIDTH 3   /* a LabelPair or a label's value */
#define COUNT_WIDTH 6   /* a bucket's count, up to 2^42 */
#define COUNT_WIDE 10   /* a larger count */
#define TIME_WIDTH 9    /* a sample's time, up to 2^63 ms */
#define QUANTILE_SIZE (2 + 9 + 9)
#define LABEL_OVERHEAD (1 + LABEL_WIDTH)
#define METRIC_OVERHEAD (1 + MESSAGE_WIDTH)
/* Tag and length of an Exemplar, and one more byte: for its bucket's or counter's length, or for the tag among the native ones. */
#define EXEMPLAR_WIDTH 2
#define EXEMPLAR_OVERHEAD (1 + EXEMPLAR_WIDTH + 1)
/* A padding field: a two-byte tag (2047, unknown to every reader), a two-byte length. */
#define PADDING_OVERHEAD 4
#define PADDING_MOST 4096
/* `,promc_overflow=""` */
#define OVERFLOW_TEXT (sizeof(PROMC_OVERFLOW_LABEL) - 1 + 4)

static const promc_str overflow_label = {PROMC_OVERFLOW_LABEL, sizeof(PROMC_OVERFLOW_LABEL) - 1};

/* How the value of a series is written: one row per shape, below. */
struct value_shape {
    char type;
    bool counts; /* its size depends on the width of its counts */
    /* Size of the field with the value, with tag and length, without `parts`. */
    size_t (*size)(const struct promc_encoder *e, unsigned count_width);
    char *(*write)(struct promc_encoder *e, char *out);
};

static const struct value_shape shapes[PROMC_SHAPES];

static const struct value_shape *shape_of(const struct promc_encoder *e)
{
    return &shapes[e->family.ops->shape];
}

static char type_of(const struct promc_encoder *e)
{
    return e->family.ops->type == PROMC_UNTYPED ? TYPE_UNTYPED : shape_of(e)->type;
}

static void append_string_field(struct promc_bytes *bytes, int field, promc_str text)
{
    char *out = promc_bytes_reserve(bytes, 11 + text.length);
    if (out && text.length > 0) {
        char *end = out;
        *end++ = PROMC_WIRE_TAG(field, PROMC_WIRE_BYTES);
        end = promc_wire_varint(end, text.length);
        end = promc_wire_bytes(end, text.data, text.length);
        bytes->length += (size_t)(end - out);
    }
}

typedef char *(*escape_function)(char *out, const char *name, size_t length, enum promc_escaping scheme);

static void append_name_field(struct promc_encoder *e, struct promc_bytes *bytes, int field, promc_str name,
                              escape_function escape)
{
    struct promc_bytes scratch = {0};
    char *out = promc_bytes_reserve(&scratch, PROMC_ESCAPED_NAME_MAX(name.length));
    if (out) {
        append_string_field(bytes, field,
                            (promc_str){out, (size_t)(escape(out, name.data, name.length, e->escaping) - out)});
    }
    bytes->failed |= scratch.failed;
    promc_bytes_free(&scratch);
}

static struct promc_piece piece_from(const struct promc_bytes *bytes, size_t at)
{
    return (struct promc_piece){(uint32_t)at, (uint32_t)(bytes->length - at)};
}

/* Whole LabelPairs, the same for every series. */
static void prepare_constant_labels(struct promc_encoder *e)
{
    struct promc_bytes *bytes = &e->protobuf.prepared;
    size_t at = bytes->length;
    for (unsigned i = 0; i < e->family.constant_label_count; i++) {
        promc_str name, value;
        promc_family_constant(e->registry, &e->family, i, &name, &value);
        size_t start = bytes->length;
        promc_bytes_append(bytes, "\0\0\0\0", LABEL_OVERHEAD);
        append_name_field(e, bytes, LABEL_NAME, name, promc_escape_label_name);
        append_string_field(bytes, LABEL_VALUE, value);
        if (bytes->failed)
            return;
        char *head = bytes->data + start;
        *head = PROMC_WIRE_TAG(METRIC_LABEL, PROMC_WIRE_BYTES);
        promc_wire_padded(head + 1, bytes->length - start - LABEL_OVERHEAD, LABEL_WIDTH);
    }
    e->protobuf.constants = piece_from(bytes, at);
}

/* A native histogram without classic buckets shows none, not even +Inf. */
static unsigned buckets_of(const struct promc_encoder *e)
{
    return e->family.native && !e->family.classic ? 0 : e->family.bound_count + 1;
}

static size_t plain_size(const struct promc_encoder *e, unsigned count_width)
{
    (void)e;
    (void)count_width;
    return 2 + 9;
}

static size_t counter_size(const struct promc_encoder *e, unsigned count_width)
{
    (void)e;
    (void)count_width;
    return 2 + 9 + 2 + PROMC_PROTOBUF_TIMESTAMP;
}

static size_t histogram_size(const struct promc_encoder *e, unsigned count_width)
{
    return 1 + MESSAGE_WIDTH + (1 + count_width) + 9 + buckets_of(e) * (2 + 1 + count_width + 9) + 2 +
           PROMC_PROTOBUF_TIMESTAMP;
}

static size_t summary_size(const struct promc_encoder *e, unsigned count_width)
{
    return 1 + MESSAGE_WIDTH + (1 + count_width) + 9 + e->family.quantile_count * QUANTILE_SIZE + 2 +
           PROMC_PROTOBUF_TIMESTAMP;
}

/* Size of the Metric messages of all series. Too large only for values that needed escaping, because their text is longer. */
static uint64_t promise(struct promc_encoder *e)
{
    const struct promc_family_data *data = e->family.data;
    uint64_t series = promc_load(&data->series);
    uint64_t text = promc_load(&data->text_bytes);
    uint64_t names = series * data->fixed_text;
    uint64_t size = series * (METRIC_OVERHEAD + e->protobuf.series_fixed + e->protobuf.value_size) +
                    (text > names ? text - names : 0);
    /* the pair of an overflow series is larger than its text, which is in text_bytes */
    size += promc_load(&data->overflows) * (2 * LABEL_OVERHEAD + e->protobuf.overflow_name.length - OVERFLOW_TEXT);
    e->protobuf.exemplar_room = promc_load(&data->exemplar_bytes);
    size += e->protobuf.exemplar_room;
    if (promc_load(&data->flags) & PROMC_FAMILY_TIMED && !e->no_timestamps)
        size += series * (1 + TIME_WIDTH);
    if (e->family.native)
        size += series * PROMC_PROTOBUF_NATIVE_FIXED + promc_load(&data->native_bytes) + PADDING_OVERHEAD;
    return size == 0 || size >= PADDING_OVERHEAD ? size : PADDING_OVERHEAD;
}

/* The length and the fields before the first Metric. */
static char *put_head(const struct promc_encoder *e, char *out, uint64_t metrics)
{
    const struct promc_protobuf_state *state = &e->protobuf;
    out = promc_wire_padded(out, state->fields.length + metrics, FAMILY_WIDTH);
    return promc_wire_bytes(out, state->prepared.data + state->fields.at, state->fields.length);
}

static int begin_family(struct promc_encoder *e)
{
    struct promc_protobuf_state *state = &e->protobuf;
    struct promc_bytes *bytes = &state->prepared;
    promc_bytes_clear(bytes);
    append_name_field(e, bytes, FAMILY_NAME, e->family.sample_name, promc_escape_name);
    append_string_field(bytes, FAMILY_HELP, e->family.help);
    char type[2] = {PROMC_WIRE_TAG(FAMILY_TYPE, PROMC_WIRE_VARINT), type_of(e)};
    promc_bytes_append(bytes, type, 2);
    append_string_field(bytes, FAMILY_UNIT, e->family.unit);
    state->fields = piece_from(bytes, 0);
    prepare_constant_labels(e);
    state->series_fixed = state->constants.length;
    for (unsigned i = 0; i < e->family.label_count; i++) {
        size_t at = bytes->length;
        append_name_field(e, bytes, LABEL_NAME, e->family.label_names[i], promc_escape_label_name);
        state->names[i] = piece_from(bytes, at);
        state->series_fixed += LABEL_OVERHEAD + state->names[i].length + LABEL_OVERHEAD;
    }
    size_t overflow = bytes->length;
    append_name_field(e, bytes, LABEL_NAME, overflow_label, promc_escape_label_name);
    state->overflow_name = piece_from(bytes, overflow);
    state->value_size = shape_of(e)->size(e, COUNT_WIDTH);
    state->remaining = promise(e);
    state->ending = false;
    size_t at = bytes->length;
    char *head = promc_bytes_reserve(bytes, FAMILY_WIDTH + state->fields.length);
    if (!head)
        return PROMC_E_NOMEM;
    bytes->length += (size_t)(put_head(e, head, state->remaining) - head);
    e->head = (promc_str){bytes->data + at, bytes->length - at};
    return 0;
}

/* Does the series fit into the announced rest, leaving either nothing or room for a padding field? */
static bool fits(const struct promc_protobuf_state *state)
{
    return state->metric_size == state->remaining || state->metric_size + PADDING_OVERHEAD <= state->remaining;
}

/* Prepare the exemplars that fit. One that was stored after the family began may have to wait for the next scrape. */
static void prepare_exemplars(struct promc_encoder *e)
{
    struct promc_protobuf_state *state = &e->protobuf;
    uint32_t places = promc_exemplar_places(e->family.data);
    for (uint32_t i = 0; i < places; i++) {
        struct promc_exemplar_view exemplar;
        size_t at = state->parts.length;
        if (promc_read_exemplar(e->registry, e->series.child, i, &exemplar) &&
            exemplar.wire_size <= state->exemplar_room) {
            promc_protobuf_exemplar(&state->parts, &exemplar);
            state->exemplar_room -= exemplar.wire_size;
            state->parts_size += EXEMPLAR_OVERHEAD;
        }
        state->exemplars[i] = piece_from(&state->parts, at);
    }
}

/* The parts of the series without a fixed size. */
static int prepare_parts(struct promc_encoder *e)
{
    struct promc_protobuf_state *state = &e->protobuf;
    bool exemplars = !e->withheld && promc_load(&e->series.child->exemplars) != 0;
    state->any_parts = e->family.native || exemplars;
    state->parts_size = 0;
    if (!state->any_parts)
        return 0;
    promc_bytes_clear(&state->parts);
    if (e->family.native) {
        promc_protobuf_native(&state->parts, &e->values.native);
        uint32_t size = (uint32_t)state->parts.length;
        if (!e->registry->arena.readonly && !e->withheld) { /* counts get longer over time */
            promc_native_announce((struct promc_family_data *)(uintptr_t)e->family.data,
                                  promc_child_native(e->series.child), size + size / 8);
        }
    }
    state->native = piece_from(&state->parts, 0);
    memset(state->exemplars, 0, promc_exemplar_places(e->family.data) * sizeof(state->exemplars[0]));
    if (exemplars)
        prepare_exemplars(e);
    state->parts_size += state->parts.length;
    return state->parts.failed ? PROMC_E_NOMEM : 0;
}

static int begin_series(struct promc_encoder *e)
{
    struct promc_protobuf_state *state = &e->protobuf;
    promc_encoder_read_values(e);
    int error = prepare_parts(e);
    if (error != 0)
        return error;
    unsigned count = promc_series_values(e->registry, &e->series, state->values);
    size_t size = state->series_fixed;
    for (unsigned i = 0; i < count; i++)
        size += state->values[i].length;
    if (PROMC_UNLIKELY(e->series.marker.length > 0))
        size += LABEL_OVERHEAD + state->overflow_name.length + LABEL_OVERHEAD + e->series.marker.length;
    size_t value = state->value_size;
    state->count_width = COUNT_WIDTH;
    if (PROMC_UNLIKELY(shape_of(e)->counts && e->values.histogram.total >> (7 * COUNT_WIDTH) != 0)) {
        state->count_width = COUNT_WIDE;
        value = shape_of(e)->size(e, COUNT_WIDE);
    }
    if (PROMC_UNLIKELY(e->values.timed))
        value += 1 + TIME_WIDTH;
    state->metric_body = size + value + state->parts_size;
    state->metric_size = METRIC_OVERHEAD + state->metric_body;
    state->length_width = MESSAGE_WIDTH;
    /* One to three bytes are too few for a padding field: write the message's length with more bytes instead. */
    if (state->remaining > state->metric_size && state->remaining - state->metric_size < PADDING_OVERHEAD) {
        state->length_width += (unsigned)(state->remaining - state->metric_size);
        state->metric_size = (size_t)state->remaining;
    }
    e->units = 1;
    e->unit_max = state->metric_size;
    if (!fits(state)) { /* padding, then a message for this one series */
        e->unit_max += FAMILY_WIDTH + state->fields.length;
        e->unit_max = e->unit_max > PADDING_MOST ? e->unit_max : PADDING_MOST;
    }
    return 0;
}

/* Write one padding field. Afterwards either nothing is left, or enough for another one. */
static char *put_padding(struct promc_protobuf_state *state, char *out)
{
    uint64_t left = state->remaining;
    size_t size = left <= PADDING_MOST                     ? (size_t)left
                  : left - PADDING_MOST < PADDING_OVERHEAD ? PADDING_MOST - PADDING_OVERHEAD
                                                           : PADDING_MOST;
    *out++ = (char)0xfa; /* field 2047, bytes */
    *out++ = (char)0x7f;
    out = promc_wire_padded(out, size - PADDING_OVERHEAD, 2);
    memset(out, 0, size - PADDING_OVERHEAD);
    state->remaining -= size;
    return out + size - PADDING_OVERHEAD;
}

static char *put_count_field(char *out, int field, uint64_t count, unsigned width)
{
    *out++ = PROMC_WIRE_TAG(field, PROMC_WIRE_VARINT);
    return promc_wire_padded(out, count, width);
}

static char *put_part(const struct promc_encoder *e, char *out, struct promc_piece piece)
{
    return promc_wire_bytes(out, e->protobuf.parts.data + piece.at, piece.length);
}

/* The Exemplar of a place; length 0: none. */
static struct promc_piece exemplar_at(const struct promc_encoder *e, uint32_t place)
{
    return e->protobuf.any_parts ? e->protobuf.exemplars[place] : (struct promc_piece){0, 0};
}

static char *put_exemplar(const struct promc_encoder *e, char *out, int field, struct promc_piece exemplar)
{
    out = promc_wire_varint(out, (uint64_t)field << 3 | PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, exemplar.length, EXEMPLAR_WIDTH);
    return put_part(e, out, exemplar);
}

static inline char *put_bucket(char *out, uint64_t count, double bound, unsigned width, size_t exemplar)
{
    *out++ = PROMC_WIRE_TAG(HISTOGRAM_BUCKET, PROMC_WIRE_BYTES);
    if (exemplar > 0)
        out = promc_wire_padded(out, 1 + width + 9 + 1 + EXEMPLAR_WIDTH + exemplar, 2);
    else
        *out++ = (char)(1 + width + 9);
    out = put_count_field(out, BUCKET_COUNT, count, width);
    return promc_protobuf_double(out, BUCKET_BOUND, bound);
}

static char *put_buckets(struct promc_encoder *e, char *out)
{
    unsigned width = e->protobuf.count_width, count = buckets_of(e), bounds = e->family.bound_count;
    bool any = e->protobuf.any_parts;
    uint64_t running = 0;
    for (unsigned i = 0; i < count; i++) {
        struct promc_piece exemplar = any ? e->protobuf.exemplars[i] : (struct promc_piece){0, 0};
        running += e->values.histogram.counts[i];
        out = put_bucket(out, running, i < bounds ? e->family.bounds[i] : __builtin_inf(), width, exemplar.length);
        if (exemplar.length > 0)
            out = put_exemplar(e, out, BUCKET_EXEMPLAR, exemplar);
    }
    return out;
}

static char *put_histogram(struct promc_encoder *e, char *out)
{
    struct promc_protobuf_state *state = &e->protobuf;
    unsigned width = state->count_width;
    *out++ = PROMC_WIRE_TAG(METRIC_HISTOGRAM, PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, histogram_size(e, width) + state->parts_size - 1 - MESSAGE_WIDTH, MESSAGE_WIDTH);
    out = put_count_field(out, HISTOGRAM_COUNT, e->values.histogram.total, width);
    out = promc_protobuf_double(out, HISTOGRAM_SUM, e->values.histogram.sum);
    out = put_buckets(e, out);
    if (e->family.native) {
        out = put_part(e, out, state->native);
        for (uint32_t i = promc_exemplar_native_first(e->family.data); i < promc_exemplar_places(e->family.data); i++)
            if (exemplar_at(e, i).length > 0)
                out = put_exemplar(e, out, HISTOGRAM_EXEMPLAR, exemplar_at(e, i));
    }
    return promc_protobuf_timestamp(out, HISTOGRAM_CREATED, e->series.created);
}

static char *put_counter(struct promc_encoder *e, char *out)
{
    size_t size = 9 + 2 + PROMC_PROTOBUF_TIMESTAMP;
    struct promc_piece exemplar = exemplar_at(e, 0);
    *out++ = PROMC_WIRE_TAG(METRIC_COUNTER, PROMC_WIRE_BYTES);
    if (exemplar.length > 0)
        out = promc_wire_padded(out, size + 1 + EXEMPLAR_WIDTH + exemplar.length, 2);
    else
        *out++ = (char)size;
    double value = e->values.integer != 0 ? (double)e->values.integer + e->values.number : e->values.number;
    out = promc_protobuf_double(out, VALUE, value);
    if (exemplar.length > 0)
        out = put_exemplar(e, out, COUNTER_EXEMPLAR, exemplar);
    return promc_protobuf_timestamp(out, COUNTER_CREATED, e->series.created);
}

static char *put_summary(struct promc_encoder *e, char *out)
{
    unsigned width = e->protobuf.count_width;
    *out++ = PROMC_WIRE_TAG(METRIC_SUMMARY, PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, summary_size(e, width) - 1 - MESSAGE_WIDTH, MESSAGE_WIDTH);
    out = put_count_field(out, SUMMARY_COUNT, e->values.histogram.total, width);
    out = promc_protobuf_double(out, SUMMARY_SUM, e->values.histogram.sum);
    for (unsigned i = 0; i < e->family.quantile_count; i++) {
        *out++ = PROMC_WIRE_TAG(SUMMARY_QUANTILE, PROMC_WIRE_BYTES);
        *out++ = QUANTILE_SIZE - 2;
        out = promc_protobuf_double(out, QUANTILE_QUANTILE, e->family.quantiles[i]);
        out = promc_protobuf_double(out, QUANTILE_VALUE, e->values.quantiles[i]);
    }
    return promc_protobuf_timestamp(out, SUMMARY_CREATED, e->series.created);
}

static char *put_plain(struct promc_encoder *e, char *out)
{
    *out++ = type_of(e) == TYPE_UNTYPED ? PROMC_WIRE_TAG(METRIC_UNTYPED, PROMC_WIRE_BYTES)
                                        : PROMC_WIRE_TAG(METRIC_GAUGE, PROMC_WIRE_BYTES);
    *out++ = 9;
    out = promc_protobuf_double(out, VALUE, e->values.number);
    return e->values.timed ? put_count_field(out, METRIC_TIMESTAMP, e->values.time_ms, TIME_WIDTH) : out;
}

static const struct value_shape shapes[PROMC_SHAPES] = {
    [PROMC_SHAPE_VALUE] = {TYPE_GAUGE, false, plain_size, put_plain},
    [PROMC_SHAPE_COUNTER] = {TYPE_COUNTER, false, counter_size, put_counter},
    [PROMC_SHAPE_HISTOGRAM] = {TYPE_HISTOGRAM, true, histogram_size, put_histogram},
    [PROMC_SHAPE_SUMMARY] = {TYPE_SUMMARY, true, summary_size, put_summary},
};

static inline __attribute__((always_inline)) char *put_label(char *out, const char *prepared, struct promc_piece name,
                                                             promc_str value)
{
    *out++ = PROMC_WIRE_TAG(METRIC_LABEL, PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, name.length + 1 + LABEL_WIDTH + value.length, LABEL_WIDTH);
    out = promc_wire_bytes(out, prepared + name.at, name.length);
    *out++ = PROMC_WIRE_TAG(LABEL_VALUE, PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, value.length, LABEL_WIDTH);
    return promc_wire_bytes(out, value.data, value.length);
}

static char *put_metric(struct promc_encoder *e, char *out)
{
    const struct promc_protobuf_state *state = &e->protobuf;
    const char *prepared = state->prepared.data;
    *out++ = PROMC_WIRE_TAG(FAMILY_METRIC, PROMC_WIRE_BYTES);
    out = promc_wire_padded(out, state->metric_body, state->length_width);
    out = promc_wire_bytes(out, prepared + state->constants.at, state->constants.length);
    for (unsigned i = 0; i < e->family.label_count; i++)
        out = put_label(out, prepared, state->names[i], state->values[i]);
    if (PROMC_UNLIKELY(e->series.marker.length > 0))
        out = put_label(out, prepared, state->overflow_name, e->series.marker);
    return shape_of(e)->write(e, out);
}

static char *put(struct promc_encoder *e, char *out, const char *end)
{
    struct promc_protobuf_state *state = &e->protobuf;
    (void)end; /* there is room for one unit, and only one is written */
    if (state->ending) {
        out = put_padding(state, out);
        e->unit = state->remaining == 0;
        return out;
    }
    if (!fits(state)) {
        if (state->remaining > 0)
            return put_padding(state, out);
        out = put_head(e, out, state->metric_size);
        state->remaining = state->metric_size;
    }
    state->remaining -= state->metric_size;
    e->unit = 1;
    return put_metric(e, out);
}

/* Fill the announced bytes of series that were removed meanwhile. */
static void end_family(struct promc_encoder *e)
{
    e->protobuf.ending = true;
    e->unit = 0;
    e->units = e->protobuf.remaining > 0;
    e->unit_max = PADDING_MOST;
}

const struct promc_syntax promc_syntax_protobuf = {
    .begin_family = begin_family,
    .begin_series = begin_series,
    .put = put,
    .end_family = end_family,
    .foot = {"", 0},
};
