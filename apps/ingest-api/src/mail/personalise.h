/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/personalise.h
 * Findings from a prospect's own data (the research job), and the values for a template (the draft job).
 * Deterministic, no network. Pure functions, thread safe.
 */
#ifndef INGEST_MAIL_PERSONALISE_H
#define INGEST_MAIL_PERSONALISE_H

#include "data/prospects.h"
#include "mail/template.h"

#include <jansson.h>
#include <stdbool.h>

/** A prospect copied out of its row, with its custom fields parsed. */
struct person {
    char id[37];
    char *field[PROSPECT_FIELDS]; /**< NULL: absent */
    json_t *custom;               /**< object, or NULL */
    enum prospect_status status;
    int64_t updated_ms;
    /* derived from the above */
    char salutation[256]; /**< the first name, "Acme team" for a role address, or "" if a guess would be rude */
    const char *domain;   /**< domain of the address */
    bool free_mail;       /**< then the domain is not the company's */
    bool role;
    bool says_no; /**< person_says_no() */
};

/** @return 0, or -1 without memory (nothing is held then). */
int person_copy(struct person *person, const struct prospect *row);
void person_release(struct person *person);

/**
 * The research as a JSON object (new reference), NULL without memory: email_domain, company_domain, company, website,
 *  country, free_mail, role_account, salutation, missing_fields.
 */
json_t *person_research(const struct person *person);

/** The value for a template of a (normalised) name, or NULL. */
const char *person_value(const struct person *person, const char *name);
/** May every prospect have a field of this name: the fields, and those derived from them? */
bool person_knows(const char *name);

/**
 * Does one of the custom fields (JSON text, or NULL) say that the person wants no e-mails: "unsubscribed", "do_not_contact",
 *  "email_opt_out" and similar names, unless the value means no?
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
/** Drafts from before this time are outdated: the prospect or the templates have changed then. */
static inline int64_t person_stale_ms(const struct person *person, int64_t templates_ms)
{
    return person->updated_ms > templates_ms ? person->updated_ms : templates_ms;
}
void draft_text_release(struct draft_text *text);

#endif
