/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader. It goes line by line (metadata.c, sample.c); what must hold over several lines is checked once all samples are there,
 * in check.c.
 */
#include "exposition.h"
#include "check.h"
#include "reader.h"

#include <stdlib.h>
#include <string.h>

struct exposed_family *add_family(struct exposition *out, char *name, size_t line)
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

size_t find_family(const struct exposition *out, const char *name)
{
    for (size_t i = 0; i < out->family_count; i++) {
        if (strcmp(out->families[i].name, name) == 0)
            return i;
    }
    return SIZE_MAX;
}

bool family_is(const struct exposed_family *family, const char *type)
{
    return family->type && strcmp(family->type, type) == 0;
}

static int take_line(struct reader *reader)
{
    struct cursor *cursor = &reader->cursor;
    bool openmetrics = cursor->format == PROMC_FORMAT_OPENMETRICS;
    if (reader->eof_seen)
        return refuse(cursor, "text behind # EOF");
    if (cursor->at == cursor->end)
        return openmetrics ? refuse(cursor, "an empty line is not allowed in OpenMetrics") : 0;
    if (!utf8_valid(cursor->at, cursor->end))
        return refuse(cursor, "bytes that are not UTF-8");
    if (cursor->end[-1] == '\r' && *cursor->at != '#')
        return refuse(cursor, "a carriage return before the line feed");
    if (*cursor->at != '#')
        return read_sample(reader);
    if (openmetrics && cursor->end - cursor->at == 5 && memcmp(cursor->at, "# EOF", 5) == 0) {
        reader->eof_seen = true;
        return 0;
    }
    if (cursor->end - cursor->at < 2 || cursor->at[1] != ' ')
        return openmetrics ? refuse(cursor, "a comment is not allowed in OpenMetrics") : 0;
    cursor->at += 2;
    return read_metadata(reader);
}

int exposition_read(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                    size_t fault_size)
{
    *out = (struct exposition){0};
    fault[0] = '\0';
    struct reader reader = {
        .cursor = {.format = format, .fault = fault, .fault_size = fault_size}, .out = out, .current = SIZE_MAX};
    struct cursor *cursor = &reader.cursor;
    const char *at = text, *end = text + length;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        cursor->line++;
        cursor->start = cursor->at = at;
        cursor->end = feed ? feed : end;
        int code = take_line(&reader);
        if (code != 0)
            return code;
        /* Only what nothing can follow may end without one. */
        if (!feed && !reader.eof_seen)
            return refuse(cursor, "the last line has no line feed");
        at = feed ? feed + 1 : end;
    }
    cursor->line++;
    if (format == PROMC_FORMAT_OPENMETRICS && !reader.eof_seen)
        return refuse(cursor, "# EOF is missing");
    return 0;
}

int exposition_parse(struct exposition *out, const char *text, size_t length, enum promc_format format, char *fault,
                     size_t fault_size)
{
    int code = exposition_read(out, text, length, format, fault, fault_size);
    struct cursor cursor = {.format = format, .fault = fault, .fault_size = fault_size};
    return code != 0 ? code : check_whole(&cursor, out);
}

void sample_free(struct sample *sample)
{
    for (size_t i = 0; i < sample->label_count; i++) {
        free(sample->labels[i].name);
        free(sample->labels[i].value);
    }
    free(sample->labels);
    free(sample->name);
    free(sample->value_text);
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
    for (size_t i = 0; i < exposition->sample_count; i++)
        sample_free(&exposition->samples[i]);
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
