/* SPDX-License-Identifier: Apache-2.0 */
/** @file api/list.h The lists whose rows are built as JSON values: campaigns, drafts, recipients, suppressions. */
#ifndef INGEST_API_LIST_H
#define INGEST_API_LIST_H

#include "api/answer.h"

/** The request's state, created by list_new(). */
struct list {
    struct page page;
    int choice;               /**< value of its filter, see query_choice(); -1: any */
    char campaign[UUID_TEXT]; /**< the campaign in the path, if the list has one */
    char last_id[UUID_TEXT];
    json_t *rows; /**< NULL: none yet */
};

/** Create req->state; it is freed with the request. @return NULL: no memory. */
struct list *list_new(struct request *req);

/**
 * prepare() of a list below a campaign, with the filter `state`. @param what name of the list,
 * in the scope of its cursors.
 * @return 0, or the status answered.
 */
int list_prepare_states(struct request *req, const char *what, const char *const *names, int count);

/** Add a row; takes over the reference. @return 0, or -1: no memory. */
int list_add(struct list *list, const char *id, json_t *row);

/** Answer with the rows, or with the store's error `rc`. @param what name of the missing thing, for a 404. */
int list_answer(struct request *req, struct list *list, int rc, const char *what, bool more);

#endif
