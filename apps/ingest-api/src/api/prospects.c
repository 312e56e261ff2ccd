/* SPDX-License-Identifier: Apache-2.0 */
#include "api/prospects.h"

#include "api/answer.h"
#include "api/cursor.h"
#include "api/prospect_rows.h"
#include "base/app.h"
#include "base/email_address.h"
#include "base/settings.h"
#include "http/router.h"
#include "http/store_error.h"
#include "import/import.h"
#include "metrics/metrics.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- POST /api/v1/prospects/import ---- */

/* Bytes of a body that are done in one transaction, of about 20 ms at the most. */
#define IMPORT_SMALL 65536

struct import_state {
    enum import_format format;
    struct import_result result;
    struct import *import; /* one that is done in slices */
    bool checked;
};

static void import_state_free(void *arg)
{
    struct import_state *state = arg;

    json_decref(state->result.errors);
    import_close(state->import);
    free(state);
}

static enum import_format format_of(const char *content_type)
{
    if (strcmp(content_type, "text/csv") == 0)
        return IMPORT_CSV;
    return strcmp(content_type, "application/json") == 0 ? IMPORT_JSON : IMPORT_NDJSON;
}

static int import_failed(struct request *req, int rc, const struct import_fault *fault)
{
    if (rc == IMPORT_FAULT)
        return respond_error(req, 400, fault->code, "%s", fault->message);
    return rc == IMPORT_NO_MEMORY ? answer_no_memory(req) : respond_store_error(req, rc, "organisation");
}

/* A body that is wrong from its first line never gets to the store. The rest is read there, row by row. */
static int import_prepare(struct request *req)
{
    struct import_fault fault;
    struct import_rows *rows;
    struct import_state *state = request_state(req, sizeof(*state), import_state_free);

    if (!state)
        return answer_no_memory(req);
    state->format = format_of(req->content_type);
    int rc = import_rows_open(&rows, state->format, req->body, req->body_length, &fault);
    if (rc < 0)
        return import_failed(req, rc == IMPORT_ROWS_E_FAULT ? IMPORT_FAULT : IMPORT_NO_MEMORY, &fault);
    import_rows_close(rows);
    return 0;
}

static void import_committed(struct request *req)
{
    const struct import_state *state = req->state;
    const struct import_result *result = &state->result;

    metrics_prospects(req->organisation_id, PROSPECT_IMPORTED, result->imported + result->updated);
    metrics_prospects(req->organisation_id, PROSPECT_REJECTED, result->rejected);
    if (result->jobs > 0)
        queue_published(req->app->queue, QUEUE_PROSPECT_VALIDATE, result->jobs);
}

static void import_passed(void *req, const char *up_to)
{
    request_body_pass(req, up_to);
}

static int import_answer(struct request *req, const struct import_result *result)
{
    json_t *body = json_pack("{s:I, s:I, s:I, s:O, s:b}", "imported", (json_int_t)result->imported, "updated",
                             (json_int_t)result->updated, "rejected", (json_int_t)result->rejected, "errors",
                             result->errors, "errors_truncated", (int)result->errors_truncated);
    if (!body)
        return answer_no_memory(req);
    req->committed = import_committed;
    return respond_json(req, 200, body);
}

/* A reader checks the whole of it, so that every fault is answered before the first write; then the writer's slices. */
static int import_in_slices(struct request *req, struct db *db, const struct import_request *request)
{
    struct import_state *state = req->state;
    struct import_fault fault = {0};
    bool done = false;
    int rc = IMPORT_OK;

    if (!state->import) {
        req->next = REQUEST_READS_NEXT;
        rc = import_open(&state->import, request, &state->result, &fault);
    } else if (!state->checked) {
        state->checked = true;
        req->next = REQUEST_WRITES_NEXT;
        rc = import_check(state->import, &fault);
    } else {
        req->next = REQUEST_WRITES_NEXT;
        rc = import_slice(db, state->import, &done, &state->result, &fault);
    }
    if (rc != IMPORT_OK || done)
        req->next = REQUEST_LAST;
    if (rc != IMPORT_OK)
        return import_failed(req, rc, &fault);
    return done ? import_answer(req, &state->result) : 0;
}

static int import_execute(struct request *req, struct db *db)
{
    struct import_state *state = req->state;
    struct import_fault fault = {0};
    struct import_request request = {.organisation_id = req->organisation_id,
                                     .request_id = req->id,
                                     .format = state->format,
                                     .body = req->body,
                                     .length = req->body_length,
                                     .validation_delay_ms = (int64_t)req->app->settings->validation_delay_s * 1000,
                                     .passed = import_passed,
                                     .passed_arg = req};

    if (req->body_length > IMPORT_SMALL)
        return import_in_slices(req, db, &request);
    int rc = import_run(db, &request, &state->result, &fault);
    return rc != IMPORT_OK ? import_failed(req, rc, &fault) : import_answer(req, &state->result);
}

/* ---- GET /api/v1/prospects, /api/v1/prospects/{id} ---- */

struct list_state {
    struct page page;
    struct prospect_filter filter;
    char email[PROSPECT_EMAIL_MAX + 1];
    struct prospect_rows rows;
    bool out_of_memory;
};

static void list_state_free(void *arg)
{
    struct list_state *state = arg;

    prospect_rows_free(&state->rows);
    free(state);
}

static int list_prepare(struct request *req)
{
    const char *status = request_query(req, "status"), *email = request_query(req, "email");
    struct list_state *state = request_state(req, sizeof(*state), list_state_free);

    if (!state)
        return answer_no_memory(req);
    state->filter.status = -1;
    if (status && (state->filter.status = prospect_status_from_name(status)) < 0)
        return respond_error(req, 400, "invalid_parameter",
                             "status must be one of imported, validated, invalid, researched.");
    if (email) {
        if (!email_address_valid(email, strlen(email)))
            return respond_error(req, 400, "invalid_parameter", "email must be a whole e-mail address.");
        (void)snprintf(state->email, sizeof(state->email), "%s", email);
        state->filter.email = state->email;
    }
    (void)snprintf(state->page.scope, sizeof(state->page.scope), "prospects|%s|%s", status ? status : "", state->email);
    return page_read(req, &state->page);
}

static int list_row(void *arg, const struct prospect *row)
{
    struct list_state *state = arg;

    state->out_of_memory |= !prospect_rows_add(&state->rows, row);
    return state->out_of_memory;
}

static int list_execute(struct request *req, struct db *db)
{
    struct list_state *state = req->state;
    char closing[PAGE_END_MAX];
    bool more = false;
    size_t length;

    state->out_of_memory = !prospect_rows_begin(&state->rows, PAGE_BEGIN, state->page.limit);
    if (state->out_of_memory)
        return answer_no_memory(req);
    int rc = prospects_page(db, req->organisation_id, state->page.after, state->page.limit, &state->filter, list_row,
                            state, &more);
    if (rc < 0)
        return respond_store_error(req, rc, "prospect");
    if (state->out_of_memory)
        return answer_no_memory(req);
    page_end(req, &state->page, state->rows.last_id, more, closing);
    char *body = prospect_rows_end(&state->rows, closing, &length);
    if (!body)
        return answer_no_memory(req);
    return respond_bytes(req, 200, "application/json", body, length);
}

struct get_state {
    struct prospect_rows rows;
    bool out_of_memory;
};

static int get_row(void *arg, const struct prospect *row)
{
    struct get_state *state = arg;

    state->out_of_memory = !prospect_rows_begin(&state->rows, "", 1) || !prospect_rows_add(&state->rows, row);
    return 0;
}

static int get_execute(struct request *req, struct db *db)
{
    struct get_state state = {.out_of_memory = false};
    size_t length;
    int rc = prospects_get(db, req->organisation_id, req->params[0], get_row, &state);

    if (rc < 0 || state.out_of_memory) {
        prospect_rows_free(&state.rows);
        return rc < 0 ? respond_store_error(req, rc, "prospect") : answer_no_memory(req);
    }
    char *body = prospect_rows_end(&state.rows, "", &length);
    if (!body)
        return answer_no_memory(req);
    return respond_bytes(req, 200, "application/json", body, length);
}

static const char *const import_types[] = {"text/csv", "application/json", "application/x-ndjson", NULL};

static const char *const list_parameters[] = {"status", "email", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_POST,
     .path = "/api/v1/prospects/import",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_IMPORT,
     .content_types = import_types,
     .prepare = import_prepare,
     .execute = import_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = "/api/v1/prospects",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = list_parameters,
     .prepare = list_prepare,
     .execute = list_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = "/api/v1/prospects/{id}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .execute = get_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_prospects(void)
{
    return routes;
}
