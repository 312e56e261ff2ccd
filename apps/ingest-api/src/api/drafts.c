/* SPDX-License-Identifier: Apache-2.0 */
#include "api/drafts.h"

#include "api/answer.h"
#include "api/list.h"
#include "base/app.h"
#include "base/clock.h"
#include "base/uuid.h"
#include "data/campaigns.h"
#include "http/router.h"
#include "http/store_error.h"
#include "mail/personalise.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *draft_json(const struct draft *row)
{
    return json_pack("{s:s, s:s, s:s?, s:s?, s:s?, s:o}", "prospect_id", row->prospect_id, "state",
                     draft_state_names[row->state], "subject", row->subject, "body", row->body, "error", row->error,
                     "created_at", answer_time(row->created_ms));
}

/* ---- GET /api/v1/campaigns/{id}/drafts ---- */

static int list_prepare(struct request *req)
{
    return list_prepare_states(req, "drafts", draft_state_names, DRAFT_STATES);
}

static int list_row(void *list, const struct draft *row)
{
    return list_add(list, row->prospect_id, draft_json(row));
}

static int list_execute(struct request *req, struct db *db)
{
    struct list *list = req->state;
    enum campaign_status status;
    bool more = false;
    int rc = campaigns_status(db, req->organisation_id, list->campaign, &status);

    if (rc == DB_OK)
        rc = drafts_page(db, req->organisation_id, list->campaign, list->page.after, list->page.limit, list->choice,
                         list_row, list, &more);
    return list_answer(req, list, rc, "campaign", more);
}

/* ---- one draft ---- */

struct one_state {
    char campaign[UUID_TEXT], prospect[UUID_TEXT];
    enum campaign_status status;
    char *subject_template, *body_template;
    struct person person;
    struct draft_text text;
    int64_t templates_ms;
    uint64_t ns;
    json_t *row;
};

static void one_state_free(void *arg)
{
    struct one_state *state = arg;

    free(state->subject_template);
    free(state->body_template);
    person_release(&state->person);
    draft_text_release(&state->text);
    free(state);
}

static int one_prepare(struct request *req)
{
    struct one_state *state = request_state(req, sizeof(*state), one_state_free);

    if (!state)
        return answer_no_memory(req);
    int rc = path_id(req, 0, "campaign", state->campaign);
    return rc != 0 ? rc : path_id(req, 1, "draft", state->prospect);
}

static int keep_campaign(void *arg, const struct campaign *row)
{
    struct one_state *state = arg;

    state->status = row->status;
    state->templates_ms = row->templates_ms;
    state->subject_template = strdup(row->subject_template);
    state->body_template = strdup(row->body_template);
    return 0;
}

static int keep_person(void *arg, const struct prospect *row)
{
    return person_copy(&((struct one_state *)arg)->person, row);
}

static int keep_row(void *arg, const struct draft *row)
{
    struct one_state *state = arg;

    state->row = draft_json(row);
    return 0;
}

static void keep_fate(void *arg, const struct email *row)
{
    *(enum email_state *)arg = row->state;
}

/* @return 0, or the status answered: there is no such campaign */
static int find_campaign(struct request *req, struct db *db)
{
    struct one_state *state = req->state;
    int rc = campaigns_get(db, req->organisation_id, state->campaign, keep_campaign, state);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    return state->subject_template && state->body_template ? 0 : answer_no_memory(req);
}

/* @return 0, or the status answered: its e-mail was handed over, and the text of a sent e-mail must stay readable */
static int may_change(struct request *req, struct db *db)
{
    struct one_state *state = req->state;
    enum email_state fate = EMAIL_WAITING;
    int rc = find_campaign(req, db);

    if (rc != 0)
        return rc;
    rc = emails_get(db, req->organisation_id, state->campaign, state->prospect, keep_fate, &fate);
    if (rc < 0 && rc != DB_E_NOT_FOUND)
        return respond_store_error(req, rc, "draft");
    if (email_claimable(fate) || fate == EMAIL_SKIPPED)
        return 0;
    return respond_error(req, 409, "illegal_state", "Its e-mail is %s: the draft has been handed over.",
                         email_state_names[fate]);
}

static int answer_draft(struct request *req, struct db *db)
{
    struct one_state *state = req->state;
    int rc = drafts_get(db, req->organisation_id, state->campaign, state->prospect, keep_row, state);

    if (rc < 0)
        return respond_store_error(req, rc, "draft");
    return state->row ? respond_json(req, 200, state->row) : answer_no_memory(req);
}

static int get_execute(struct request *req, struct db *db)
{
    int rc = find_campaign(req, db);
    return rc != 0 ? rc : answer_draft(req, db);
}

static int delete_execute(struct request *req, struct db *db)
{
    const struct one_state *state = req->state;
    int rc = may_change(req, db);

    if (rc != 0)
        return rc;
    rc = drafts_delete(db, req->organisation_id, state->campaign, state->prospect);
    if (rc == DB_OK)
        rc = outreach_draft_deleted(db, req->organisation_id, state->campaign, state->prospect);
    return rc < 0 ? respond_store_error(req, rc, "draft") : answer_nothing(req);
}

static void redo_committed(struct request *req)
{
    const struct one_state *state = req->state;
    metrics_draft_generated(req->organisation_id, state->text.subject != NULL, state->ns);
}

/* POST: render the draft now, from the current prospect and templates. */
static int redo_execute(struct request *req, struct db *db)
{
    struct one_state *state = req->state;
    uint64_t start = promc_now_ns();
    struct draft_source source = {.read_ms = clock_wall_ms()};
    int rc = may_change(req, db);

    if (rc != 0)
        return rc;
    if (state->status == CAMPAIGN_STATUS_COMPLETED)
        return respond_error(req, 409, "illegal_state", "The campaign is completed: drafts are no longer rendered.");
    rc = prospects_get(db, req->organisation_id, state->prospect, keep_person, state);
    if (rc < 0)
        return respond_store_error(req, rc, "prospect");
    if (!state->person.field[PROSPECT_EMAIL] ||
        person_render(&state->person, state->subject_template, state->body_template, &state->text) < 0)
        return answer_no_memory(req);
    state->ns = promc_now_ns() - start;
    source.changed_ms = person_changed_ms(&state->person, state->templates_ms);
    rc = state->text.subject ? drafts_put_generated(db, req->organisation_id, state->campaign, state->prospect,
                                                    state->text.subject, state->text.body, &source, NULL)
                             : drafts_put_failed(db, req->organisation_id, state->campaign, state->prospect,
                                                 state->text.error, &source, NULL);
    if (rc < 0)
        return respond_store_error(req, rc, "draft");
    req->committed = redo_committed;
    return answer_draft(req, db);
}

#define DRAFTS "/api/v1/campaigns/{id}/drafts"

static const char *const list_parameters[] = {"state", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = DRAFTS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = list_parameters,
     .prepare = list_prepare,
     .execute = list_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_GET,
     .path = DRAFTS "/{prospect}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .prepare = one_prepare,
     .execute = get_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_POST,
     .path = DRAFTS "/{prospect}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .prepare = one_prepare,
     .execute = redo_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_DELETE,
     .path = DRAFTS "/{prospect}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .prepare = one_prepare,
     .execute = delete_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_drafts(void)
{
    return routes;
}
