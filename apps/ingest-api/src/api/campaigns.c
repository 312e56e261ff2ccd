/* SPDX-License-Identifier: Apache-2.0 */
#include "api/campaigns.h"

#include "api/answer.h"
#include "api/campaign_input.h"
#include "base/app.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "data/campaigns.h"
#include "http/router.h"
#include "http/store_error.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *campaign_json(const struct campaign *row)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "id", row->id, "name", row->name, "subject_template",
                     row->subject_template, "body_template", row->body_template, "status",
                     campaign_status_names[row->status], "created_at", answer_time(row->created_ms), "started_at",
                     answer_time(row->started_ms), "completed_at", answer_time(row->completed_ms));
}

static int get_row(void *arg, const struct campaign *row)
{
    json_t **out = arg;

    *out = campaign_json(row);
    return 0;
}

static int answer_campaign(struct request *req, struct db *db, int status, const char *id)
{
    json_t *body = NULL;
    int rc = campaigns_get(db, req->organisation_id, id, get_row, &body);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    return body ? respond_json(req, status, body) : answer_no_memory(req);
}

/*
 * The path's id in its canonical form: it goes into labels, keys and payloads, where two spellings would be two campaigns.
 * @return 0, or the status answered: what is no UUID is nobody's campaign.
 */
static int campaign_id(struct request *req, char id[UUID_TEXT])
{
    unsigned char uuid[16];

    if (!uuid_parse(req->params[0], uuid))
        return respond_store_error(req, DB_E_NOT_FOUND, "campaign");
    uuid_format(uuid, id);
    return 0;
}

/* ---- POST /api/v1/campaigns ---- */

struct create_state {
    json_t *body;
    struct campaign_input input; /* texts in body */
};

static void create_state_free(void *arg)
{
    struct create_state *state = arg;

    json_decref(state->body);
    free(state);
}

static int create_prepare(struct request *req)
{
    char faults[1024];
    json_error_t error;
    struct create_state *state = request_state(req, sizeof(*state), create_state_free);

    if (!state)
        return answer_no_memory(req);
    if (req->body_length == 0)
        return respond_error(req, 400, "empty_body", "line 1: the body is empty; a JSON object was expected.");
    state->body = json_loadb(req->body, req->body_length, JSON_REJECT_DUPLICATES, &error);
    if (!state->body)
        return respond_error(req, 400, "invalid_json", "line %d, column %d: %s", error.line, error.column, error.text);
    if (campaign_read(&state->input, state->body, faults, sizeof(faults)) > 0)
        return respond_error(req, 422, "invalid_fields", "%s", faults);
    return 0;
}

static int create_execute(struct request *req, struct db *db)
{
    const struct create_state *state = req->state;
    unsigned max = req->app->settings->max_campaigns;
    char id[37];
    int64_t n = 0;
    int rc = max ? campaigns_count(db, req->organisation_id, &n) : DB_OK;

    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (max && n >= max) {
        metrics_limit_refusal(LIMIT_CAMPAIGNS);
        return respond_error(req, 409, "too_many_campaigns",
                             "The organisation has %lld campaigns, and may have %u (MAX_CAMPAIGNS).", (long long)n,
                             max);
    }
    rc = campaigns_create(db, req->organisation_id, state->input.name, state->input.subject_template,
                          state->input.body_template, id);

    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    (void)snprintf(req->location, sizeof(req->location), "/api/v1/campaigns/%s", id);
    return answer_campaign(req, db, 201, id);
}

/* ---- GET /api/v1/campaigns, /api/v1/campaigns/{id}, /api/v1/campaigns/{id}/stats ---- */

struct list_state {
    struct page page;
    int status;
    json_t *rows;
    char last_id[37];
};

static int list_prepare(struct request *req)
{
    const char *status = request_query(req, "status");
    struct list_state *state = request_state(req, sizeof(*state), free);

    if (!state)
        return answer_no_memory(req);
    state->status = status ? campaign_status_from_name(status) : -1;
    if (status && state->status < 0)
        return respond_error(req, 400, "invalid_parameter", "status must be one of draft, active, paused, completed.");
    (void)snprintf(state->page.scope, sizeof(state->page.scope), "campaigns|%s", status ? status : "");
    return page_read(req, &state->page);
}

static int list_row(void *arg, const struct campaign *row)
{
    struct list_state *state = arg;

    memcpy(state->last_id, row->id, sizeof(state->last_id));
    return json_array_append_new(state->rows, campaign_json(row));
}

static int list_execute(struct request *req, struct db *db)
{
    struct list_state *state = req->state;
    bool more = false;

    state->rows = json_array();
    if (!state->rows)
        return answer_no_memory(req);
    int rc = campaigns_page(db, req->organisation_id, state->page.after, state->page.limit, state->status, list_row,
                            state, &more);
    if (rc < 0) {
        json_decref(state->rows);
        return respond_store_error(req, rc, "campaign");
    }
    return page_answer(req, &state->page, state->rows, state->last_id, more);
}

static int get_execute(struct request *req, struct db *db)
{
    return answer_campaign(req, db, 200, req->params[0]);
}

static json_t *counts_json(const char *const *names, const int64_t *counts, int n)
{
    json_t *object = json_object();

    for (int i = 0; i < n; i++)
        (void)json_object_set_new(object, names[i], json_integer(counts[i]));
    return object;
}

static int stats_execute(struct request *req, struct db *db)
{
    struct campaign_stats stats;
    char id[UUID_TEXT];
    int rc = campaign_id(req, id);

    if (rc != 0)
        return rc;
    rc = campaigns_stats(db, req->organisation_id, id, &stats);
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o, s:o}", "campaign_id", id, "status", campaign_status_names[stats.status],
                  "prospects", counts_json(prospect_status_names, stats.prospects, PROSPECT_STATUSES), "drafts",
                  counts_json(draft_state_names, stats.drafts, DRAFT_STATES), "emails",
                  counts_json(email_state_names, stats.emails, EMAIL_STATES));
    return body ? respond_json(req, 200, body) : answer_no_memory(req);
}

/* ---- POST /api/v1/campaigns/{id}/start, /pause, /complete ---- */

struct transition_state {
    enum campaign_status to;
    int64_t active;                /* campaigns of the organisation after it */
    struct outreach_slice resumed; /* jobs for e-mails that a pause had left */
    char campaign_id[37];
};

static void tell_queue(const struct request *req, enum outreach_kind kind, const struct outreach_slice *slice)
{
    queue_published(req->app->queue, outreach_queue(kind), (unsigned)slice->enqueued + slice->more);
}

/* Only a process with workers shows the gauge: it also refreshes it (observe.h). An API alone would show an old value. */
static void transition_committed(struct request *req)
{
    const struct transition_state *state = req->state;

    if (req->app->settings->role & ROLE_WORKER) {
        metrics_active_campaigns(req->organisation_id, state->active);
        if (state->to == CAMPAIGN_STATUS_ACTIVE)
            metrics_campaign(req->organisation_id, state->campaign_id);
    }
    tell_queue(req, OUTREACH_RESUME, &state->resumed);
    if (state->to == CAMPAIGN_STATUS_COMPLETED) {
        metrics_campaign_processed(req->organisation_id, CAMPAIGN_COMPLETED);
        metrics_campaign_finished(state->campaign_id);
    }
}

static int transition(struct request *req, struct db *db, enum campaign_status to)
{
    enum campaign_status was;
    struct transition_state *state = request_state(req, sizeof(*state), free);

    if (!state)
        return answer_no_memory(req);
    state->to = to;
    const char *id = state->campaign_id;
    int rc = campaign_id(req, state->campaign_id);
    if (rc != 0)
        return rc;
    rc = campaigns_transition(db, req->organisation_id, id, to, &was);
    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "illegal_state", "The campaign is %s: it cannot become %s.",
                             campaign_status_names[was], campaign_status_names[to]);
    if (rc == DB_OK && to == CAMPAIGN_STATUS_ACTIVE && was == CAMPAIGN_STATUS_PAUSED)
        rc = outreach_enqueue(db, &(struct outreach_request){OUTREACH_RESUME, req->organisation_id, id, req->id}, NULL,
                              &state->resumed);
    if (rc == DB_OK)
        rc = campaigns_active_count(db, req->organisation_id, &state->active);
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    req->committed = transition_committed;
    return answer_campaign(req, db, 200, id);
}

static int start_execute(struct request *req, struct db *db)
{
    return transition(req, db, CAMPAIGN_STATUS_ACTIVE);
}

static int pause_execute(struct request *req, struct db *db)
{
    return transition(req, db, CAMPAIGN_STATUS_PAUSED);
}

static int complete_execute(struct request *req, struct db *db)
{
    return transition(req, db, CAMPAIGN_STATUS_COMPLETED);
}

/* ---- POST /api/v1/campaigns/{id}/drafts, /send ---- */

struct enqueue_state {
    enum outreach_kind kind;
    bool counted;
    uint64_t jobs, usable; /* there will be, of how many prospects */
    struct outreach_slice slice;
};

static void enqueue_committed(struct request *req)
{
    const struct enqueue_state *state = req->state;

    tell_queue(req, state->kind, &state->slice);
}

static int get_status(void *arg, const struct campaign *row)
{
    enum campaign_status *status = arg;

    *status = row->status;
    return 0;
}

/* @return 0, or the status answered: no such campaign, or not in a state for it */
static int may_enqueue(struct request *req, struct db *db, const char *id, enum outreach_kind kind)
{
    enum campaign_status status = CAMPAIGN_STATUS_COMPLETED;
    int rc = campaigns_get(db, req->organisation_id, id, get_status, &status);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    if (kind == OUTREACH_EMAILS ? status != CAMPAIGN_STATUS_ACTIVE : status == CAMPAIGN_STATUS_COMPLETED)
        return respond_error(req, 409, "illegal_state", "The campaign is %s: %s", campaign_status_names[status],
                             kind == OUTREACH_EMAILS ? "e-mails are sent only while it is active."
                                                     : "no more drafts are made.");
    return 0;
}

/* @return 0, or the status answered: as many of the organisation's jobs wait as may */
static int has_room(struct request *req, struct db *db, enum queue_name queue)
{
    unsigned max = req->app->settings->max_jobs;
    int64_t waiting = max ? queue_waiting(db, queue, req->organisation_id) : 0;

    if (waiting < 0)
        return respond_store_error(req, (int)waiting, "campaign");
    if (max == 0 || waiting < max)
        return 0;
    metrics_limit_refusal(LIMIT_JOBS);
    req->retry_after = 60;
    return respond_error(
        req, 429, "too_many_jobs",
        "%lld jobs of the organisation wait in %s, and %u may (MAX_JOBS). Nothing was changed; try again later.",
        (long long)waiting, queue_names[queue], max);
}

/* A reader counts; then the writer makes the first slice, and leaves the rest to a job. */
static int enqueue(struct request *req, struct db *db, enum outreach_kind kind)
{
    char id[UUID_TEXT];
    struct outreach_request request = {kind, req->organisation_id, id, req->id};
    struct enqueue_state *state = req->state ? req->state : request_state(req, sizeof(*state), free);

    if (!state)
        return answer_no_memory(req);
    state->kind = kind;
    int rc = campaign_id(req, id);
    if (rc == 0)
        rc = may_enqueue(req, db, id, kind);
    if (rc != 0)
        return rc;
    if (!state->counted) {
        state->counted = true;
        req->next = REQUEST_WRITES_NEXT;
        rc = outreach_count(db, &request, &state->jobs, &state->usable);
        return rc < 0 ? respond_store_error(req, rc, "campaign") : 0;
    }
    rc = has_room(req, db, outreach_queue(kind));
    if (rc != 0)
        return rc;
    rc = outreach_enqueue(db, &request, NULL, &state->slice);
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    uint64_t jobs = state->slice.more ? state->jobs : state->slice.enqueued;
    json_t *body = json_pack("{s:I, s:I}", "enqueued", (json_int_t)jobs, "already_enqueued",
                             (json_int_t)(state->usable > jobs ? state->usable - jobs : 0));
    if (!body)
        return answer_no_memory(req);
    req->committed = enqueue_committed;
    return respond_json(req, 202, body);
}

static int drafts_execute(struct request *req, struct db *db)
{
    return enqueue(req, db, OUTREACH_DRAFTS);
}

static int send_execute(struct request *req, struct db *db)
{
    return enqueue(req, db, OUTREACH_EMAILS);
}

#define CAMPAIGNS "/api/v1/campaigns"
#define ONE CAMPAIGNS "/{id}"

static const char *const json_types[] = {"application/json", NULL};

static const char *const list_parameters[] = {"status", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_POST,
     .path = CAMPAIGNS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .content_types = json_types,
     .prepare = create_prepare,
     .execute = create_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = CAMPAIGNS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = list_parameters,
     .prepare = list_prepare,
     .execute = list_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = ONE,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .execute = get_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = ONE "/stats",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .execute = stats_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = ONE "/start",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = start_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = ONE "/pause",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = pause_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = ONE "/complete",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = complete_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = ONE "/drafts",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ, /* and then writes */
     .execute = drafts_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = ONE "/send",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ, /* and then writes */
     .execute = send_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_campaigns(void)
{
    return routes;
}
