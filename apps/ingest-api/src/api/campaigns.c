/* SPDX-License-Identifier: Apache-2.0 */
#include "api/campaigns.h"

#include "api/answer.h"
#include "api/campaign_input.h"
#include "api/list.h"
#include "api/template_report.h"
#include "base/app.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "data/campaign_hold.h"
#include "data/campaigns.h"
#include "data/usage.h"
#include "http/router.h"
#include "http/store_error.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The hold of the campaign, or null. */
static json_t *hold_json(const struct campaign *row)
{
    if (row->refusals == 0)
        return json_null();
    return json_pack("{s:I, s:s?, s:b, s:o}", "refusals", (json_int_t)row->refusals, "server_words", row->refusal_words,
                     "paused", (int)row->refused, "next_attempt_at",
                     answer_time(row->refused ? 0 : row->held_until_ms));
}

static json_t *campaign_json(const struct campaign *row)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o}", "id", row->id, "name", row->name,
                     "subject_template", row->subject_template, "body_template", row->body_template, "status",
                     campaign_status_names[row->status], "created_at", answer_time(row->created_ms), "started_at",
                     answer_time(row->started_ms), "completed_at", answer_time(row->completed_ms), "hold",
                     hold_json(row));
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

/* ---- POST /api/v1/campaigns ---- */

struct create_state {
    json_t *body;
    struct campaign_input input; /* texts in body */
    json_t *fields;              /* template_report(); NULL: not read yet */
    bool changed;
};

static void create_state_free(void *arg)
{
    struct create_state *state = arg;

    json_decref(state->body);
    json_decref(state->fields);
    free(state);
}

static int read_body(struct request *req, int (*read)(struct campaign_input *, json_t *, char *, size_t))
{
    char faults[1024];
    struct create_state *state = request_state(req, sizeof(*state), create_state_free);

    if (!state)
        return answer_no_memory(req);
    int rc = body_json(req, &state->body);
    if (rc != 0)
        return rc;
    if (read(&state->input, state->body, faults, sizeof(faults)) > 0)
        return respond_error(req, 422, "invalid_fields", "%s", faults);
    return 0;
}

static int create_prepare(struct request *req)
{
    return read_body(req, campaign_read);
}

/* @return 0, or the status answered */
static int may_create(struct request *req, struct db *db)
{
    unsigned max = req->app->settings->max_campaigns;
    int64_t n = 0;
    int rc = max ? usage_read(db, req->organisation_id, USAGE_CAMPAIGNS, &n) : DB_OK;

    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    if (max == 0 || n < max)
        return 0;
    metrics_limit_refusal(LIMIT_CAMPAIGNS);
    return respond_error(req, 409, "too_many_campaigns",
                         "The organisation has %lld campaigns, and may have %u (MAX_CAMPAIGNS).", (long long)n, max);
}

/* Two transactions: a read counts which prospects have the templates' fields, then a write creates the campaign. */
static int create_execute(struct request *req, struct db *db)
{
    struct create_state *state = req->state;
    json_t *body = NULL;
    char id[37];
    int rc;

    if (!state->fields) {
        state->fields =
            template_report(db, req->organisation_id, state->input.subject_template, state->input.body_template, &rc);
        if (!state->fields)
            return rc < 0 ? respond_store_error(req, rc, "organisation") : answer_no_memory(req);
        req->next = REQUEST_WRITES_NEXT;
        return 0;
    }
    rc = may_create(req, db);
    if (rc != 0)
        return rc;
    rc = campaigns_create(db, req->organisation_id, state->input.name, state->input.subject_template,
                          state->input.body_template, id);
    if (rc == DB_OK)
        rc = campaigns_get(db, req->organisation_id, id, get_row, &body);
    if (rc < 0)
        return respond_store_error(req, rc, "organisation");
    (void)snprintf(req->location, sizeof(req->location), "/api/v1/campaigns/%s", id);
    if (json_object_set(body, "fields", state->fields) < 0) {
        json_decref(body);
        return answer_no_memory(req);
    }
    return respond_json(req, 201, body);
}

/* ---- PATCH /api/v1/campaigns/{id} ---- */

static int change_prepare(struct request *req)
{
    return read_body(req, campaign_read_change);
}

static int get_with_templates(void *arg, const struct campaign *row)
{
    json_t **out = arg;

    *out = campaign_json(row);
    return json_object_set_new(*out, "fields", json_null()); /* keeps the member's place */
}

/* Answer as for a new campaign: with the fields of its templates. */
static int answer_changed(struct request *req, struct db *db, const char *id)
{
    json_t *body = NULL;
    int rc = campaigns_get(db, req->organisation_id, id, get_with_templates, &body);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    json_t *fields =
        template_report(db, req->organisation_id, json_string_value(json_object_get(body, "subject_template")),
                        json_string_value(json_object_get(body, "body_template")), &rc);
    if (!fields || json_object_set_new(body, "fields", fields) < 0) {
        json_decref(body);
        return rc < 0 ? respond_store_error(req, rc, "campaign") : answer_no_memory(req);
    }
    return respond_json(req, 200, body);
}

/* Two transactions: a write changes the campaign, then a read counts which prospects have the templates' fields. */
static int change_execute(struct request *req, struct db *db)
{
    struct create_state *state = req->state;
    const struct campaign_change change = {state->input.name, state->input.subject_template,
                                           state->input.body_template};
    char id[UUID_TEXT];
    int rc = path_id(req, 0, "campaign", id);

    if (rc != 0)
        return rc;
    if (state->changed)
        return answer_changed(req, db, id);
    rc = campaigns_change(db, req->organisation_id, id, &change);
    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "illegal_state",
                             "A template can be changed only while the campaign is a draft.");
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    state->changed = true;
    req->next = REQUEST_READS_NEXT;
    return 0;
}

/* ---- GET /api/v1/campaigns, /api/v1/campaigns/{id}, /api/v1/campaigns/{id}/stats ---- */

static int list_prepare(struct request *req)
{
    struct list *list = list_new(req);

    if (!list)
        return answer_no_memory(req);
    int rc = query_choice(req, "status", campaign_status_names, CAMPAIGN_STATUSES, &list->choice);
    if (rc != 0)
        return rc;
    (void)snprintf(list->page.scope, sizeof(list->page.scope), "campaigns|%s",
                   list->choice < 0 ? "" : campaign_status_names[list->choice]);
    return page_read(req, &list->page);
}

static int list_row(void *list, const struct campaign *row)
{
    return list_add(list, row->id, campaign_json(row));
}

static int list_execute(struct request *req, struct db *db)
{
    struct list *list = req->state;
    bool more = false;
    int rc = campaigns_page(db, req->organisation_id, list->page.after, list->page.limit, list->choice, list_row, list,
                            &more);

    return list_answer(req, list, rc, "campaign", more);
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

/*
 * The four older states, in one of which each e-mail counts: sent is accepted, and failed is final without delivery. An
 * e-mail in doubt counts as sending: for both nobody knows whether it was sent.
 */
static json_t *emails_json(const int64_t *fates)
{
    return json_pack("{s:I, s:I, s:I, s:I}", "pending",
                     (json_int_t)fates[EMAIL_WAITING] + (json_int_t)fates[EMAIL_REFUSED_SENDER], "sending",
                     (json_int_t)fates[EMAIL_SENDING] + (json_int_t)fates[EMAIL_IN_DOUBT], "sent",
                     (json_int_t)fates[EMAIL_ACCEPTED], "failed",
                     (json_int_t)fates[EMAIL_REFUSED_RECIPIENT] + (json_int_t)fates[EMAIL_SKIPPED]);
}

static int stats_execute(struct request *req, struct db *db)
{
    struct campaign_stats stats;
    char id[UUID_TEXT];
    int rc = path_id(req, 0, "campaign", id);

    if (rc != 0)
        return rc;
    rc = campaigns_stats(db, req->organisation_id, id, &stats);
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    json_t *body =
        json_pack("{s:s, s:s, s:o, s:o, s:o, s:o}", "campaign_id", id, "status", campaign_status_names[stats.status],
                  "prospects", counts_json(prospect_status_names, stats.prospects, PROSPECT_STATUSES), "drafts",
                  counts_json(draft_state_names, stats.drafts, DRAFT_STATES), "emails", emails_json(stats.emails),
                  "fates", counts_json(email_state_names, stats.emails, EMAIL_STATES));
    return body ? respond_json(req, 200, body) : answer_no_memory(req);
}

/* ---- POST /api/v1/campaigns/{id}/start, /pause, /complete ---- */

struct transition_state {
    enum campaign_status to;
    int64_t active;                /* the organisation's active campaigns after the change */
    struct outreach_slice resumed; /* jobs for e-mails that a pause had stopped */
    char campaign_id[37];
};

static void tell_queue(const struct request *req, enum outreach_kind kind, const struct outreach_slice *slice)
{
    queue_published(req->app->queue, outreach_queue(kind), (unsigned)slice->enqueued + slice->more);
}

/* Only a process with workers exports the gauge, because it refreshes it (observe.h). An API would show old values. */
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
    int rc = path_id(req, 0, "campaign", state->campaign_id);
    if (rc != 0)
        return rc;
    rc = campaigns_transition(db, req->organisation_id, id, to, &was);
    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "illegal_state", "The campaign is %s: it cannot become %s.",
                             campaign_status_names[was], campaign_status_names[to]);
    /* E-mails that the pause had stopped get jobs now: they are sent, or skipped if the campaign is completed. */
    if (rc == DB_OK && to != CAMPAIGN_STATUS_PAUSED && was == CAMPAIGN_STATUS_PAUSED)
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

/* ---- POST /api/v1/campaigns/{id}/drafts, /send, /retry ---- */

struct enqueue_state {
    enum outreach_kind kind;
    bool counted;
    uint64_t jobs, usable; /* outreach_count() */
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

/* @return 0, or the status answered: there is no such campaign, or its state does not allow it */
static int may_enqueue(struct request *req, struct db *db, const char *id, enum outreach_kind kind)
{
    enum campaign_status status = CAMPAIGN_STATUS_COMPLETED;
    int rc = campaigns_get(db, req->organisation_id, id, get_status, &status);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    if (kind != OUTREACH_DRAFTS ? status != CAMPAIGN_STATUS_ACTIVE : status == CAMPAIGN_STATUS_COMPLETED)
        return respond_error(req, 409, "illegal_state", "The campaign is %s: %s", campaign_status_names[status],
                             kind != OUTREACH_DRAFTS ? "e-mails are sent only while the campaign is active."
                                                     : "drafts are no longer rendered.");
    return 0;
}

/* @return 0, or the status answered: the organisation has reached its limit of waiting jobs */
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
        "%lld jobs of the organisation are in %s, and %u may be (MAX_JOBS). Nothing was changed; try again later.",
        (long long)waiting, queue_names[queue], max);
}

/* Two transactions: a read counts the jobs, then a write creates the first slice, and a job that creates the rest. */
static int enqueue(struct request *req, struct db *db, enum outreach_kind kind)
{
    char id[UUID_TEXT];
    struct outreach_request request = {kind, req->organisation_id, id, req->id};
    struct enqueue_state *state = req->state ? req->state : request_state(req, sizeof(*state), free);

    if (!state)
        return answer_no_memory(req);
    state->kind = kind;
    int rc = path_id(req, 0, "campaign", id);
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
    rc = kind == OUTREACH_RESUME ? campaign_release(db, req->organisation_id, id) : DB_OK;
    if (rc == DB_OK)
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

/* Try every e-mail that is not final now: waiting for its next attempt, or refused because of the sender. */
static int retry_execute(struct request *req, struct db *db)
{
    return enqueue(req, db, OUTREACH_RESUME);
}

#define CAMPAIGNS "/api/v1/campaigns"
#define ONE CAMPAIGNS "/{id}"

static const char *const list_parameters[] = {"status", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_POST,
     .path = CAMPAIGNS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ, /* and then writes */
     .body = BODY_JSON,
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
    {.method = PROMC_HTTP_PATCH,
     .path = ONE,
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .prepare = change_prepare,
     .execute = change_execute,
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
    {.method = PROMC_HTTP_POST,
     .path = ONE "/retry",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ, /* and then writes */
     .execute = retry_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_campaigns(void)
{
    return routes;
}
