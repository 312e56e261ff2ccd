/* SPDX-License-Identifier: Apache-2.0 */
#include "api/preview.h"

#include "api/answer.h"
#include "base/app.h"
#include "base/clock.h"
#include "base/email_address.h"
#include "base/settings.h"
#include "base/uuid.h"
#include "data/campaigns.h"
#include "data/suppressions.h"
#include "http/router.h"
#include "http/store_error.h"
#include "mail/mailer.h"
#include "mail/personalise.h"
#include "mail/unsubscribe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct preview {
    char campaign[UUID_TEXT], prospect[UUID_TEXT], email_id[UUID_TEXT];
    char *subject_template, *body_template;
    struct mail_sender own; /* the organisation's sender; "": MAIL_FROM */
    struct person person;
    struct draft_text text;
    int64_t templates_ms, draft_ms; /* last change of the templates; time of the draft */
    enum email_state fate;
    bool drafted; /* the text is the stored draft */
    bool suppressed;
    char link[UNSUBSCRIBE_LINK];
};

static void preview_free(void *arg)
{
    struct preview *preview = arg;

    free(preview->subject_template);
    free(preview->body_template);
    draft_text_release(&preview->text);
    person_release(&preview->person);
    free(preview);
}

static int prepare(struct request *req)
{
    struct preview *preview = request_state(req, sizeof(*preview), preview_free);
    const char *prospect = request_query(req, "prospect");
    unsigned char uuid[16];

    if (!preview)
        return answer_no_memory(req);
    int rc = path_id(req, 0, "campaign", preview->campaign);
    if (rc != 0)
        return rc;
    if (!prospect)
        return respond_error(req, 400, "invalid_parameter", "prospect must be the id of a prospect.");
    if (!uuid_parse(prospect, uuid))
        memset(uuid, 0, sizeof(uuid)); /* of no prospect; the campaign is checked first */
    uuid_format(uuid, preview->prospect);
    uuid_new_text(preview->email_id); /* if there is no e-mail yet */
    return 0;
}

/* ---- reading the store ---- */

static int keep_campaign(void *arg, const struct campaign *row)
{
    struct preview *preview = arg;

    preview->subject_template = strdup(row->subject_template);
    preview->body_template = strdup(row->body_template);
    preview->templates_ms = row->templates_ms;
    if (!row->sender || mail_sender_parse(&preview->own, row->sender) < 0)
        preview->own.address[0] = '\0';
    return 0;
}

static int keep_person(void *arg, const struct prospect *row)
{
    return person_copy(&((struct preview *)arg)->person, row);
}

static int keep_draft(void *arg, const struct draft *row)
{
    struct preview *preview = arg;

    preview->drafted = row->state == DRAFT_GENERATED;
    preview->draft_ms = row->created_ms;
    if (preview->drafted) {
        preview->text.subject = strdup(row->subject);
        preview->text.body = strdup(row->body);
    }
    return 0;
}

static void keep_email(void *arg, const struct email *row)
{
    struct preview *preview = arg;

    preview->fate = row->state;
    (void)snprintf(preview->email_id, UUID_TEXT, "%s", row->id);
}

/* An outdated draft is rendered again before it is sent (workers/send_claim.c), but not one whose e-mail was handed over. */
static void drop_outdated(struct preview *preview)
{
    bool to_be_sent = email_claimable(preview->fate) || preview->fate == EMAIL_SKIPPED;

    if (!to_be_sent ||
        !draft_is_outdated(preview->draft_ms, person_changed_ms(&preview->person, preview->templates_ms)))
        return;
    draft_text_release(&preview->text);
    preview->drafted = false;
}

/* @return 0, or the status answered */
static int read_all(struct request *req, struct db *db, struct preview *preview)
{
    const char *organisation = req->organisation_id;
    int rc = campaigns_get(db, organisation, preview->campaign, keep_campaign, preview);

    if (rc < 0)
        return respond_store_error(req, rc, "campaign");
    rc = prospects_get(db, organisation, preview->prospect, keep_person, preview);
    if (rc < 0)
        return respond_store_error(req, rc, "prospect");
    if (!preview->subject_template || !preview->body_template || !preview->person.field[PROSPECT_EMAIL])
        return answer_no_memory(req);
    rc = drafts_get(db, organisation, preview->campaign, preview->prospect, keep_draft, preview);
    if (rc == DB_OK || rc == DB_E_NOT_FOUND)
        rc = emails_get(db, organisation, preview->campaign, preview->prospect, keep_email, preview);
    if (rc == DB_OK || rc == DB_E_NOT_FOUND)
        rc = suppressions_has(db, organisation, preview->person.field[PROSPECT_EMAIL]);
    preview->suppressed = rc == 1 || preview->person.says_no;
    drop_outdated(preview);
    return rc < 0 ? respond_store_error(req, rc, "prospect") : 0;
}

/* ---- the answer ---- */

static const char *why_not(const struct preview *preview)
{
    const char *address = preview->person.field[PROSPECT_EMAIL];

    if (preview->person.status == PROSPECT_STATUS_INVALID || email_address_unusable(address))
        return PROMC_VALUE(not_sent, NOT_SENT_PROSPECT_INVALID);
    if (email_address_never(address))
        return PROMC_VALUE(not_sent, NOT_SENT_ROLE_ADDRESS);
    return preview->suppressed ? PROMC_VALUE(not_sent, NOT_SENT_SUPPRESSED) : NULL;
}

static int answer(struct request *req, struct preview *preview)
{
    struct mail mail = {
        .key = preview->email_id,
        .to = preview->person.field[PROSPECT_EMAIL],
        .subject = preview->text.subject,
        .body = preview->text.body,
        .organisation_id = req->organisation_id,
        .campaign_id = preview->campaign,
        .date_ms = clock_wall_ms(),
        .from = *preview->own.address ? &preview->own : NULL,
        .unsubscribe = preview->link,
    };
    char *message;
    size_t length;
    int rc = mailer_compose(req->app->mailer, &mail, &message, &length);

    if (rc < 0)
        return rc == MAIL_MESSAGE_E_NOMEM
                   ? answer_no_memory(req)
                   : respond_error(req, 422, "cannot_render", "%s.", mail_message_error_text(rc));
    const struct mail_sender *from = mail.from ? mail.from : mailer_sender(req->app->mailer);
    json_t *body = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:b, s:s?}", "prospect_id", preview->prospect, "from",
                             from->address, "to", mail.to, "subject", mail.subject, "body", mail.body, "message",
                             message, "drafted", (int)preview->drafted, "not_sent", why_not(preview));
    free(message);
    return body ? respond_json(req, 200, body) : answer_no_memory(req);
}

static int execute(struct request *req, struct db *db)
{
    struct preview *preview = req->state;
    int rc = read_all(req, db, preview);

    if (rc != 0)
        return rc;
    if (!preview->drafted) {
        rc = person_render(&preview->person, preview->subject_template, preview->body_template, &preview->text);
        if (rc > 0)
            return respond_error(req, 422, "cannot_render", "%s.", preview->text.error);
    }
    if (rc < 0 || !preview->text.subject || !preview->text.body ||
        !unsubscribe_link(req->app->settings->public_url, req->app->unsubscribe_key, req->organisation_id,
                          preview->prospect, preview->person.field[PROSPECT_EMAIL], preview->link))
        return answer_no_memory(req);
    return answer(req, preview);
}

static const char *const parameters[] = {"prospect", NULL};

static struct route routes[] = {
    {.method = PROMC_HTTP_GET,
     .path = "/api/v1/campaigns/{id}/preview",
     .access = ACCESS_ORGANISATION,
     .store = STORE_READ,
     .parameters = parameters,
     .prepare = prepare,
     .execute = execute,
     .instrumented = true},
    {.path = NULL},
};

struct route *routes_preview(void)
{
    return routes;
}
