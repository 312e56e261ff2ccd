/* SPDX-License-Identifier: Apache-2.0 */
#include "sample.h"
#include "check.h"

#include <stdlib.h>
#include <string.h>

#define EXEMPLAR_LABELS_MAX 128 /* code points of names and values together */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct pair *)a)->name, ((const struct pair *)b)->name);
}

/* Parse and store an element of `{…}`. 1: a label; 0: the metric's name, quoted and without `=` (UTF-8 names). */
static int take_label(struct cursor *cursor, struct sample *sample)
{
    bool quoted = sees(cursor, '"');
    char *name = quoted ? take_quoted(cursor) : take_name(cursor, false);
    if (!name)
        return refused(cursor);
    if (quoted && !sample->name && *name && (sees(cursor, ',') || sees(cursor, '}'))) {
        sample->name = name;
        return 0;
    }
    struct pair *labels = realloc(sample->labels, (sample->label_count + 1) * sizeof(*labels));
    if (!labels) {
        free(name);
        return PROMC_E_NOMEM;
    }
    sample->labels = labels;
    struct pair *label = &labels[sample->label_count++];
    *label = (struct pair){name, NULL};
    if (!*name || !skips(cursor, '='))
        return refuse(cursor, "= is expected after label %s", name);
    label->value = take_quoted(cursor);
    return label->value ? 1 : refused(cursor);
}

/* After an element: the brace, or a comma and another element. */
static int after_label(struct cursor *cursor)
{
    if (sees(cursor, '}'))
        return 0;
    if (!skips(cursor, ','))
        return refuse(cursor, cursor->at < cursor->end ? ", or } is expected after a label" : "} is missing");
    return sees(cursor, '}') ? refuse(cursor, "a comma before }") : 0;
}

/* `{…}` with the cursor after the brace; sorts the labels. */
static int take_labels(struct cursor *cursor, struct sample *sample)
{
    int code = 0;
    while (code >= 0 && cursor->at < cursor->end && !sees(cursor, '}')) {
        code = take_label(cursor, sample);
        code = code < 0 ? code : after_label(cursor);
    }
    if (code < 0)
        return code;
    if (!skips(cursor, '}'))
        return refuse(cursor, "} is missing");
    if (sample->label_count)
        qsort(sample->labels, sample->label_count, sizeof(*sample->labels), by_name);
    for (size_t i = 1; i < sample->label_count; i++)
        if (by_name(&sample->labels[i], &sample->labels[i - 1]) == 0)
            return refuse(cursor, "label %s is repeated", sample->labels[i].name);
    return 0;
}

/* The value, and the timestamp if one follows. */
static int take_value(struct cursor *cursor, struct sample *sample)
{
    if (!skips(cursor, ' '))
        return refuse(cursor, "one space is expected before the value");
    sample->value_text = take_word(cursor);
    if (!sample->value_text)
        return refused(cursor);
    if (!parse_number(sample->value_text, &sample->value))
        return refuse(cursor, "\"%s\" is not a number", sample->value_text);
    if (!sees(cursor, ' ') || (cursor->end - cursor->at > 1 && cursor->at[1] == '#'))
        return 0;
    cursor->at++;
    char *word = take_word(cursor);
    if (!word)
        return refused(cursor);
    sample->stamped = parse_stamp(word, cursor->format, &sample->stamp);
    int code =
        sample->stamped ? 0 : refuse(cursor, "\"%s\" after the value is neither a timestamp nor an exemplar", word);
    free(word);
    return code;
}

/* ` # {…} value timestamp`, read like a sample that has no name. */
static int take_exemplar(struct cursor *cursor)
{
    struct sample exemplar = {.name = strdup("exemplar")};
    size_t characters = 0;
    int code = exemplar.name ? 0 : PROMC_E_NOMEM;
    if (code == 0 && !(skips(cursor, ' ') && skips(cursor, '#') && skips(cursor, ' ') && skips(cursor, '{')))
        code = refuse(cursor, "the text after the value is neither a timestamp nor an exemplar");
    if (code == 0)
        code = take_labels(cursor, &exemplar);
    for (size_t i = 0; code == 0 && i < exemplar.label_count; i++)
        characters += utf8_length(exemplar.labels[i].name) + utf8_length(exemplar.labels[i].value);
    if (characters > EXEMPLAR_LABELS_MAX)
        code = refuse(cursor, "the labels of the exemplar have more than %d characters", EXEMPLAR_LABELS_MAX);
    if (code == 0 && !sees(cursor, ' '))
        code = refuse(cursor, "the text after the value is neither a timestamp nor an exemplar with its value");
    if (code == 0)
        code = take_value(cursor, &exemplar);
    if (code == 0 && cursor->at < cursor->end)
        code = refuse(cursor, "text after the exemplar");
    sample_free(&exemplar);
    return code;
}

/* Assign the sample to a family: the current one if name and suffix fit, else a new one without TYPE. */
static int place(struct reader *reader, struct sample *sample)
{
    struct exposition *out = reader->out;
    struct cursor *cursor = &reader->cursor;
    if (reader->current == SIZE_MAX || !sample_belongs(&out->families[reader->current], sample->name, cursor->format)) {
        if (find_family(out, sample->name) != SIZE_MAX)
            return refuse(cursor, "the lines of %s are not contiguous, or its suffix does not fit its type",
                          sample->name);
        for (size_t i = 0; i < out->family_count; i++)
            if (sample_belongs(&out->families[i], sample->name, cursor->format))
                return refuse(cursor, "the lines of %s are not contiguous", out->families[i].name);
        char *name = strdup(sample->name);
        if (!name || !add_family(out, name, cursor->line)) {
            free(name);
            return PROMC_E_NOMEM;
        }
        reader->current = out->family_count - 1;
    }
    sample->family = reader->current;
    out->families[sample->family].samples++;
    return 0;
}

static struct sample *add_sample(struct exposition *out, size_t line)
{
    if (out->sample_count == out->sample_room) {
        size_t room = out->sample_room ? out->sample_room * 2 : 64;
        struct sample *samples = realloc(out->samples, room * sizeof(*samples));
        if (!samples)
            return NULL;
        out->samples = samples;
        out->sample_room = room;
    }
    struct sample *sample = &out->samples[out->sample_count++];
    *sample = (struct sample){.line = line};
    return sample;
}

int read_sample(struct reader *reader)
{
    struct cursor *cursor = &reader->cursor;
    struct sample *sample = add_sample(reader->out, cursor->line);
    int code = sample ? 0 : PROMC_E_NOMEM;
    if (code == 0 && !sees(cursor, '{')) {
        sample->name = take_name(cursor, true);
        code = sample->name ? 0 : refused(cursor);
    }
    if (code == 0 && skips(cursor, '{'))
        code = take_labels(cursor, sample);
    if (code == 0 && !sample->name)
        code = refuse(cursor, "a metric name is expected");
    if (code == 0)
        code = take_value(cursor, sample);
    if (code == 0 && cursor->at < cursor->end) {
        sample->exemplar = true;
        code = cursor->format == PROMC_FORMAT_OPENMETRICS
                   ? take_exemplar(cursor)
                   : refuse(cursor, "the text after the value is neither a timestamp nor an exemplar");
    }
    if (code == 0)
        code = place(reader, sample);
    return code == 0 ? check_sample(cursor, &reader->out->families[sample->family], sample) : code;
}
