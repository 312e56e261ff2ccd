/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader. It goes line by line; a line goes through a cursor that never passes its end. What belongs together over
 * several lines (histograms, doubles) is checked once all samples are there, in check.c.
 */
#include "exposition.h"
#include "check.h"

#include <ctype.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct exposition *out;
    enum promc_format format;
    const char *start, *at, *end; /* of the current line */
    size_t line;
    size_t current; /* family that the next samples may belong to; SIZE_MAX: none */
    bool eof_seen;
    char *fault;
    size_t fault_size;
};

static int refuse(struct reader *reader, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refuse(struct reader *reader, const char *format, ...)
{
    va_list arguments;
    int used = snprintf(reader->fault, reader->fault_size, "line %zu: ", reader->line);
    va_start(arguments, format);
    if (used > 0 && (size_t)used < reader->fault_size)
        (void)vsnprintf(reader->fault + used, reader->fault_size - (size_t)used, format, arguments);
    va_end(arguments);
    return PROMC_E_INVALID;
}

static char *slice(const char *from, const char *to)
{
    return strndup(from, (size_t)(to - from));
}

static bool name_byte(char byte, bool first, bool colon)
{
    return isalpha((unsigned char)byte) || byte == '_' || (colon && byte == ':') ||
           (!first && isdigit((unsigned char)byte));
}

/* A classic name at the cursor, or NULL. */
static char *take_name(struct reader *reader, bool colon)
{
    const char *start = reader->at;
    while (reader->at < reader->end && name_byte(*reader->at, reader->at == start, colon))
        reader->at++;
    return reader->at > start ? slice(start, reader->at) : NULL;
}

/* A quoted string at the cursor, unescaped; NULL on a fault (said). */
static char *take_quoted(struct reader *reader)
{
    if (reader->at == reader->end || *reader->at != '"') {
        refuse(reader, "a quoted value is expected at byte %zu", (size_t)(reader->at - reader->start) + 1);
        return NULL;
    }
    char *value = malloc((size_t)(reader->end - reader->at));
    size_t length = 0;
    if (!value)
        return NULL;
    for (reader->at++; reader->at < reader->end && *reader->at != '"'; reader->at++) {
        char byte = *reader->at;
        if (byte == '\\') {
            if (++reader->at == reader->end)
                break;
            byte = *reader->at == 'n' ? '\n' : *reader->at;
            if (!strchr("\\\"n", *reader->at)) {
                refuse(reader, "\\%c is no escape in a label value", *reader->at);
                free(value);
                return NULL;
            }
        }
        value[length++] = byte;
    }
    if (reader->at == reader->end) {
        refuse(reader, "the quote of a label value is not closed");
        free(value);
        return NULL;
    }
    reader->at++;
    value[length] = '\0';
    return value;
}

static struct exposed_family *add_family(struct exposition *out, char *name, size_t line)
{
    if (out->family_count == out->family_room) {
        size_t room = out->family_room ? out->family_room * 2 : 16;
        struct exposed_family *families = realloc(out->families, room * sizeof *families);
        if (!families)
            return NULL;
        out->families = families;
        out->family_room = room;
    }
    struct exposed_family *family = &out->families[out->family_count++];
    *family = (struct exposed_family){.name = name, .line = line};
    return family;
}

static size_t find_family(const struct exposition *out, const char *name)
{
    for (size_t i = 0; i < out->family_count; i++) {
        if (strcmp(out->families[i].name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

/* Unescape a HELP text. OpenMetrics escapes quotes too. */
static char *take_help(struct reader *reader)
{
    char *help = malloc((size_t)(reader->end - reader->at) + 1);
    size_t length = 0;
    if (!help)
        return NULL;
    for (; reader->at < reader->end; reader->at++) {
        char byte = *reader->at;
        if (byte == '"' && reader->format == PROMC_FORMAT_OPENMETRICS) {
            refuse(reader, "a quote in HELP must be escaped in OpenMetrics");
            free(help);
            return NULL;
        }
        if (byte == '\\') {
            const char *allowed = reader->format == PROMC_FORMAT_OPENMETRICS ? "\\\"n" : "\\n";
            if (++reader->at == reader->end || !strchr(allowed, *reader->at)) {
                refuse(reader, "a backslash in HELP must be escaped");
                free(help);
                return NULL;
            }
            byte = *reader->at == 'n' ? '\n' : *reader->at;
        }
        help[length++] = byte;
    }
    help[length] = '\0';
    return help;
}

static const char *const types_text[] = {"counter", "gauge", "histogram", "summary", "untyped", NULL};
static const char *const types_openmetrics[] = {
    "counter", "gauge", "histogram", "gaugehistogram", "summary", "stateset", "info", "unknown", NULL};

static int take_type(struct reader *reader, struct exposed_family *family)
{
    const char *const *types = reader->format == PROMC_FORMAT_OPENMETRICS ? types_openmetrics : types_text;
    char *type = slice(reader->at, reader->end);
    if (!type)
        return PROMC_E_NOMEM;
    if (family->type) {
        free(type);
        return refuse(reader, "a second TYPE for %s", family->name);
    }
    family->type = type;
    if (family->samples)
        return refuse(reader, "TYPE of %s after its samples", family->name);
    for (; *types; types++) {
        if (strcmp(*types, type) == 0)
            return 0;
    }
    return refuse(reader, "\"%s\" is no metric type of this format", type);
}

/* `# HELP name text`, `# TYPE name type`, `# UNIT name unit`. */
static int metadata(struct reader *reader)
{
    enum { HELP, TYPE, UNIT } kind;
    if (strncmp(reader->at, "HELP ", 5) == 0)
        kind = HELP;
    else if (strncmp(reader->at, "TYPE ", 5) == 0)
        kind = TYPE;
    else if (strncmp(reader->at, "UNIT ", 5) == 0 && reader->format == PROMC_FORMAT_OPENMETRICS)
        kind = UNIT;
    else
        return reader->format == PROMC_FORMAT_OPENMETRICS ? refuse(reader, "a comment is not allowed in OpenMetrics")
                                                          : 0;
    reader->at += 5;
    char *name = reader->at < reader->end && *reader->at == '"' ? take_quoted(reader) : take_name(reader, true);
    if (!name)
        return reader->fault[0] ? PROMC_E_INVALID : refuse(reader, "a metric name is expected");
    size_t index = find_family(reader->out, name);
    if (index == SIZE_MAX) {
        if (!add_family(reader->out, name, reader->line)) {
            free(name);
            return PROMC_E_NOMEM;
        }
        index = reader->out->family_count - 1;
    } else {
        free(name);
        if (index != reader->current)
            return refuse(reader, "%s is not in one piece", reader->out->families[index].name);
    }
    reader->current = index;
    struct exposed_family *family = &reader->out->families[index];
    if (reader->at < reader->end && *reader->at++ != ' ')
        return refuse(reader, "one blank is expected after the name");
    if (kind == TYPE)
        return take_type(reader, family);
    char **field = kind == HELP ? &family->help : &family->unit;
    if (*field)
        return refuse(reader, "a second %s for %s", kind == HELP ? "HELP" : "UNIT", family->name);
    *field = kind == HELP ? take_help(reader) : slice(reader->at, reader->end);
    return *field ? 0 : (reader->fault[0] ? PROMC_E_INVALID : PROMC_E_NOMEM);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

static bool sees(const struct reader *reader, char byte)
{
    return reader->at < reader->end && *reader->at == byte;
}

/* An element of `{…}`. 1: a label; 0: the metric's name, which is quoted and has no `=` (UTF-8 names). */
static int take_label(struct reader *reader, struct sample *sample, struct pair *label)
{
    bool quoted = sees(reader, '"');
    char *name = quoted ? take_quoted(reader) : take_name(reader, false);
    if (!name)
        return reader->fault[0] ? PROMC_E_INVALID : refuse(reader, "a label name is expected");
    if (quoted && !sample->name && reader->at < reader->end && !sees(reader, '=')) {
        sample->name = name;
        return 0;
    }
    int code = sees(reader, '=') ? 1 : refuse(reader, "= is expected after label %s", name);
    if (code == 1) {
        reader->at++;
        *label = (struct pair){name, take_quoted(reader)};
        if (label->value)
            return 1;
        code = reader->fault[0] ? PROMC_E_INVALID : PROMC_E_NOMEM;
    }
    free(name);
    return code;
}

/* What stands behind an element: the brace, or a comma and another element. */
static int after_label(struct reader *reader)
{
    if (sees(reader, '}'))
        return 0;
    if (!sees(reader, ','))
        return refuse(reader, ", or } is expected after a label");
    reader->at++;
    return sees(reader, '}') ? refuse(reader, "a comma before }") : 0;
}

/* The sample has them from now on, in the order of their names. */
static int keep_labels(struct sample *sample, const struct pair *pairs, size_t count)
{
    sample->labels = malloc((count ? count : 1) * sizeof *pairs);
    if (!sample->labels) {
        for (size_t i = 0; i < count; i++) {
            free(pairs[i].name);
            free(pairs[i].value);
        }
        return PROMC_E_NOMEM;
    }
    memcpy(sample->labels, pairs, count * sizeof *pairs);
    sample->label_count = count;
    qsort(sample->labels, count, sizeof *pairs, by_name);
    return 0;
}

static int refuse_doubles(struct reader *reader, const struct sample *sample)
{
    const struct pair *label = sample->labels;
    for (size_t i = 1; i < sample->label_count; i++) {
        if (by_name(&label[i], &label[i - 1]) == 0)
            return refuse(reader, "label %s stands twice", label[i].name);
    }
    return 0;
}

/* `{…}` with the cursor behind the brace. */
static int labels(struct reader *reader, struct sample *sample)
{
    struct pair pairs[EXPOSITION_MAX_LABELS];
    size_t count = 0;
    int code = 0;
    while (code == 0 && reader->at < reader->end && *reader->at != '}') {
        int taken = count < EXPOSITION_MAX_LABELS ? take_label(reader, sample, &pairs[count])
                                                  : refuse(reader, "more than %d labels", EXPOSITION_MAX_LABELS);
        count += taken == 1;
        code = taken < 0 ? taken : after_label(reader);
    }
    if (code == 0 && !sees(reader, '}'))
        code = refuse(reader, "} is missing");
    reader->at += code == 0;
    if (keep_labels(sample, pairs, count) < 0)
        return PROMC_E_NOMEM;
    return code < 0 ? code : refuse_doubles(reader, sample);
}

bool exposition_number(const char *text, double *out)
{
    static const struct {
        const char *text;
        double value;
    } special[] = {{"NaN", NAN}, {"+Inf", INFINITY}, {"-Inf", -INFINITY}};
    for (size_t i = 0; i < 3; i++) {
        if (strcmp(text, special[i].text) == 0) {
            *out = special[i].value;
            return true;
        }
    }
    if (!*text || strspn(text, "0123456789+-.eE") != strlen(text))
        return false;
    /* The decimal point is a point, whatever the locale of the program under test. */
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    char *end;
    *out = c ? strtod_l(text, &end, c) : strtod(text, &end);
    if (c)
        freelocale(c);
    return *end == '\0';
}

/* The family a sample belongs to: the current one when name and suffix fit, else a new one without TYPE. */
static int place(struct reader *reader, struct sample *sample)
{
    struct exposition *out = reader->out;
    if (reader->current != SIZE_MAX && sample_belongs(&out->families[reader->current], sample->name, reader->format)) {
        sample->family = reader->current;
    } else {
        size_t index = find_family(out, sample->name);
        if (index != SIZE_MAX)
            return refuse(reader, "%s is not in one piece, or its suffix does not fit its type", sample->name);
        for (size_t i = 0; i < out->family_count; i++) {
            if (sample_belongs(&out->families[i], sample->name, reader->format))
                return refuse(reader, "%s is not in one piece", out->families[i].name);
        }
        char *name = strdup(sample->name);
        if (!name || !add_family(out, name, reader->line)) {
            free(name);
            return PROMC_E_NOMEM;
        }
        sample->family = reader->current = out->family_count - 1;
    }
    out->families[sample->family].samples++;
    return 0;
}

static int sample_rest(struct reader *reader, struct sample *sample)
{
    if (reader->at == reader->end || *reader->at++ != ' ')
        return refuse(reader, "one blank is expected before the value");
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at != ' ')
        reader->at++;
    sample->value_text = slice(start, reader->at);
    if (!sample->value_text)
        return PROMC_E_NOMEM;
    if (!exposition_number(sample->value_text, &sample->value))
        return refuse(reader, "\"%s\" is not a number", sample->value_text);
    if (reader->at < reader->end)
        return check_tail(reader->at, reader->end, reader->format)
                   ? 0
                   : refuse(reader, "what stands behind the value is neither a timestamp nor an exemplar");
    return 0;
}

static int take_sample(struct reader *reader)
{
    struct exposition *out = reader->out;
    if (out->sample_count == out->sample_room) {
        size_t room = out->sample_room ? out->sample_room * 2 : 64;
        struct sample *samples = realloc(out->samples, room * sizeof *samples);
        if (!samples)
            return PROMC_E_NOMEM;
        out->samples = samples;
        out->sample_room = room;
    }
    struct sample *sample = &out->samples[out->sample_count++];
    *sample = (struct sample){.line = reader->line};
    sample->name = take_name(reader, true);
    int code = 0;
    if (reader->at < reader->end && *reader->at == '{') {
        reader->at++;
        code = labels(reader, sample);
    }
    if (code == 0 && !sample->name)
        code = refuse(reader, "a metric name is expected");
    if (code == 0)
        code = sample_rest(reader, sample);
    return code == 0 ? place(reader, sample) : code;
}

static int take_line(struct reader *reader)
{
    bool openmetrics = reader->format == PROMC_FORMAT_OPENMETRICS;
    if (reader->eof_seen)
        return refuse(reader, "text behind # EOF");
    if (reader->at == reader->end)
        return openmetrics ? refuse(reader, "an empty line is not allowed in OpenMetrics") : 0;
    if (reader->end[-1] == '\r' && *reader->at != '#')
        return refuse(reader, "a carriage return before the line feed");
    if (*reader->at != '#')
        return take_sample(reader);
    if (openmetrics && reader->end - reader->at == 5 && memcmp(reader->at, "# EOF", 5) == 0) {
        reader->eof_seen = true;
        return 0;
    }
    if (reader->end - reader->at < 7 || reader->at[1] != ' ')
        return openmetrics ? refuse(reader, "a comment is not allowed in OpenMetrics") : 0;
    reader->at += 2;
    return metadata(reader);
}

int exposition_parse(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                     size_t fault_size)
{
    *out = (struct exposition){0};
    fault[0] = '\0';
    struct reader reader = {
        .out = out, .format = format, .current = SIZE_MAX, .fault = fault, .fault_size = fault_size};
    const char *at = text, *end = text + length;
    if (memchr(text, '\0', length))
        return refuse(&reader, "a NUL byte");
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        reader.line++;
        if (!feed)
            return refuse(&reader, "the last line has no line feed");
        reader.start = reader.at = at;
        reader.end = feed;
        int code = take_line(&reader);
        if (code != 0)
            return code;
        at = feed + 1;
    }
    reader.line++;
    if (format == PROMC_FORMAT_OPENMETRICS && !reader.eof_seen)
        return refuse(&reader, "# EOF is missing");
    return check_whole(out, fault, fault_size);
}

void exposition_free(struct exposition *exposition)
{
    for (size_t i = 0; i < exposition->family_count; i++) {
        struct exposed_family *family = &exposition->families[i];
        free(family->name);
        free(family->type);
        free(family->help);
        free(family->unit);
    }
    for (size_t i = 0; i < exposition->sample_count; i++) {
        struct sample *sample = &exposition->samples[i];
        for (size_t j = 0; j < sample->label_count; j++) {
            free(sample->labels[j].name);
            free(sample->labels[j].value);
        }
        free(sample->labels);
        free(sample->name);
        free(sample->value_text);
    }
    free(exposition->families);
    free(exposition->samples);
    *exposition = (struct exposition){0};
}

const char *sample_label(const struct sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->label_count; i++) {
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    }
    return NULL;
}

char *sample_text(const struct sample *sample)
{
    struct report text = {0};
    report_add(&text, "%s", sample->name);
    for (size_t i = 0; i < sample->label_count; i++) {
        report_add(&text, "%s%s=\"", i ? "," : "{", sample->labels[i].name);
        for (const char *byte = sample->labels[i].value; *byte; byte++) {
            if (*byte == '\n')
                report_add(&text, "\\n");
            else
                report_add(&text, "%s%c", *byte == '"' || *byte == '\\' ? "\\" : "", *byte);
        }
        report_add(&text, "\"");
    }
    report_add(&text, "%s %s", sample->label_count ? "}" : "", sample->value_text);
    if (text.failed) {
        free(text.text);
        return NULL;
    }
    return text.text;
}
