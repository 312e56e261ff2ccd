/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser. It reads line by line (metadata.c, sample.c); checks across lines follow once all samples are read
 * (check_groups.c, check_histograms.c).
 */
#include "exposition.h"
#include "check_groups.h"
#include "check_histograms.h"
#include "metadata.h"
#include "sample.h"

#include <string.h>

static int take_line(struct reader *reader)
{
    struct cursor *cursor = &reader->cursor;
    bool openmetrics = cursor->format == PROMC_FORMAT_OPENMETRICS;
    if (reader->eof_seen)
        return refuse(cursor, "text after # EOF");
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
        /* Only the last line may end without a line feed. */
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
    if (code == 0)
        code = check_groups(&cursor, out);
    return code != 0 ? code : check_histograms(&cursor, out);
}
