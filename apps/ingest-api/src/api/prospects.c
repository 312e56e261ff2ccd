/* SPDX-License-Identifier: Apache-2.0 */
#include "api/prospects.h"

#include "api/answer.h"
#include "api/cursor.h"
#include "api/prospect_rows.h"
#include "base/app.h"
#include "base/email_address.h"
#include "base/settings.h"
#include "data/prospects_known.h"
#include "data/usage.h"
#include "http/idempotency.h"
#include "http/router.h"
#include "http/store_error.h"
#include "import/decode.h"
#include "import/import.h"
#include "metrics/metrics.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- POST /api/v1/prospects/import ---- */

/* A body of up to this many bytes is imported in one transaction, which then takes at most about 20 ms. */
#define IMPORT_SMALL 65536

struct import_state {
    enum import_format format;
    bool clear;   /* ?empty=clear */
    bool dry_run; /* ?dry_run=1 */
    struct import_result result;
    struct import *import; /* NULL unless it is done in slices */
    bool begun, checked, linked;
};

static void import_state_free(void *arg)
{
    struct import_state *state = arg;

    import_result_clear(&state->result);
    import_close(state->import);
    free(state);
}

static const struct {
    const char *type;
    enum import_format format;
} formats[] = {
    {"text/csv", IMPORT_CSV},
    {"text/tab-separated-values", IMPORT_CSV},
    {"application/vnd.ms-excel", IMPORT_CSV}, /* the media type of .csv on Windows */
    {"application/json", IMPORT_JSON},
    {"application/x-ndjson", IMPORT_NDJSON},
    {"application/jsonl", IMPORT_NDJSON},
};

static enum import_format format_of(const char *content_type)
{
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
        if (strcmp(formats[i].type, content_type) == 0)
            return formats[i].format;
    return IMPORT_CSV; /* there is no body, so its type does not matter */
}

static void body_passed(void *req, const char *up_to)
{
    request_body_pass(req, up_to);
}

static struct import_source source_of(struct request *req, enum import_format format, bool clear)
{
    return (struct import_source){.format = format,
                                  .charset = req->charset,
                                  .body = req->body,
                                  .length = req->body_length,
                                  .clear = clear,
                                  .progress = {body_passed, req}};
}

static int import_failed(struct request *req, int rc, const struct import_fault *fault)
{
    if (rc == IMPORT_FAULT)
        return respond_error(req, 400, fault->code, "%s", fault->message);
    return rc == IMPORT_NO_MEMORY ? answer_no_memory(req) : respond_store_error(req, rc, "organisation");
}

/* Refuse a small body that is wrong from its first line here. Every other body is parsed by execute. */
static int import_prepare(struct request *req)
{
    struct import_fault fault;
    struct import_rows *rows;
    struct import_state *state = request_state(req, sizeof(*state), import_state_free);

    if (!state)
        return answer_no_memory(req);
    const char *empty = request_query(req, "empty");
    if (empty && strcmp(empty, "keep") != 0 && strcmp(empty, "clear") != 0)
        return respond_error(req, 400, "invalid_parameter", "empty must be one of keep, clear.");
    const char *dry_run = request_query(req, "dry_run");
    if (dry_run && strcmp(dry_run, "0") != 0 && strcmp(dry_run, "1") != 0)
        return respond_error(req, 400, "invalid_parameter", "dry_run must be 0 or 1.");
    state->clear = empty && strcmp(empty, "clear") == 0;
    state->dry_run = dry_run && *dry_run == '1';
    state->format = format_of(req->content_type);
    if (state->format != IMPORT_CSV && charset_of(req->charset, "", 0, NULL) != CHARSET_UTF8)
        return respond_error(req, 415, "unsupported_media_type", "JSON is in UTF-8.");
    if (req->body_length > IMPORT_SMALL)
        return 0;
    struct import_source source = source_of(req, state->format, state->clear);
    int rc = import_rows_open(&rows, &source, &fault);
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

static int import_answer(struct request *req, const struct import_state *state)
{
    const struct import_result *result = &state->result;
    json_t *body = json_pack("{s:b, s:I, s:I, s:I, s:O, s:b, s:O, s:b}", "dry_run", (int)state->dry_run, "imported",
                             (json_int_t)result->imported, "updated", (json_int_t)result->updated, "rejected",
                             (json_int_t)result->rejected, "errors", result->errors, "errors_truncated",
                             (int)result->errors_truncated, "warnings", result->warnings, "warnings_truncated",
                             (int)result->warnings_truncated);
    if (!body || json_object_update(body, result->read) < 0) {
        json_decref(body);
        return answer_no_memory(req);
    }
    if (!state->dry_run)
        req->committed = import_committed;
    return respond_json(req, 200, body);
}

/* Write the answer before the commit, so that nothing can fail after it. */
static int import_answer_before(void *arg)
{
    struct request *req = arg;
    return import_answer(req, req->state) == 200 ? IMPORT_OK : IMPORT_NO_MEMORY;
}

static int import_answered(struct request *req, const struct import_result *result)
{
    static const char imported[] = "\"imported\":1,\"updated\":0", updated[] = "\"imported\":0,\"updated\":1";
    char *at = result->updated ? strstr(req->response, imported) : NULL;
    if (at)
        memcpy(at, updated, sizeof(updated) - 1);
    return 200;
}

/* A dry run: slices in read transactions only. */
static int import_dry_run(struct request *req, struct db *db, const struct import_request *request)
{
    struct import_state *state = req->state;
    struct import_fault fault = {0};
    bool done = false;
    int rc = IMPORT_OK;

    req->next = REQUEST_READS_NEXT;
    if (!state->begun) {
        state->begun = true;
        return 0;
    }
    if (!state->import)
        rc = import_open(&state->import, request, &state->result);
    if (rc == IMPORT_OK)
        rc = import_dry_slice(db, state->import, &done, &state->result, &fault);
    if (rc != IMPORT_OK || done)
        req->next = REQUEST_LAST;
    if (rc != IMPORT_OK)
        return import_failed(req, rc, &fault);
    return done ? import_answer(req, state) : 0;
}

/* Have the new rows exceeded the limit? @return 0, or the status answered, which rolls the import back. */
static int too_many(struct request *req, struct db *db)
{
    const struct import_state *state = req->state;
    unsigned max = req->app->settings->max_prospects;
    int64_t n = 0;
    int rc = max && state->result.imported > 0 ? prospects_used(db, req->organisation_id, max, &n) : DB_OK;

    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (n <= max)
        return 0;
    metrics_limit_refusal(LIMIT_PROSPECTS);
    return respond_error(
        req, 409, "too_many_prospects",
        "The organisation may have %u prospects (MAX_PROSPECTS), and with this import would have %lld or"
        " more. Nothing was changed.",
        max, (long long)n);
}

/*
 * First a read transaction checks the whole body, so that its errors are answered before the first write; then come the
 * slices, each in a write transaction.
 */
static int import_in_slices(struct request *req, struct db *db, const struct import_request *request)
{
    struct import_state *state = req->state;
    struct import_fault fault = {0};
    bool done = false;
    int rc = IMPORT_OK;

    if (!state->begun) {
        state->begun = true;
        req->next = REQUEST_READS_NEXT;
    } else if (!state->checked) {
        state->checked = true;
        req->next = REQUEST_WRITES_NEXT;
        rc = import_open(&state->import, request, &state->result);
        if (rc == IMPORT_OK)
            rc = import_check(state->import, &state->result, &fault);
    } else {
        req->next = REQUEST_WRITES_NEXT;
        rc = import_slice(db, state->import, &done, &state->result, &fault);
        if (rc == IMPORT_OK && !done && !state->linked) {
            state->linked = true;
            rc = idempotency_import(req, db, import_id(state->import));
        }
    }
    if (rc != IMPORT_OK || done)
        req->next = REQUEST_LAST;
    if (rc != IMPORT_OK)
        return import_failed(req, rc, &fault);
    int status = too_many(req, db);
    if (status != 0)
        req->next = REQUEST_LAST;
    return status != 0 ? status : done ? import_answer(req, state) : 0;
}

static int import_execute(struct request *req, struct db *db)
{
    struct import_state *state = req->state;
    struct import_fault fault = {0};
    struct import_request request = {.organisation_id = req->organisation_id,
                                     .request_id = req->id,
                                     .source = source_of(req, state->format, state->clear),
                                     .validation_delay_ms = (int64_t)req->app->settings->validation_delay_s * 1000};

    if (state->dry_run)
        return import_dry_run(req, db, &request);
    if (req->body_length > IMPORT_SMALL)
        return import_in_slices(req, db, &request);
    if (!req->idempotency && usage_has_room(req->organisation_id, USAGE_PROSPECTS, req->app->settings->max_prospects)) {
        request.before_commit = import_answer_before;
        request.before_commit_arg = req;
    }
    int rc = import_run(db, &request, &state->result, &fault);
    if (rc != IMPORT_OK)
        return import_failed(req, rc, &fault);
    if (state->result.committed)
        return import_answered(req, &state->result);
    int status = too_many(req, db);
    return status != 0 ? status : import_answer(req, state);
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
    const char *email = request_query(req, "email");
    struct list_state *state = request_state(req, sizeof(*state), list_state_free);

    if (!state)
        return answer_no_memory(req);
    int rc = query_choice(req, "status", prospect_status_names, PROSPECT_STATUSES, &state->filter.status);
    if (rc != 0)
        return rc;
    if (email) {
        if (!email_address_valid(email, strlen(email)))
            return respond_error(req, 400, "invalid_parameter", "email must be a whole e-mail address.");
        (void)snprintf(state->email, sizeof(state->email), "%s", email);
        state->filter.email = state->email;
    }
    (void)snprintf(state->page.scope, sizeof(state->page.scope), "prospects|%s|%s",
                   state->filter.status < 0 ? "" : prospect_status_names[state->filter.status], state->email);
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

static const char *const import_types[] = {"text/csv",
                                           "application/json",
                                           "application/x-ndjson",
                                           "application/jsonl",
                                           "application/vnd.ms-excel",
                                           "text/tab-separated-values",
                                           NULL};

static const char *const import_parameters[] = {"empty", "dry_run", NULL};

static const char *const list_parameters[] = {"status", "email", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_POST,
     .path = "/api/v1/prospects/import",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_IMPORT,
     .content_types = import_types,
     .charset = charset_is_known,
     .parameters = import_parameters,
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
