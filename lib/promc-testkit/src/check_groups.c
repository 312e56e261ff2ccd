/* SPDX-License-Identifier: Apache-2.0 */
/* Checks across lines of any type. Each check sorts references to the samples and compares neighbours. */
#include "check_groups.h"
#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* qsort() passes no context, so each reference has its family and its sample. */
struct reference {
    const struct exposed_family *family;
    const struct sample *sample;
};

static int by_place(const struct reference *x, const struct reference *y)
{
    return (x->sample > y->sample) - (x->sample < y->sample);
}

static int by_group(const void *a, const void *b)
{
    const struct reference *x = a, *y = b;
    int order = (x->family > y->family) - (x->family < y->family);
    if (order == 0)
        order = compare_groups(x->family, x->sample, y->sample);
    return order != 0 ? order : by_place(x, y);
}

int compare_series(const struct sample *x, const struct sample *y)
{
    int order = strcmp(x->name, y->name);
    for (size_t i = 0; order == 0 && i < x->label_count && i < y->label_count; i++) {
        order = strcmp(x->labels[i].name, y->labels[i].name);
        order = order != 0 ? order : strcmp(x->labels[i].value, y->labels[i].value);
    }
    return order != 0 ? order : (x->label_count > y->label_count) - (x->label_count < y->label_count);
}

static int by_series(const void *a, const void *b)
{
    const struct reference *x = a, *y = b;
    int order = compare_series(x->sample, y->sample);
    return order != 0 ? order : by_place(x, y);
}

static bool earlier(const struct stamp *x, const struct stamp *y)
{
    return x->seconds < y->seconds || (x->seconds == y->seconds && x->nanoseconds < y->nanoseconds);
}

static int refuse_mix(struct cursor *cursor, const struct reference *in)
{
    cursor->line = in->sample->line;
    return refuse(cursor, "%s has a timestamp in one line and none in the other", in->family->name);
}

/* Two neighbours in one group. */
static int check_neighbours(struct cursor *cursor, const struct reference *x, const struct reference *y)
{
    cursor->line = y->sample->line;
    if (x->sample + 1 != y->sample)
        return refuse(cursor, "the lines of %s with these labels are not together (also in line %zu)", y->family->name,
                      x->sample->line);
    if (x->sample->stamped != y->sample->stamped)
        return refuse_mix(cursor, y);
    if (x->sample->stamped && earlier(&y->sample->stamp, &x->sample->stamp))
        return refuse(cursor, "the timestamps of %s go backwards", y->family->name);
    return 0;
}

/* Info samples form one group whatever their labels, in the order of the lines. */
static int check_infos(struct cursor *cursor, const struct reference *references, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        const struct reference *x = &references[i - 1], *y = &references[i];
        if (x->family == y->family && family_is(x->family, "info") && x->sample->stamped != y->sample->stamped)
            return refuse_mix(cursor, y);
    }
    return 0;
}

static int groups(struct cursor *cursor, struct reference *references, size_t count)
{
    int code = 0;
    qsort(references, count, sizeof(*references), by_group);
    for (size_t i = 1; code == 0 && i < count; i++) {
        const struct reference *x = &references[i - 1], *y = &references[i];
        if (x->family == y->family && !family_is(x->family, "info") &&
            compare_groups(x->family, x->sample, y->sample) == 0)
            code = check_neighbours(cursor, x, y);
    }
    return code;
}

/* Check that no series occurs twice. In OpenMetrics a series may have several points, each with its timestamp. */
static int doubles(struct cursor *cursor, struct reference *references, size_t count)
{
    qsort(references, count, sizeof(*references), by_series);
    for (size_t i = 1; i < count; i++) {
        const struct sample *x = references[i - 1].sample, *y = references[i].sample;
        bool points = cursor->format == PROMC_FORMAT_OPENMETRICS && (x->stamped || y->stamped);
        if (!points && compare_series(x, y) == 0) {
            cursor->line = y->line;
            return refuse(cursor, "the series of %s is repeated (also in line %zu)", y->name, x->line);
        }
    }
    return 0;
}

static const char *const suffixes[] = {"",        "_total", "_created", "_sum", "_count",
                                       "_bucket", "_gsum",  "_gcount",  "_info"};
#define SUFFIXES (sizeof(suffixes) / sizeof(*suffixes))

/* The names that a family reserves: its own and those of its samples. */
struct claim {
    const struct exposed_family *family;
    char *name;
};

static int by_claim(const void *a, const void *b)
{
    const struct claim *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order != 0 ? order : (x->family > y->family) - (x->family < y->family);
}

static size_t claim(const struct exposition *exposition, struct claim *claims)
{
    size_t count = 0;
    for (size_t i = 0; i < exposition->family_count * SUFFIXES; i++) {
        const struct exposed_family *family = &exposition->families[i / SUFFIXES];
        const char *suffix = suffixes[i % SUFFIXES];
        char *name = NULL;
        if (asprintf(&name, "%s%s", family->name, suffix) < 0)
            return SIZE_MAX;
        if (!*suffix || sample_belongs(family, name, PROMC_FORMAT_OPENMETRICS))
            claims[count++] = (struct claim){family, name};
        else
            free(name);
    }
    return count;
}

static int clashes(struct cursor *cursor, const struct exposition *exposition)
{
    struct claim *claims = calloc(exposition->family_count * SUFFIXES + 1, sizeof(*claims));
    size_t count = claims ? claim(exposition, claims) : SIZE_MAX;
    int code = count == SIZE_MAX ? PROMC_E_NOMEM : 0;
    if (code == 0)
        qsort(claims, count, sizeof(*claims), by_claim);
    for (size_t i = 1; code == 0 && i < count; i++) {
        if (strcmp(claims[i - 1].name, claims[i].name) == 0) {
            cursor->line = claims[i].family->line;
            code = refuse(cursor, "%s clashes with %s, which has a sample %s", claims[i].family->name,
                          claims[i - 1].family->name, claims[i].name);
        }
    }
    for (size_t i = 0; claims && i < exposition->family_count * SUFFIXES; i++)
        free(claims[i].name);
    free(claims);
    return code;
}

static int units(struct cursor *cursor, const struct exposition *exposition)
{
    for (size_t i = 0; i < exposition->family_count; i++) {
        const struct exposed_family *family = &exposition->families[i];
        if (family->unit && *family->unit && (family_is(family, "info") || family_is(family, "stateset"))) {
            cursor->line = family->line;
            return refuse(cursor, "%s has a unit, which its type cannot have", family->name);
        }
    }
    return 0;
}

int check_groups(struct cursor *cursor, const struct exposition *exposition)
{
    bool openmetrics = cursor->format == PROMC_FORMAT_OPENMETRICS;
    size_t count = exposition->sample_count;
    struct reference *references = malloc((count + 1) * sizeof(*references));
    if (!references)
        return PROMC_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        const struct sample *sample = &exposition->samples[i];
        references[i] = (struct reference){&exposition->families[sample->family], sample};
    }
    int code = openmetrics ? check_infos(cursor, references, count) : 0; /* before they are sorted */
    if (code == 0)
        code = doubles(cursor, references, count);
    if (code == 0 && openmetrics)
        code = groups(cursor, references, count);
    free(references);
    if (code == 0 && openmetrics)
        code = clashes(cursor, exposition);
    return code == 0 && openmetrics ? units(cursor, exposition) : code;
}
