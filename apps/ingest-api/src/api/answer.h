/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/answer.h Helpers for the answers of several routes. */
#ifndef INGEST_API_ANSWER_H
#define INGEST_API_ANSWER_H

#include "base/uuid.h"
#include "http/request.h"

/** 503: nothing was changed. @return the status. */
int answer_no_memory(struct request *req);

/** 204. */
int answer_nothing(struct request *req);

/** Allocate req->state, zeroed; `release` is called with it when the request has ended. @return NULL: no memory. */
void *request_state(struct request *req, size_t size, void (*release)(void *state));

/**
 * Read an id from the path, in its canonical form, because in labels, keys and payloads each id must have one spelling.
 * @param what    the kind of thing it identifies; an invalid UUID is answered with 404
 * @return 0, or the status answered.
 */
int path_id(struct request *req, int param, const char *what, char id[UUID_TEXT]);

/**
 * Read a query parameter that is one of `names`.
 * @param[out] choice its index; -1: absent.
 * @return 0, or the status answered.
 */
int query_choice(struct request *req, const char *parameter, const char *const *names, int count, int *choice);

/**
 * Parse the body as JSON.
 * @param[out] out the caller frees it; NULL unless 0 is returned.
 * @return 0, or the status answered.
 */
int body_json(struct request *req, json_t **out);

/** "2026-01-12T08:15:30.123Z" as a new string, or null for 0. */
json_t *answer_time(int64_t ms);

#define PAGE_LIMIT_DEFAULT 100
#define PAGE_LIMIT_MAX 500

/** A list's paging, from ?limit and ?cursor. */
struct page {
    unsigned limit;
    char after[37];  /**< "" at the start */
    char scope[400]; /**< the list and its filters, to which a cursor is bound */
};
/** Read limit and cursor; set page->scope before. @return 0, or the status answered. */
int page_read(struct request *req, struct page *page);
/** A page is {"data": [rows], "next_cursor": …}: write PAGE_BEGIN, the rows separated by commas, and page_end(). */
#define PAGE_BEGIN "{\"data\":["
#define PAGE_END_MAX 80
/** The end of a page, after the rows. @param last_id of the last row; used if `more`. */
void page_end(const struct request *req, const struct page *page, const char *last_id, bool more,
              char out[PAGE_END_MAX]);

#endif
