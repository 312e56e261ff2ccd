/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answer.h"
#include "api/cursor.h"
#include "base/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_EXPECTED 4096 /* bytes */

int answer_no_memory(struct request *req)
{
    req->retry_after = 1;
    return respond_error(req, 503, "no_memory", "The service is out of memory. Nothing was changed; try again.");
}

void *request_state(struct request *req, size_t size, void (*release)(void *state))
{
    req->state = calloc(1, size);
    req->state_free = release;
    return req->state;
}

json_t *answer_time(int64_t ms)
{
    char digits[32];
    struct text text;

    if (ms <= 0)
        return json_null();
    text_init(&text, digits, sizeof(digits));
    text_add_iso_time(&text, ms);
    return json_stringn(text.data, text.length);
}

int page_read(struct request *req, struct page *page)
{
    const char *limit = request_query(req, "limit"), *cursor = request_query(req, "cursor");

    page->limit = PAGE_LIMIT_DEFAULT;
    page->after[0] = '\0';
    if (limit) {
        char *end;
        errno = 0;
        unsigned long n = strtoul(limit, &end, 10);
        if (*limit < '0' || *limit > '9' || *end || errno || n < 1 || n > PAGE_LIMIT_MAX)
            return respond_error(req, 400, "invalid_parameter", "limit must be a whole number from 1 to %d.",
                                 PAGE_LIMIT_MAX);
        page->limit = (unsigned)n;
    }
    if (cursor && !cursor_read(cursor, req->organisation_id, page->scope, page->after))
        return respond_error(req, 400, "invalid_cursor",
                             "cursor is not one that this list with these filters has given.");
    return 0;
}

void page_end(const struct request *req, const struct page *page, const char *last_id, bool more,
              char out[PAGE_END_MAX])
{
    char cursor[CURSOR_SIZE];

    if (more && cursor_write(last_id, req->organisation_id, page->scope, cursor))
        (void)snprintf(out, PAGE_END_MAX, "],\"next_cursor\":\"%s\"}", cursor);
    else
        (void)snprintf(out, PAGE_END_MAX, "],\"next_cursor\":null}");
}

static int add_piece(const char *piece, size_t n, void *text)
{
    text_add_n(text, piece, n);
    return 0;
}

int page_answer(struct request *req, const struct page *page, json_t *rows, const char *last_id, bool more)
{
    char end[PAGE_END_MAX];
    struct text text;
    json_t *row;
    size_t i;

    text_init_growing(&text, PAGE_EXPECTED);
    text_add(&text, PAGE_BEGIN);
    json_array_foreach(rows, i, row)
    {
        if (i > 0)
            text_add(&text, ",");
        (void)json_dump_callback(row, add_piece, &text, JSON_COMPACT);
    }
    json_decref(rows);
    page_end(req, page, last_id, more, end);
    text_add(&text, end);
    size_t length = text.length;
    char *body = text_take(&text);
    return body ? respond_bytes(req, 200, "application/json", body, length) : answer_no_memory(req);
}
