/* SPDX-License-Identifier: Apache-2.0 */
#include "metadata.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static const char *const types_text[] = {"counter", "gauge", "histogram", "summary", "untyped", NULL};
static const char *const types_openmetrics[] = {
    "counter", "gauge", "histogram", "gaugehistogram", "summary", "stateset", "info", "unknown", NULL};

static int check_type(struct cursor *cursor, const char *type)
{
    const char *const *types = cursor->format == PROMC_FORMAT_OPENMETRICS ? types_openmetrics : types_text;
    for (; *types; types++)
        if (strcmp(*types, type) == 0)
            return 0;
    return refuse(cursor, "\"%s\" is not a metric type of this format", type);
}

static int check_unit(struct cursor *cursor, const struct exposed_family *family)
{
    size_t name = strlen(family->name), unit = strlen(family->unit);
    if (unit &&
        (name <= unit || family->name[name - unit - 1] != '_' || strcmp(family->name + name - unit, family->unit) != 0))
        return refuse(cursor, "%s does not end with its unit, _%s", family->name, family->unit);
    return 0;
}

/* The family that this line is about: the current one, or a new one. */
static int metadata_family(struct reader *reader)
{
    struct cursor *cursor = &reader->cursor;
    char *name = sees(cursor, '"') ? take_quoted(cursor) : take_name(cursor, true);
    if (!name)
        return refused(cursor);
    size_t index = find_family(reader->out, name);
    if (index == SIZE_MAX && add_family(reader->out, name, cursor->line)) {
        reader->current = reader->out->family_count - 1;
        return 0;
    }
    free(name);
    if (index == SIZE_MAX)
        return PROMC_E_NOMEM;
    return index == reader->current
               ? 0
               : refuse(cursor, "the lines of %s are not contiguous", reader->out->families[index].name);
}

int read_metadata(struct reader *reader)
{
    static const char *const kinds[] = {"HELP", "TYPE", "UNIT"};
    struct cursor *cursor = &reader->cursor;
    bool openmetrics = cursor->format == PROMC_FORMAT_OPENMETRICS;
    size_t kind = 0;
    while (kind < 3 &&
           (cursor->end - cursor->at < 5 || memcmp(cursor->at, kinds[kind], 4) != 0 || cursor->at[4] != ' '))
        kind++;
    if (kind == 3 || (kind == 2 && !openmetrics))
        return openmetrics ? refuse(cursor, "a comment is not allowed in OpenMetrics") : 0;
    cursor->at += 5;
    int code = metadata_family(reader);
    if (code != 0)
        return code;
    struct exposed_family *family = &reader->out->families[reader->current];
    char **field = kind == 0 ? &family->help : kind == 1 ? &family->type : &family->unit;
    if (!skips(cursor, ' ') && (openmetrics || kind != 0))
        return refuse(cursor, "a space and the %s are expected after the name", kinds[kind]);
    if (*field)
        return refuse(cursor, "a second %s for %s", kinds[kind], family->name);
    if (family->samples && (openmetrics || kind == 1))
        return refuse(cursor, "%s of %s after its samples", kinds[kind], family->name);
    *field = take_help(cursor);
    if (!*field)
        return refused(cursor);
    return kind == 0 ? 0 : kind == 1 ? check_type(cursor, *field) : check_unit(cursor, family);
}
