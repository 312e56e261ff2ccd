/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file mail/personalise.h
 * What can be told about a prospect from its own data (the research job), and the values a template sees (the draft job).
 * Deterministic, no network. Pure functions, thread safe.
 */
#ifndef INGEST_MAIL_PERSONALISE_H
#define INGEST_MAIL_PERSONALISE_H

#include "data/prospects.h"
#include "mail/template.h"

#include <jansson.h>

/** A prospect copied out of its row, with its custom fields parsed. */
struct person {
    char id[37];
    char *field[PROSPECT_FIELDS]; /**< NULL: absent */
    json_t *custom;               /**< object, or NULL */
    enum prospect_status status;
    int64_t updated_ms;
    /* derived from the above */
    char salutation[256]; /**< the first name, "Acme team" for a role address, or "" where a guess would be rude */
    const char *domain;   /**< of the address */
    bool free_mail;       /**< then the domain is not the company's */
    bool role;
};

/** @return 0, or -1 when memory is out (nothing is held then). */
int person_copy(struct person *person, const struct prospect *row);
void person_release(struct person *person);

/** The research as a JSON object (new reference), NULL when memory is out: email_domain, company_domain, company, website,
 *  country, free_mail, role_account, salutation, missing_fields. */
json_t *person_research(const struct person *person);

struct draft_text {
    char *subject, *body; /**< malloc()ed; NULL unless rendered */
    char error[256];      /**< "" when rendered; else what is wrong, without any value of the prospect */
};
/**
 * Render a campaign's templates. Names: the fields, then the custom fields, then email_domain, company_domain and
 * salutation. Line breaks in a subject become blanks.
 * @return 0 rendered; 1 failed for good (error says why); -1 memory is out.
 */
int person_render(const struct person *person, const char *subject_template, const char *body_template,
                  struct draft_text *out);
void draft_text_release(struct draft_text *text);

#endif
