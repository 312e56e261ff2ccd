/* SPDX-License-Identifier: Apache-2.0 */
#include "model.h"
#include "report.h"

#include <stdlib.h>
#include <string.h>

struct exposed_family *add_family(struct exposition *out, char *name, size_t line)
{
    if (out->family_count == out->family_room) {
        size_t room = out->family_room ? out->family_room * 2 : 16;
        struct exposed_family *families = realloc(out->families, room * sizeof(*families));
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
    for (size_t i = 0; i < out->family_count; i++)
        if (strcmp(out->families[i].name, name) == 0)
            return i;
    return SIZE_MAX;
}

bool family_is(const struct exposed_family *family, const char *type)
{
    return family->type && strcmp(family->type, type) == 0;
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
    for (size_t i = 0; i < sample->label_count; i++)
        if (strcmp(sample->labels[i].name, name) == 0)
            return sample->labels[i].value;
    return NULL;
}

char *sample_text(const struct sample *sample)
{
    struct report text = {0};
    report_add(&text, "%s", sample->name);
    for (size_t i = 0; i < sample->label_count; i++) {
        report_add(&text, "%s%s=\"", i ? "," : "{", sample->labels[i].name);
        for (const char *byte = sample->labels[i].value; *byte; byte++)
            if (*byte == '\n')
                report_add(&text, "\\n");
            else
                report_add(&text, "%s%c", *byte == '"' || *byte == '\\' ? "\\" : "", *byte);
        report_add(&text, "\"");
    }
    report_add(&text, "%s %s", sample->label_count ? "}" : "", sample->value_text);
    if (text.failed) {
        free(text.text);
        return NULL;
    }
    return text.text;
}
