/* SPDX-License-Identifier: Apache-2.0 */
#include "api/unsubscribe.h"

#include "api/answer.h"
#include "base/app.h"
#include "data/prospects.h"
#include "http/router.h"
#include "http/store_error.h"
#include "mail/unsubscribe.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE(title, text)                                                                                             \
    "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\""                          \
    " content=\"width=device-width\"><meta name=\"robots\" content=\"noindex\"><title>" title "</title></head><body>" \
    "<h1>" title "</h1>" text "</body></html>\n"
static const char question[] = PAGE("Unsubscribe", "<p>You will get no more e-mails from this sender.</p>"
                                                   "<form method=\"post\"><button>Unsubscribe</button></form>");
static const char done[] = PAGE("Unsubscribed", "<p>You will get no more e-mails from this sender.</p>");

static const promc_exposition_header fields[] = {
    {"Content-Security-Policy", "default-src 'none'; form-action 'self'; frame-ancestors 'none'"},
    {"Referrer-Policy", "no-referrer"},
};

static int respond_page(struct request *req, const char *page)
{
    char *copy = strdup(page);
    if (!copy)
        return answer_no_memory(req);
    req->fields = fields;
    req->field_count = sizeof(fields) / sizeof(fields[0]);
    return respond_bytes(req, 200, "text/html; charset=utf-8", copy, strlen(copy));
}

struct unsubscribe_state {
    struct unsubscription who;
    char address[PROSPECT_EMAIL_MAX + 1];
    bool fresh;
};

static int read_token(struct request *req, struct unsubscription *who)
{
    if (unsubscribe_read(req->app->unsubscribe_key, req->params[0], who))
        return 0;
    return respond_error(req, 404, "not_found", "This link is not from one of our e-mails. Was it cut off?");
}

static int ask(struct request *req)
{
    struct unsubscription who;
    int rc = read_token(req, &who);
    return rc != 0 ? rc : respond_page(req, question);
}

static int prepare(struct request *req)
{
    struct unsubscribe_state *state = request_state(req, sizeof(*state), free);
    return state ? read_token(req, &state->who) : answer_no_memory(req);
}

static int keep_address(void *arg, const struct prospect *row)
{
    struct unsubscribe_state *state = arg;
    (void)snprintf(state->address, sizeof(state->address), "%s", row->field[PROSPECT_EMAIL]);
    return 0;
}

static void committed(struct request *req)
{
    const struct unsubscribe_state *state = req->state;
    if (state->fresh)
        metrics_suppression(SUPPRESSED_BY_PERSON, 1);
}

/* The hash is enough to suppress; the address is stored too if it is still known. */
static int execute(struct request *req, struct db *db)
{
    struct unsubscribe_state *state = req->state;
    const struct unsubscription *who = &state->who;
    unsigned char hash[SUPPRESSION_HASH];

    int rc = prospects_get(db, who->organisation_id, who->prospect_id, keep_address, state);
    bool same = rc == DB_OK && suppression_hash(who->organisation_id, state->address, hash) &&
                memcmp(hash, who->hash, sizeof(hash)) == 0;
    if (rc == DB_OK || rc == DB_E_NOT_FOUND)
        rc = suppressions_add_hash(db, who->organisation_id, who->hash, same ? state->address : NULL,
                                   SUPPRESSED_BY_PERSON, &state->fresh);
    if (rc == DB_E_CONFLICT) /* the organisation was deleted, so it sends nothing anyway */
        rc = DB_OK;
    if (rc < 0)
        return respond_store_error(req, rc, "link");
    req->committed = committed;
    return respond_page(req, done);
}

static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = UNSUBSCRIBE_PATH "{token}",
     .access = ACCESS_OPEN,
     .store = STORE_NONE,
     .prepare = ask,
     .instrumented = true},
    {.method = PROMC_HTTP_POST, /* the body is ignored: mail programs differ, and the token in the path is enough */
     .path = UNSUBSCRIBE_PATH "{token}",
     .access = ACCESS_OPEN,
     .store = STORE_WRITE,
     .prepare = prepare,
     .execute = execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_unsubscribe(void)
{
    return routes;
}
