/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/list.h A list whose rows are built as JSON values: campaigns, drafts, recipients, suppressions. */
#ifndef INGEST_API_LIST_H
#define INGEST_API_LIST_H

#include "api/answer.h"

/** The state of such a request, which list_new() makes. */
struct list {
    struct page page;
    int choice;               /**< of its filter, as query_choice() reads it; -1: any */
    char campaign[UUID_TEXT]; /**< of the path, if it has one */
    char last_id[UUID_TEXT];
    json_t *rows; /**< NULL: none yet */
};

/** req->state; it is freed with the request. @return NULL: no memory. */
struct list *list_new(struct request *req);

/**
 * prepare() of a list below a campaign of the path, with the filter `state`. @param what names the list to its cursors.
 * @return 0, or the status answered.
 */
int list_prepare_states(struct request *req, const char *what, const char *const *names, int count);

/** Add a row; steals it. @return 0, or -1: no memory. */
int list_add(struct list *list, const char *id, json_t *row);

/** Answer with the rows, or with the store's error. @param rc the store's; @param what name of the missing thing, for a 404. */
int list_answer(struct request *req, struct list *list, int rc, const char *what, bool more);

#endif
