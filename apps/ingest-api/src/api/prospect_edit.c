/* SPDX-License-Identifier: Apache-2.0 */
#include "api/prospect_edit.h"

#include "api/answer.h"
#include "api/prospect_rows.h"
#include "base/app.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "data/prospects_known.h"
#include "http/router.h"
#include "http/store_error.h"
#include "import/objects.h"
#include "import/prospect.h"
#include "metrics/metrics.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>

struct edit_state {
    struct arena arena;
    struct prospect_input row; /* texts in the body and the arena */
    struct import_error left_out;
    char id[UUID_TEXT];
};

static void edit_state_free(void *arg)
{
    struct edit_state *state = arg;

    arena_free(&state->arena);
    free(state);
}

/* A value over its limit is an error here; an import drops such values. */
static void keep_left_out(void *arg, const struct import_error *left_out)
{
    struct edit_state *state = arg;

    if (!state->left_out.reason)
        state->left_out = *left_out;
}

static int refuse_field(struct request *req, const char *field, const char *reason)
{
    return respond_error(req, 422, "invalid_fields", "%s%s%s", field, *field ? ": " : "", reason);
}

/* 400 with the place if the body is not a JSON object; 422 with the field's name if a field is wrong. */
static int refuse_body(struct request *req, const struct import_error *error, size_t position)
{
    unsigned long line = 1, column = 1;

    if (position == OBJECT_NO_PLACE && strcmp(error->reason, "not_an_object") != 0)
        return refuse_field(req, error->field, error->reason);
    for (size_t i = 0; i < position && position != OBJECT_NO_PLACE; i++) {
        column = req->body[i] == '\n' ? 1 : column + 1;
        line += req->body[i] == '\n';
    }
    return respond_error(req, 400, "invalid_json", "line %lu, column %lu: %s", line, column, error->reason);
}

/* @param change the address may be absent, and null clears a field */
static int edit_prepare(struct request *req, bool change)
{
    struct edit_state *state = request_state(req, sizeof(*state), edit_state_free);
    struct import_error error;
    const char *field, *reason;
    size_t position = OBJECT_NO_PLACE;

    if (!state)
        return answer_no_memory(req);
    if (req->body_length == 0)
        return respond_error(req, 400, "empty_body", "line 1: the body is empty; a JSON object was expected.");
    struct import_notes noted = {.note = keep_left_out, .arg = state};
    enum import_rows_result mapped =
        object_map(req->body, req->body_length, change, &state->arena, &state->row, &error, &position, &noted);
    if (mapped == IMPORT_ROWS_E_NOMEM)
        return answer_no_memory(req);
    if (mapped == IMPORT_ROWS_REJECTED)
        return refuse_body(req, &error, position);
    if (state->left_out.reason)
        return refuse_field(req, state->left_out.field, state->left_out.reason);
    enum prospect_check rc = change ? prospect_normalise_change(&state->row, &state->arena, &field, &reason)
                                    : prospect_normalise(&state->row, &state->arena, &field, &reason);
    if (rc == PROSPECT_NO_MEMORY)
        return answer_no_memory(req);
    return rc == PROSPECT_REFUSED ? refuse_field(req, field, reason) : 0;
}

static int create_prepare(struct request *req)
{
    return edit_prepare(req, false);
}

static int change_prepare(struct request *req)
{
    char id[UUID_TEXT];
    int status = path_id(req, 0, "prospect", id);
    if (status == 0)
        status = edit_prepare(req, true);
    if (status == 0)
        memcpy(((struct edit_state *)req->state)->id, id, sizeof(id));
    return status;
}

static void created(struct request *req)
{
    metrics_prospects(req->organisation_id, PROSPECT_IMPORTED, 1);
    queue_published(req->app->queue, QUEUE_PROSPECT_VALIDATE, 1);
}

static void changed(struct request *req)
{
    queue_published(req->app->queue, QUEUE_PROSPECT_VALIDATE, 1);
}

static int add_row(void *arg, const struct prospect *row)
{
    struct prospect_rows *rows = arg;
    return !prospect_rows_begin(rows, "", 1) || !prospect_rows_add(rows, row);
}

/* Enqueue the validation, as for a row of an import, and answer with the prospect as stored. */
static int answer(struct request *req, struct db *db, int status)
{
    const struct edit_state *state = req->state;
    struct prospect_rows rows = {.count = 0};
    char payload[sizeof("{\"prospects\":[\"\"]}") + UUID_TEXT];
    size_t length;

    (void)snprintf(payload, sizeof(payload), "{\"prospects\":[\"%s\"]}", state->id);
    int rc = queue_publish_later(db, QUEUE_PROSPECT_VALIDATE, req->organisation_id, req->id, payload,
                                 (int64_t)req->app->settings->validation_delay_s * 1000, NULL);
    if (rc == DB_OK)
        rc = prospects_get(db, req->organisation_id, state->id, add_row, &rows);
    if (rc < 0) {
        prospect_rows_free(&rows);
        return respond_store_error(req, rc, "prospect");
    }
    char *body = prospect_rows_end(&rows, "", &length);
    if (!body)
        return answer_no_memory(req);
    req->committed = status == 201 ? created : changed;
    return respond_bytes(req, status, "application/json", body, length);
}

/* The limit is checked after the insert, as in an import: an error answer rolls back. */
static int create_execute(struct request *req, struct db *db)
{
    struct edit_state *state = req->state;
    unsigned max = req->app->settings->max_prospects;
    int64_t n = 0;
    int rc = prospects_create(db, req->organisation_id, &state->row, state->id);

    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "conflict", "The organisation has a prospect with this address: PATCH it.");
    if (rc == DB_OK && max)
        rc = prospects_used(db, req->organisation_id, max, &n);
    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (max && n > max) {
        metrics_limit_refusal(LIMIT_PROSPECTS);
        return respond_error(req, 409, "too_many_prospects", "The organisation may have %u prospects (MAX_PROSPECTS).",
                             max);
    }
    (void)snprintf(req->location, sizeof(req->location), "/api/v1/prospects/%s", state->id);
    return answer(req, db, 201);
}

static int change_execute(struct request *req, struct db *db)
{
    const struct edit_state *state = req->state;
    int rc = prospects_change(db, req->organisation_id, state->id, &state->row);

    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "conflict", "Another prospect of the organisation has this address.");
    return rc < 0 ? respond_store_error(req, rc, "prospect") : answer(req, db, 200);
}

static struct route routes[] = {
    {.method = PROMC_HTTP_POST,
     .path = "/api/v1/prospects",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .prepare = create_prepare,
     .execute = create_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_PATCH,
     .path = "/api/v1/prospects/{id}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .prepare = change_prepare,
     .execute = change_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_prospect_edit(void)
{
    return routes;
}
