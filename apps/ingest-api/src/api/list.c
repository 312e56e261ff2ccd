/* SPDX-License-Identifier: Apache-2.0 */
#include "api/list.h"

#include "base/text.h"
#include "http/store_error.h"

#include <stdlib.h>
#include <string.h>

#define PAGE_EXPECTED 4096 /* bytes */

static void list_free(void *arg)
{
    struct list *list = arg;

    json_decref(list->rows);
    free(list);
}

struct list *list_new(struct request *req)
{
    struct list *list = request_state(req, sizeof(*list), list_free);

    if (list)
        list->choice = -1;
    return list;
}

int list_prepare_states(struct request *req, const char *what, const char *const *names, int count)
{
    struct list *list = list_new(req);

    if (!list)
        return answer_no_memory(req);
    int rc = path_id(req, 0, "campaign", list->campaign);
    if (rc == 0)
        rc = query_choice(req, "state", names, count, &list->choice);
    if (rc != 0)
        return rc;
    (void)snprintf(list->page.scope, sizeof(list->page.scope), "%s|%s|%s", what, list->campaign,
                   list->choice < 0 ? "" : names[list->choice]);
    return page_read(req, &list->page);
}

static int add_piece(const char *piece, size_t n, void *text)
{
    text_add_n(text, piece, n);
    return 0;
}

int list_add(struct list *list, const char *id, json_t *row)
{
    if (!list->rows)
        list->rows = json_array();
    memcpy(list->last_id, id, sizeof(list->last_id));
    return json_array_append_new(list->rows, row);
}

static int answer_rows(struct request *req, const struct list *list, bool more)
{
    char end[PAGE_END_MAX];
    struct text text;
    json_t *row;
    size_t i;

    text_init_growing(&text, PAGE_EXPECTED);
    text_add(&text, PAGE_BEGIN);
    json_array_foreach(list->rows, i, row)
    {
        if (i > 0)
            text_add(&text, ",");
        (void)json_dump_callback(row, add_piece, &text, JSON_COMPACT);
    }
    page_end(req, &list->page, list->last_id, more, end);
    text_add(&text, end);
    size_t length = text.length;
    char *body = text_take(&text);
    return body ? respond_bytes(req, 200, "application/json", body, length) : answer_no_memory(req);
}

int list_answer(struct request *req, struct list *list, int rc, const char *what, bool more)
{
    int status = rc < 0 ? respond_store_error(req, rc, what) : answer_rows(req, list, more);

    json_decref(list->rows);
    list->rows = NULL;
    return status;
}
