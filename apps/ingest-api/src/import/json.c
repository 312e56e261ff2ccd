/* SPDX-License-Identifier: Apache-2.0 */
#include "import/json.h"

#include <string.h>

void json_rows_init(struct json_rows *rows, enum json_rows_format format, const char *data, size_t length)
{
    *rows = (struct json_rows){.format = format, .cursor = data, .end = data + length, .cursor_line = 1};
    while (rows->end - rows->cursor >= 3 && memcmp(rows->cursor, "\xef\xbb\xbf", 3) == 0)
        rows->cursor += 3;
    rows->line_start = rows->cursor;
}

static void mark(struct json_rows *rows)
{
    rows->line = rows->cursor_line;
    rows->column = (unsigned long)(rows->cursor - rows->line_start) + 1;
}

static enum json_rows_result syntax(struct json_rows *rows, const char *reason)
{
    mark(rows);
    rows->reason = reason;
    rows->ended = true;
    return JSON_ROWS_E_SYNTAX;
}

static void newline(struct json_rows *rows)
{
    rows->cursor_line++;
    rows->line_start = rows->cursor + 1;
}

static void skip_space(struct json_rows *rows)
{
    for (; rows->cursor < rows->end; rows->cursor++) {
        char c = *rows->cursor;
        if (c == '\n')
            newline(rows);
        else if (c != ' ' && c != '\t' && c != '\r')
            return;
    }
}

/* Skip a string, from its opening quote to after the closing one. @return false: the text ended first. */
static bool skip_string(struct json_rows *rows)
{
    for (rows->cursor++; rows->cursor < rows->end; rows->cursor++) {
        char c = *rows->cursor;
        if (c == '\\' && rows->cursor + 1 < rows->end && rows->cursor[1] != '\n')
            rows->cursor++;
        else if (c == '\n')
            newline(rows);
        else if (c == '"') {
            rows->cursor++;
            return true;
        }
    }
    return false;
}

/*
 * Skip one element: up to the comma or bracket that follows it at depth 0. Brackets are only counted, not matched:
 * json_text.h checks the contents. @return false: the text ended first.
 */
static bool skip_element(struct json_rows *rows)
{
    unsigned long depth = 0;

    while (rows->cursor < rows->end) {
        char c = *rows->cursor;
        if (c == '"') {
            if (!skip_string(rows))
                return false;
            if (depth == 0)
                return true;
            continue;
        }
        if (depth == 0 && (c == ',' || c == ']' || c == '}'))
            return true;
        if (depth == 0 && (c == ' ' || c == '\t' || c == '\r' || c == '\n'))
            return true;
        if (c == '{' || c == '[')
            depth++;
        else if ((c == '}' || c == ']') && --depth == 0) {
            rows->cursor++;
            return true;
        } else if (c == '\n')
            newline(rows);
        rows->cursor++;
    }
    return false;
}

static enum json_rows_result element(struct json_rows *rows, const char *start, const char *stop, const char **text,
                                     size_t *length)
{
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t' || stop[-1] == '\r'))
        stop--;
    *text = start;
    *length = (size_t)(stop - start);
    rows->index = rows->next_index++;
    rows->reason = "row_too_long";
    return *length > JSON_ROWS_MAX_ELEMENT ? JSON_ROWS_BAD : JSON_ROWS_ROW;
}

static enum json_rows_result next_line(struct json_rows *rows, const char **text, size_t *length)
{
    skip_space(rows);
    if (rows->cursor == rows->end)
        return JSON_ROWS_END;
    const char *start = rows->cursor;
    const char *stop = memchr(start, '\n', (size_t)(rows->end - start));
    if (!stop)
        stop = rows->end;
    mark(rows);
    rows->cursor = stop;
    return element(rows, start, stop, text, length);
}

/*
 * Read what precedes an element: the opening bracket or a comma.
 * @return 1: an element follows; else the result to return.
 */
static enum json_rows_result before_element(struct json_rows *rows)
{
    skip_space(rows);
    if (!rows->begun) {
        if (rows->cursor == rows->end || *rows->cursor != '[')
            return syntax(rows, "a JSON array was expected: '[' is missing");
        rows->begun = true;
        rows->cursor++;
        skip_space(rows);
        if (rows->cursor == rows->end)
            return syntax(rows, "the array is not closed");
        if (*rows->cursor != ']')
            return JSON_ROWS_ROW;
    } else {
        if (rows->cursor == rows->end)
            return syntax(rows, "the array is not closed");
        if (*rows->cursor == ',') {
            rows->cursor++;
            skip_space(rows);
            if (rows->cursor == rows->end)
                return syntax(rows, "the array is not closed");
            return JSON_ROWS_ROW;
        }
        if (*rows->cursor != ']')
            return syntax(rows, "',' or ']' was expected after an element");
    }
    rows->cursor++;
    skip_space(rows);
    if (rows->cursor < rows->end)
        return syntax(rows, "text after the end of the array");
    rows->ended = true;
    return JSON_ROWS_END;
}

static enum json_rows_result next_element(struct json_rows *rows, const char **text, size_t *length)
{
    enum json_rows_result rc = before_element(rows);

    if (rc != JSON_ROWS_ROW)
        return rc;
    const char *start = rows->cursor;
    unsigned long line = rows->cursor_line;
    const char *line_start = rows->line_start;
    if (!skip_element(rows))
        return syntax(rows, "the array is not closed");
    if (rows->cursor == start)
        return syntax(rows, "an element was expected");
    rows->line = line;
    rows->column = (unsigned long)(start - line_start) + 1;
    return element(rows, start, rows->cursor, text, length);
}

enum json_rows_result json_rows_next(struct json_rows *rows, const char **text, size_t *length)
{
    if (rows->ended)
        return JSON_ROWS_END;
    return rows->format == JSON_ROWS_LINES ? next_line(rows, text, length) : next_element(rows, text, length);
}
