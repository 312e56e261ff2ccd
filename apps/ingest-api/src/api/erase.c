/* SPDX-License-Identifier: Apache-2.0 */
#include "api/erase.h"

#include "api/answer.h"
#include "base/app.h"
#include "base/uuid.h"
#include "data/erase.h"
#include "http/router.h"
#include "http/store_error.h"
#include "mail/file.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

struct erase_state {
    json_t *emails; /* ids that this transaction has erased */
    char id[UUID_TEXT];
};

static void erase_state_free(void *arg)
{
    struct erase_state *state = arg;
    json_decref(state->emails);
    free(state);
}

/* Delete the files of MAIL=file after each commit: a rollback could still bring the rows back before. */
static void forget_files(struct request *req)
{
    const struct erase_state *state = req->state;
    size_t i;
    json_t *id;
    json_array_foreach(state->emails, i, id)
    {
        mail_file_forget(req->app->settings, json_string_value(id));
    }
    (void)json_array_clear(state->emails);
}

static void slice_committed(struct request *req)
{
    forget_files(req);
    req->kept = true;
}

/* Each slice calls it; the first one creates the state. @return 0, or the status answered. */
static int begin(struct request *req, const char *what)
{
    struct erase_state *state = req->state ? req->state : request_state(req, sizeof(*state), erase_state_free);
    if (!state)
        return answer_no_memory(req);
    int rc = path_id(req, 0, what, state->id);
    if (rc != 0)
        return rc;
    req->slice_committed = slice_committed;
    if (!state->emails)
        state->emails = json_array();
    return state->emails ? 0 : answer_no_memory(req);
}

static void keep_email(void *arg, const char *email_id)
{
    (void)json_array_append_new(((struct erase_state *)arg)->emails, json_string(email_id));
}

static int prospect_execute(struct request *req, struct db *db)
{
    int rc = begin(req, "prospect");
    if (rc != 0)
        return rc;
    struct erase_state *state = req->state;
    rc = erase_prospect(db, req->organisation_id, state->id, keep_email, state);
    if (rc < 0)
        return respond_store_error(req, rc, "prospect");
    req->committed = forget_files;
    return answer_nothing(req);
}

static void campaign_committed(struct request *req)
{
    const struct erase_state *state = req->state;
    forget_files(req);
    metrics_campaign_finished(state->id);
}

static int campaign_execute(struct request *req, struct db *db)
{
    int rc = begin(req, "campaign");
    if (rc != 0)
        return rc;
    struct erase_state *state = req->state;
    rc = erase_campaign(db, req->organisation_id, state->id, keep_email, state);
    if (rc == DB_E_CONFLICT)
        return respond_error(req, 409, "illegal_state",
                             "The campaign is active: pause or complete it before it is deleted.");
    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    if (rc != ERASED) {
        req->next = REQUEST_WRITES_NEXT;
        return 0;
    }
    req->committed = campaign_committed;
    return answer_nothing(req);
}

static struct route routes[] = {
    {.method = PROMC_HTTP_DELETE,
     .path = "/api/v1/prospects/{id}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = prospect_execute,
     .instrumented = true},
    {.method = PROMC_HTTP_DELETE,
     .path = "/api/v1/campaigns/{id}",
     .access = ACCESS_ORGANISATION,
     .store = STORE_WRITE,
     .execute = campaign_execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_erase(void)
{
    return routes;
}
