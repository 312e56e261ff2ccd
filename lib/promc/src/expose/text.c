/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text 0.0.4, and the lines of both text formats.
 *
 * A line is `LEAD labels TAIL number\n`. LEAD (`name_bucket{constant="x",`) and TAIL (`,le="0.5"} `) are the same for all series of a
 * family and are built once; labels are the arena's own text. So a line is three copies and a number.
 */
#include "expose/text.h"

#include "base/atomic.h"
#include "base/escape.h"
#include "base/number.h"
#include "series/child.h"
#include "types/exemplar.h"

/* Bytes that put_blocks() copies at a time. */
enum { BLOCK = 32 };

static const promc_str overflow_label = {PROMC_OVERFLOW_LABEL, sizeof(PROMC_OVERFLOW_LABEL) - 1};

promc_str promc_text_escaped_name(const struct promc_encoder *e, promc_str name, struct promc_bytes *scratch)
{
    if (e->escaping == PROMC_ESCAPING_ALLOW_UTF8 || promc_name_is_plain(name.data, name.length, e->escaping))
        return name;
    promc_bytes_clear(scratch);
    char *out = promc_bytes_reserve(scratch, PROMC_ESCAPED_NAME_MAX(name.length));
    if (!out)
        return (promc_str){"", 0};
    return (promc_str){out, (size_t)(promc_escape_name(out, name.data, name.length, e->escaping) - out)};
}

static void append_quoted(struct promc_bytes *bytes, promc_str text)
{
    promc_bytes_append(bytes, "\"", 1);
    char *out = promc_bytes_reserve(bytes, PROMC_ESCAPED_TEXT_MAX(text.length));
    if (out)
        bytes->length += (size_t)(promc_escape_label_value(out, text.data, text.length) - out);
    promc_bytes_append(bytes, "\"", 1);
}

void promc_text_append_name(struct promc_encoder *e, promc_str name)
{
    if (promc_name_is_classic(name.data, name.length))
        promc_bytes_append_str(&e->text.prepared, name);
    else
        append_quoted(&e->text.prepared, name);
}

/* `name="value"` in the scrape's escaping; with a comma in front unless it is the first. */
static void append_label(struct promc_encoder *e, struct promc_bytes *bytes, promc_str name, promc_str value,
                         bool first)
{
    promc_bytes_append(bytes, ",", !first);
    char *out = promc_bytes_reserve(bytes, PROMC_ESCAPED_NAME_MAX(name.length));
    if (out)
        bytes->length += (size_t)(promc_escape_label_name(out, name.data, name.length, e->escaping) - out);
    promc_bytes_append(bytes, "=", 1);
    append_quoted(bytes, value);
}

/* May the arena's rendering of this label name be copied? It is in the spelling of allow-utf-8. */
static bool is_plain(const struct promc_encoder *e, promc_str name)
{
    return e->escaping == PROMC_ESCAPING_ALLOW_UTF8 || promc_label_is_plain(name.data, name.length, e->escaping);
}

static void append_constant_labels(struct promc_encoder *e)
{
    bool plain = true;
    promc_str name, value;
    for (unsigned i = 0; i < e->family.constant_label_count; i++) {
        promc_family_constant(e->registry, &e->family, i, &name, &value);
        plain = plain && is_plain(e, name);
    }
    if (plain) {
        promc_bytes_append_str(&e->text.prepared, e->family.constant_labels);
        return;
    }
    for (unsigned i = 0; i < e->family.constant_label_count; i++) {
        promc_family_constant(e->registry, &e->family, i, &name, &value);
        append_label(e, &e->text.prepared, name, value, i == 0);
    }
}

static struct promc_piece piece_from(const struct promc_encoder *e, size_t at)
{
    return (struct promc_piece){(uint32_t)at, (uint32_t)(e->text.prepared.length - at)};
}

/* `name_suffix{constants,` or `{"name_suffix",constants,` or, for a line without any label, `name_suffix ` / `{"name_suffix"} `. */
static void prepare_lead(struct promc_encoder *e, enum promc_lead lead, promc_str name, const char *suffix)
{
    struct promc_bytes *bytes = &e->text.prepared;
    size_t at = bytes->length;
    bool any = lead == PROMC_LEAD_BUCKET || lead == PROMC_LEAD_QUANTILE ||
               e->family.constant_label_count + e->family.label_count > 0;
    bool constants = e->family.constant_label_count > 0;
    if (promc_name_is_classic(name.data, name.length)) {
        promc_bytes_append_str(bytes, name);
        promc_bytes_append_string(bytes, suffix);
        promc_bytes_append_string(bytes, any ? "{" : " ");
    } else {
        promc_bytes_append(bytes, "{", 1);
        append_quoted(bytes, name);
        if (bytes->length > 0)
            bytes->length--; /* the suffix belongs inside the quotes */
        promc_bytes_append_string(bytes, suffix);
        promc_bytes_append_string(bytes, any ? "\"," : "\"} ");
    }
    if (constants) {
        append_constant_labels(e);
        promc_bytes_append(bytes, ",", e->family.label_count > 0);
    }
    e->text.leads[lead] = piece_from(e, at);
    if (e->text.leads[lead].length > e->text.longest_lead)
        e->text.longest_lead = e->text.leads[lead].length;
}

static void prepare_tail(struct promc_encoder *e, struct promc_piece *tail, const struct promc_le *le)
{
    struct promc_bytes *bytes = &e->text.prepared;
    size_t at = bytes->length;
    bool any = e->family.constant_label_count + e->family.label_count > 0;
    if (le) {
        promc_bytes_append(bytes, ",", any);
        promc_bytes_append_string(bytes, e->family.ops->reserved_label);
        promc_bytes_append(bytes, "=\"", 2);
        promc_bytes_append(bytes, le->text, e->openmetrics ? le->openmetrics_length : le->classic_length);
        promc_bytes_append(bytes, "\"", 1);
    }
    promc_bytes_append_string(bytes, any || le ? "} " : "");
    *tail = piece_from(e, at);
    if (tail->length > e->text.longest_tail)
        e->text.longest_tail = tail->length;
}

/*
 * OpenMetrics forbids a sum if a bucket can contain negative observations (it would not be a counter), and a count without
 * a sum; the +Inf bucket has the same value.
 */
static bool has_sum_and_count(const struct promc_encoder *e)
{
    return !e->openmetrics || e->family.bound_count == 0 || e->family.bounds[0] >= 0;
}

static void prepare_histogram(struct promc_encoder *e, promc_str name)
{
    struct promc_text_state *text = &e->text;
    prepare_lead(e, PROMC_LEAD_BUCKET, name, "_bucket");
    for (unsigned i = 0; i <= e->family.bound_count; i++)
        prepare_tail(e, &text->bucket_tails[i], &e->family.le[i]);
    text->first = PROMC_LEAD_BUCKET;
    text->buckets = e->family.bound_count + 1;
    if (has_sum_and_count(e)) {
        prepare_lead(e, PROMC_LEAD_SUM, name, "_sum");
        prepare_lead(e, PROMC_LEAD_COUNT, name, "_count");
        text->after[text->after_count++] = PROMC_LEAD_SUM;
        text->after[text->after_count++] = PROMC_LEAD_COUNT;
    }
}

static void prepare_value(struct promc_encoder *e, promc_str name)
{
    prepare_lead(e, PROMC_LEAD_VALUE, name, e->openmetrics ? e->family.ops->suffix : "");
    e->text.after[e->text.after_count++] = PROMC_LEAD_VALUE;
}

static void prepare_summary(struct promc_encoder *e, promc_str name)
{
    struct promc_text_state *text = &e->text;
    prepare_lead(e, PROMC_LEAD_QUANTILE, name, "");
    for (unsigned i = 0; i < e->family.quantile_count; i++)
        prepare_tail(e, &text->bucket_tails[i], &e->family.le[i]);
    text->first = PROMC_LEAD_QUANTILE;
    text->buckets = e->family.quantile_count;
    prepare_lead(e, PROMC_LEAD_SUM, name, "_sum");
    prepare_lead(e, PROMC_LEAD_COUNT, name, "_count");
    text->after[text->after_count++] = PROMC_LEAD_SUM;
    text->after[text->after_count++] = PROMC_LEAD_COUNT;
}

int promc_text_prepare_lines(struct promc_encoder *e, promc_str name)
{
    struct promc_text_state *text = &e->text;
    static void (*const prepare[PROMC_SHAPES])(struct promc_encoder *, promc_str) = {
        [PROMC_SHAPE_VALUE] = prepare_value,
        [PROMC_SHAPE_COUNTER] = prepare_value,
        [PROMC_SHAPE_HISTOGRAM] = prepare_histogram,
        [PROMC_SHAPE_SUMMARY] = prepare_summary,
    };
    text->longest_lead = text->longest_tail = 0;
    text->buckets = text->after_count = 0;
    prepare_tail(e, &text->tail, NULL);
    prepare[e->family.ops->shape](e, name);
    if (e->openmetrics && e->created_timestamps && e->family.ops->accumulates) {
        prepare_lead(e, PROMC_LEAD_CREATED, name, "_created");
        text->after[text->after_count++] = PROMC_LEAD_CREATED;
    }
    text->labels_as_rendered = true;
    for (unsigned i = 0; i < e->family.label_count; i++)
        text->labels_as_rendered = text->labels_as_rendered && is_plain(e, e->family.label_names[i]);
    if (promc_load(&e->family.data->overflows) > 0)
        text->labels_as_rendered = text->labels_as_rendered && is_plain(e, overflow_label);
    (void)promc_bytes_reserve(&text->prepared, BLOCK); /* put_blocks() reads past the last piece */
    return text->prepared.failed ? PROMC_E_NOMEM : 0;
}

static int spell_labels(struct promc_encoder *e)
{
    promc_str values[PROMC_LABELS_MOST];
    unsigned count = promc_series_values(e->registry, &e->series, values);
    promc_bytes_clear(&e->text.spelt);
    for (unsigned i = 0; i < count; i++)
        append_label(e, &e->text.spelt, e->family.label_names[i], values[i], i == 0);
    if (e->series.marker.length > 0)
        append_label(e, &e->text.spelt, overflow_label, e->series.marker, false);
    e->text.labels = (promc_str){e->text.spelt.data, e->text.spelt.length};
    return e->text.spelt.failed ? PROMC_E_NOMEM : 0;
}

int promc_text_begin_series(struct promc_encoder *e)
{
    struct promc_text_state *text = &e->text;
    promc_encoder_read_values(e);
    text->labels = e->series.labels;
    if (!text->labels_as_rendered) {
        int error = spell_labels(e);
        if (error != 0)
            return error;
    }
    /* In OpenMetrics a sum is a counter: if observations make it negative or NaN, it is left out together with the count. */
    text->skipped = e->openmetrics && e->family.ops->shape == PROMC_SHAPE_HISTOGRAM && has_sum_and_count(e) &&
                            !(e->values.histogram.sum >= 0)
                        ? 2
                        : 0;
    e->units = text->buckets + text->after_count - text->skipped;
    e->unit_max = text->longest_lead + text->labels.length + text->longest_tail + PROMC_NUMBER_MAX + 1;
    if (PROMC_UNLIKELY(e->values.timed))
        e->unit_max += PROMC_NUMBER_MAX + 2;
    text->exemplars = e->openmetrics && !e->withheld && promc_load(&e->series.child->exemplars) != 0;
    if (text->exemplars)
        e->unit_max += PROMC_EXEMPLAR_BYTES + 2 * PROMC_NUMBER_MAX + 8;
    return 0;
}

static inline char *put_bytes(char *out, const char *data, size_t length)
{
    memcpy(out, data, length);
    return out + length;
}

static inline char *put_number(const struct promc_values *values, bool counter, char *out)
{
    if (counter && values->number == 0)
        return promc_number_u64(out, values->integer);
    /* 0 + -0 is 0, so do not add: -0 must stay -0 */
    return promc_number_double(out, values->integer != 0 ? (double)values->integer + values->number : values->number);
}

static char *put_value(const struct promc_encoder *e, enum promc_lead lead, char *out)
{
    switch (lead) {
    case PROMC_LEAD_QUANTILE:
        return promc_number_double(out, e->values.quantiles[e->unit]);
    case PROMC_LEAD_SUM:
        return promc_number_double(out, e->values.histogram.sum);
    case PROMC_LEAD_COUNT:
        return promc_number_u64(out, e->values.histogram.total);
    case PROMC_LEAD_CREATED:
        return promc_number_double(out, e->series.created);
    default:
        return put_number(&e->values, e->family.ops->shape == PROMC_SHAPE_COUNTER, out);
    }
}

/* A native histogram's exemplars belong to the bucket with every value: the last one. */
static uint32_t newest_exemplar(const struct promc_encoder *e)
{
    struct promc_exemplar_view exemplar;
    uint32_t newest = 0;
    double time = 0;
    for (uint32_t i = 0; i < PROMC_NATIVE_EXEMPLARS; i++) {
        if (promc_read_exemplar(e->registry, e->series.child, i, &exemplar) && exemplar.timestamp > time) {
            newest = i;
            time = exemplar.timestamp;
        }
    }
    return newest;
}

/* ` # {trace_id="…"} 0.5 1700000000.123`, if the counter or bucket has one. */
static char *put_exemplar(const struct promc_encoder *e, uint32_t index, char *out)
{
    struct promc_exemplar_view exemplar;
    if (e->family.native && !e->family.classic)
        index = newest_exemplar(e);
    if (!promc_read_exemplar(e->registry, e->series.child, index, &exemplar))
        return out;
    out = put_bytes(out, " # {", 4);
    out = put_bytes(out, exemplar.text, exemplar.length);
    out = put_bytes(out, "} ", 2);
    out = promc_number_double(out, exemplar.value);
    *out++ = ' ';
    return promc_number_double(out, exemplar.timestamp);
}

/* ` 1700000000123`, or in OpenMetrics ` 1700000000.123`. */
static char *put_time(const struct promc_encoder *e, char *out)
{
    uint64_t ms = e->values.time_ms;
    *out++ = ' ';
    if (!e->openmetrics)
        return promc_number_u64(out, ms);
    out = promc_number_u64(out, ms / 1000);
    *out++ = '.';
    for (unsigned digit = 100; digit > 0; digit /= 10)
        *out++ = (char)('0' + ms % 1000 / digit % 10);
    return out;
}

char *promc_text_put(struct promc_encoder *e, char *out, const char *end)
{
    const struct promc_text_state *text = &e->text;
    const char *prepared = text->prepared.data;
    do {
        bool bucket = e->unit < text->buckets;
        enum promc_lead lead = bucket ? text->first : text->after[e->unit - text->buckets + text->skipped];
        struct promc_piece tail = bucket ? text->bucket_tails[e->unit] : text->tail;
        out = put_bytes(out, prepared + text->leads[lead].at, text->leads[lead].length);
        out = put_bytes(out, text->labels.data, text->labels.length);
        out = put_bytes(out, prepared + tail.at, tail.length);
        if (lead == PROMC_LEAD_BUCKET) {
            e->running += e->values.histogram.counts[e->unit];
            out = promc_number_u64(out, e->running);
        } else {
            out = put_value(e, lead, out);
            if (PROMC_UNLIKELY(e->values.timed))
                out = put_time(e, out);
        }
        if (text->exemplars && (bucket || lead == PROMC_LEAD_VALUE))
            out = put_exemplar(e, bucket ? e->unit : 0, out);
        *out++ = '\n';
        e->unit++;
    } while (e->unit < e->units && (size_t)(end - out) >= e->unit_max);
    return out;
}

/* Copy in whole blocks: up to BLOCK - 1 bytes after the end of each are read and overwritten. */
static inline char *put_blocks(char *out, const char *data, size_t length)
{
    for (size_t at = 0; at < length; at += BLOCK)
        memcpy(out + at, data + at, BLOCK);
    return out + length;
}

/*
 * Series of one line: counters, gauges, infos. Everything that they share is read once, so a line takes half as many instructions as
 * in promc_text_put().
 */
char *promc_text_put_series(struct promc_encoder *e, struct promc_reading *reading, char *out, const char *end)
{
    const struct promc_text_state *text = &e->text;
    if (text->buckets != 0 || text->after_count != 1 || !text->labels_as_rendered)
        return out;
    const char *lead = text->prepared.data + text->leads[PROMC_LEAD_VALUE].at;
    const char *tail = text->prepared.data + text->tail.at;
    size_t lead_length = text->leads[PROMC_LEAD_VALUE].length, tail_length = text->tail.length;
    size_t most = lead_length + tail_length + 2 * PROMC_NUMBER_MAX + 3 + BLOCK; /* a value, a time; without labels */
    bool openmetrics = e->openmetrics, counter = e->family.ops->shape == PROMC_SHAPE_COUNTER;
    struct promc_reading at = *reading; /* local, so that the compiler knows that no write to `out` changes it */
    promc_registry *registry = e->registry;
    bool (*read)(promc_registry *, const struct promc_child *, struct promc_values *) = e->family.ops->read;
    struct promc_child *child;
    uint32_t ticks;
    e->values.timed = false;
    while ((child = promc_reading_peek(&at, &ticks))) {
        size_t length = child->text_length;
        if ((size_t)(end - out) < most + length || (openmetrics && promc_load(&child->exemplars) != 0))
            break;
        at.child = child;
        (void)read(registry, child, &e->values);
        out = put_blocks(out, lead, lead_length);
        out = put_bytes(out, promc_child_text(child), length);
        out = put_blocks(out, tail, tail_length);
        out = put_number(&e->values, counter, out);
        if (PROMC_UNLIKELY(e->values.timed)) {
            out = e->no_timestamps ? out : put_time(e, out);
            e->values.timed = false;
        }
        *out++ = '\n';
    }
    reading->child = at.child;
    return out;
}

static int begin_family(struct promc_encoder *e)
{
    struct promc_bytes *bytes = &e->text.prepared, scratch = {0};
    promc_str name = promc_text_escaped_name(e, e->family.sample_name, &scratch);
    promc_bytes_clear(bytes);
    if (e->family.help.length > 0) {
        promc_bytes_append_string(bytes, "# HELP ");
        promc_text_append_name(e, name);
        promc_bytes_append(bytes, " ", 1);
        char *out = promc_bytes_reserve(bytes, PROMC_ESCAPED_TEXT_MAX(e->family.help.length));
        if (out)
            bytes->length += (size_t)(promc_escape_help(out, e->family.help.data, e->family.help.length, false) - out);
        promc_bytes_append(bytes, "\n", 1);
    }
    promc_bytes_append_string(bytes, "# TYPE ");
    promc_text_append_name(e, name);
    promc_bytes_append(bytes, " ", 1);
    promc_bytes_append_string(bytes, e->family.ops->text_type);
    promc_bytes_append(bytes, "\n", 1);
    size_t head = bytes->length;
    int error = promc_text_prepare_lines(e, name);
    e->head = (promc_str){bytes->data, head};
    error = scratch.failed ? PROMC_E_NOMEM : error;
    promc_bytes_free(&scratch);
    return error;
}

const struct promc_syntax promc_syntax_text = {
    .begin_family = begin_family,
    .begin_series = promc_text_begin_series,
    .put = promc_text_put,
    .put_series = promc_text_put_series,
    .foot = {"", 0},
};
