/* SPDX-License-Identifier: Apache-2.0 */
#include "api/recipients.h"

#include "api/answer.h"
#include "api/list.h"
#include "base/app.h"
#include "base/uuid.h"
#include "data/campaigns.h"
#include "data/recipients.h"
#include "http/router.h"
#include "http/store_error.h"
#include "metrics/metrics.h"
#include "queue/outreach.h"
#include "queue/queue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *recipient_json(const struct recipient *row)
{
    const struct email *email = &row->email;

    return json_pack("{s:s, s:s, s:s, s:s, s:s?, s:s?, s:s?, s:I, s:o, s:o, s:o}", "prospect_id", email->prospect_id,
                     "email_id", email->id, "email", row->address, "state", email_state_names[email->state], "reason",
                     email->reason, "error", email->error, "server_words", email->words, "attempts",
                     (json_int_t)email->attempts, "next_attempt_at", answer_time(email->due_ms), "updated_at",
                     answer_time(email->updated_ms), "accepted_at", answer_time(email->sent_ms));
}

/* ---- GET /api/v1/campaigns/{id}/recipients ---- */

static int list_prepare(struct request *req)
{
    return list_prepare_states(req, "recipients", email_state_names, EMAIL_STATES);
}

static int list_row(void *list, const struct recipient *row)
{
    return list_add(list, row->email.prospect_id, recipient_json(row));
}

static int list_execute(struct request *req, struct db *db)
{
    struct list *list = req->state;
    enum campaign_status status;
    bool more = false;
    int rc = campaigns_status(db, req->organisation_id, list->campaign, &status);

    if (rc == DB_OK)
        rc = recipients_page(db, req->organisation_id, list->campaign, list->page.after, list->page.limit, list->choice,
                             list_row, list, &more);
    return list_answer(req, list, rc, "campaign", more);
}

/* ---- PATCH /api/v1/campaigns/{id}/recipients/{prospect}: a person decides about an e-mail in doubt ---- */

struct decide_state {
    enum email_state decision;
    bool enqueued;
    json_t *row;
    char campaign[UUID_TEXT], prospect[UUID_TEXT];
};

static int decide_prepare(struct request *req)
{
    struct decide_state *state = request_state(req, sizeof(*state), free);
    json_t *body;

    if (!state)
        return answer_no_memory(req);
    int rc = path_id(req, 0, "campaign", state->campaign);
    if (rc == 0)
        rc = path_id(req, 1, "recipient", state->prospect);
    if (rc != 0)
        return rc;
    rc = body_json(req, &body);
    if (rc != 0)
        return rc;
    int decision = email_state_from_name(json_string_value(json_object_get(body, "state")));
    size_t members = json_object_size(body);
    json_decref(body);
    if (members != 1 || (decision != EMAIL_ACCEPTED && decision != EMAIL_WAITING && decision != EMAIL_SKIPPED))
        return respond_error(req, 422, "invalid_fields",
                             "state: must be accepted (it has arrived), waiting (send it once more) or skipped (leave "
                             "it), and the only member.");
    state->decision = (enum email_state)decision;
    return 0;
}

static void decide_committed(struct request *req)
{
    const struct decide_state *state = req->state;

    if (state->decision == EMAIL_ACCEPTED) {
        metrics_email_fate(FATE_ACCEPTED);
        metrics_email_sent(req->organisation_id, state->campaign, true);
    } else if (state->decision == EMAIL_SKIPPED) {
        metrics_email_not_sent(NOT_SENT_DECIDED);
    }
    if (state->enqueued)
        queue_published(req->app->queue, QUEUE_EMAIL_SEND, 1);
}

static int keep_row(void *arg, const struct recipient *row)
{
    struct decide_state *state = arg;

    state->row = recipient_json(row);
    return 0;
}

static int decide_execute(struct request *req, struct db *db)
{
    struct decide_state *state = req->state;
    char payload[OUTREACH_PAYLOAD_MAX];
    enum campaign_status status;
    /* locked: a start that does not see this e-mail as waiting must not commit before it does */
    int rc = campaigns_status_locked(db, req->organisation_id, state->campaign, &status);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    if (state->decision == EMAIL_WAITING && status == CAMPAIGN_STATUS_COMPLETED)
        return respond_error(req, 409, "illegal_state", "The campaign is completed: no more e-mails are sent.");
    rc = emails_decide(db, req->organisation_id, state->campaign, state->prospect, state->decision);
    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "illegal_state", "The e-mail is not in doubt: there is nothing to decide.");
    if (rc == DB_OK && state->decision == EMAIL_WAITING && status == CAMPAIGN_STATUS_ACTIVE) {
        outreach_payload(payload, state->campaign, state->prospect);
        rc = queue_publish(db, QUEUE_EMAIL_SEND, req->organisation_id, req->id, NULL, payload, NULL);
        state->enqueued = rc == DB_OK;
    }
    if (rc == DB_OK)
        rc = recipients_get(db, req->organisation_id, state->campaign, state->prospect, keep_row, state);
    if (rc < 0)
        return respond_store_error(req, rc, "recipient");
    if (!state->row)
        return answer_no_memory(req);
    req->committed = decide_committed;
    return respond_json(req, 200, state->row);
}

#define RECIPIENTS "/api/v1/campaigns/{id}/recipients"

static const char *const list_parameters[] = {"state", "limit", "cursor", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = RECIPIENTS,
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = list_parameters,
     .prepare = list_prepare,
     .execute = list_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_PATCH,
     .path = RECIPIENTS "/{prospect}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .body = BODY_JSON,
     .prepare = decide_prepare,
     .execute = decide_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_recipients(void)
{
    return routes;
}
