/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/personalise.h
 * Derives findings from a prospect's own data (the research job), and renders a campaign's templates (the draft job).
 * Deterministic, no network. Pure functions, thread safe.
 */
#ifndef INGEST_MAIL_PERSONALISE_H
#define INGEST_MAIL_PERSONALISE_H

#include "data/prospects.h"
#include "mail/template.h"

#include <jansson.h>
#include <stdbool.h>

/** A copy of a prospect, with its custom fields parsed and values derived from it. */
struct person {
    char id[37];
    char *field[PROSPECT_FIELDS]; /**< NULL: absent */
    json_t *custom;               /**< object, or NULL */
    enum prospect_status status;
    int64_t updated_ms;
    /* derived from the above */
    char salutation[256]; /**< the first name, "Acme team" for a role address, or "": a wrong guess would be rude */
    const char *domain;   /**< domain of the address */
    bool free_mail;       /**< the domain is a mail provider's and not the company's */
    bool role;            /**< the address is a role's, such as info@ */
    bool says_no;         /**< person_says_no() */
};

/** @return 0, or -1 without memory, with nothing to release. */
int person_copy(struct person *person, const struct prospect *row);
void person_release(struct person *person);

/**
 * The research as a JSON object (new reference): email_domain, company_domain, company, website, country, free_mail,
 * role_account, salutation, missing_fields. NULL without memory.
 */
json_t *person_research(const struct person *person);

/** The value of a (normalised) name in a template, or NULL. */
const char *person_value(const struct person *person, const char *name);
/** Is this the name of a standard field, or of a value derived from them? Others are custom fields. */
bool person_knows(const char *name);

/**
 * Does one of the custom fields (JSON text, or NULL) say that the person wants no e-mails? That is a field named
 * "unsubscribed", "do_not_contact", "email_opt_out" or similar, unless its value means no.
 */
bool person_says_no(const char *custom);

struct draft_text {
    char *subject, *body; /**< malloc()ed; NULL unless rendered */
    char error[256];      /**< "" if rendered; else the error, without any value of the prospect */
};
/**
 * Render a campaign's templates. Names: the fields, then the custom fields, then email_domain, company_domain and
 * salutation. Line breaks in a subject become spaces.
 * @return 0 rendered; 1 failed for good (error says why); -1 no memory.
 */
int person_render(const struct person *person, const char *subject_template, const char *body_template,
                  struct draft_text *out);
/** When the prospect or the templates last changed: see draft_is_outdated(). */
static inline int64_t person_changed_ms(const struct person *person, int64_t templates_ms)
{
    return person->updated_ms > templates_ms ? person->updated_ms : templates_ms;
}
void draft_text_release(struct draft_text *text);

#endif
