/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/answer.h What the answers of several routes have in common. */
#ifndef INGEST_API_ANSWER_H
#define INGEST_API_ANSWER_H

#include "http/request.h"

/** 503: nothing was changed. @return the status. */
int answer_no_memory(struct request *req);

/** req->state, of zeros; `release` gets it when the request is over. @return NULL: no memory. */
void *request_state(struct request *req, size_t size, void (*release)(void *state));

/** "2026-01-12T08:15:30.123Z" as a new string, or null for 0. */
json_t *answer_time(int64_t ms);

#define PAGE_LIMIT_DEFAULT 100
#define PAGE_LIMIT_MAX 500

/** A list's paging, from ?limit and ?cursor. */
struct page {
    unsigned limit;
    char after[37];  /**< "" at the start */
    char scope[400]; /**< the list and its filters, which a cursor is bound to */
};
/** Read them; page->scope is set before. @return 0, or the status answered. */
int page_read(struct request *req, struct page *page);
/** A page is {"data": [rows], "next_cursor": …}: this, the rows with commas between them, and page_end(). */
#define PAGE_BEGIN "{\"data\":["
#define PAGE_END_MAX 80
/** What follows the rows. @param last_id of the last row; used if `more`. */
void page_end(const struct request *req, const struct page *page, const char *last_id, bool more,
              char out[PAGE_END_MAX]);
/** Answer with such a page; steals rows. */
int page_answer(struct request *req, const struct page *page, json_t *rows, const char *last_id, bool more);

#endif
