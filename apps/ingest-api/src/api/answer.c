/* SPDX-License-Identifier: Apache-2.0 */
#include "api/answer.h"
#include "api/cursor.h"
#include "base/text.h"
#include "db/db.h"
#include "http/store_error.h"
#include "model/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int answer_no_memory(struct request *req)
{
    req->retry_after = 1;
    return respond_error(req, 503, "no_memory", "The service is out of memory. Nothing was changed; try again.");
}

int answer_nothing(struct request *req)
{
    char *empty = calloc(1, 1);
    return empty ? respond_bytes(req, 204, NULL, empty, 0) : answer_no_memory(req);
}

void *request_state(struct request *req, size_t size, void (*release)(void *state))
{
    req->state = calloc(1, size);
    req->state_free = release;
    return req->state;
}

int path_id(struct request *req, int param, const char *what, char id[UUID_TEXT])
{
    unsigned char uuid[16];

    if (!uuid_parse(req->params[param], uuid))
        return respond_store_error(req, DB_E_NOT_FOUND, what);
    uuid_format(uuid, id);
    return 0;
}

int query_choice(struct request *req, const char *parameter, const char *const *names, int count, int *choice)
{
    const char *name = request_query(req, parameter);
    char bytes[256];
    struct text text;

    *choice = name_index(names, count, name);
    if (!name || *choice >= 0)
        return 0;
    text_init(&text, bytes, sizeof(bytes) - 1);
    for (int i = 0; i < count; i++) {
        text_add(&text, i > 0 ? ", " : "");
        text_add(&text, names[i]);
    }
    bytes[text.length] = '\0';
    return respond_error(req, 400, "invalid_parameter", "%s must be one of %s.", parameter, bytes);
}

int body_json(struct request *req, json_t **out)
{
    json_error_t error;

    *out = NULL;
    if (req->body_length == 0)
        return respond_error(req, 400, "empty_body", "line 1: the body is empty; a JSON object was expected.");
    *out = json_loadb(req->body, req->body_length, JSON_REJECT_DUPLICATES, &error);
    if (!*out)
        return respond_error(req, 400, "invalid_json", "line %d, column %d: %s", error.line, error.column, error.text);
    return 0;
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
        return respond_error(req, 400, "invalid_cursor", "cursor was not issued by this list with these filters.");
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
