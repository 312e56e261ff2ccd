/* SPDX-License-Identifier: Apache-2.0 */
#include "mail/personalise.h"
#include "base/email_address.h"
#include "mail/message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char ascii_upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

/* Is this a public second level below a country code, as in co.uk? Then the label before it is the company. */
static bool public_second_level(const char *label, size_t length)
{
    static const char *const names[] = {"ac", "co", "com", "edu", "gov", "net", "org", "gouv", "asso"};

    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        if (strlen(names[i]) == length && memcmp(names[i], label, length) == 0)
            return true;
    return false;
}

/* "mail.acme-tools.co.uk" → "Acme Tools" */
static void company_of_domain(const char *domain, char *out, size_t size)
{
    const char *end = strrchr(domain, '.'), *start;
    size_t n = 0;
    bool first = true;

    out[0] = '\0';
    if (!end)
        return;
    for (;;) {
        start = end;
        while (start > domain && start[-1] != '.')
            start--;
        if (start == domain || !public_second_level(start, (size_t)(end - start)))
            break;
        end = start - 1;
    }
    for (const char *p = start; p < end && n + 1 < size; p++) {
        out[n++] = *p == '-' ? ' ' : first ? ascii_upper(*p) : *p;
        first = *p == '-';
    }
    out[n] = '\0';
}

/* "ada.lovelace@" → "Ada", only if the local part is two words: else people would be greeted by a user name. */
static void name_of_address(const char *address, char *out, size_t size)
{
    size_t local = strcspn(address, "@"), first = strcspn(address, "._-@");

    out[0] = '\0';
    if (first < 2 || first >= local || first >= size || address[first] != '.')
        return;
    for (size_t i = 0; i < local; i++)
        if (i != first && (address[i] < 'a' || address[i] > 'z'))
            return;
    memcpy(out, address, first);
    out[first] = '\0';
    out[0] = ascii_upper(out[0]);
}

static void derive(struct person *person)
{
    const char *email = person->field[PROSPECT_EMAIL];
    char company[128];

    person->domain = email_address_domain(email);
    person->free_mail = email_domain_free(person->domain);
    person->role = email_address_role(email);
    company_of_domain(person->domain, company, sizeof(company));
    const char *team = person->field[PROSPECT_COMPANY] ? person->field[PROSPECT_COMPANY] : company;
    if (person->field[PROSPECT_FIRST_NAME])
        (void)snprintf(person->salutation, sizeof(person->salutation), "%s", person->field[PROSPECT_FIRST_NAME]);
    else if (person->role && team[0] && !person->free_mail)
        (void)snprintf(person->salutation, sizeof(person->salutation), "%.200s team", team);
    else
        name_of_address(email, person->salutation, sizeof(person->salutation));
}

int person_copy(struct person *person, const struct prospect *row)
{
    bool failed = false;

    memset(person, 0, sizeof(*person));
    (void)snprintf(person->id, sizeof(person->id), "%s", row->id);
    for (int i = 0; i < PROSPECT_FIELDS; i++) {
        person->field[i] = row->field[i] ? strdup(row->field[i]) : NULL;
        failed |= row->field[i] && !person->field[i];
    }
    person->says_no = person_says_no(row->custom);
    person->custom = row->custom ? json_loads(row->custom, 0, NULL) : NULL;
    failed |= row->custom && !person->custom;
    person->status = row->status;
    person->updated_ms = row->updated_ms;
    if (failed || !person->field[PROSPECT_EMAIL]) {
        person_release(person);
        return -1;
    }
    derive(person);
    return 0;
}

void person_release(struct person *person)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        free(person->field[i]);
    json_decref(person->custom);
    memset(person, 0, sizeof(*person));
}

/* Only country codes that are used as such: .io, .co, .ai, .me and .tv are used everywhere. */
static const char *country_of_domain(const char *domain)
{
    static const char *const countries[][2] = {
        {"at", "AT"}, {"au", "AU"}, {"be", "BE"}, {"br", "BR"}, {"ca", "CA"}, {"ch", "CH"}, {"cz", "CZ"},
        {"de", "DE"}, {"dk", "DK"}, {"es", "ES"}, {"fi", "FI"}, {"fr", "FR"}, {"gr", "GR"}, {"ie", "IE"},
        {"in", "IN"}, {"it", "IT"}, {"jp", "JP"}, {"nl", "NL"}, {"no", "NO"}, {"nz", "NZ"}, {"pl", "PL"},
        {"pt", "PT"}, {"se", "SE"}, {"uk", "GB"}, {"us", "US"}, {"za", "ZA"},
    };
    const char *top = strrchr(domain, '.');

    for (size_t i = 0; top && i < sizeof(countries) / sizeof(*countries); i++)
        if (strcmp(top + 1, countries[i][0]) == 0)
            return countries[i][1];
    return NULL;
}

json_t *person_research(const struct person *person)
{
    char company[128], website[300];
    json_t *missing = json_array();

    company_of_domain(person->domain, company, sizeof(company));
    (void)snprintf(website, sizeof(website), "https://%s/", person->domain);
    for (int i = 0; missing && i < PROSPECT_FIELDS; i++)
        if (!person->field[i])
            (void)json_array_append_new(missing, json_string(prospect_field_names[i]));
    const char *country = person->field[PROSPECT_COUNTRY];
    const char *known_company = person->field[PROSPECT_COMPANY], *known_website = person->field[PROSPECT_WEBSITE];
    const char *own = person->free_mail ? NULL : person->domain;
    return json_pack("{s:s, s:s?, s:s?, s:s?, s:s?, s:b, s:b, s:s?, s:o}", "email_domain", person->domain,
                     "company_domain", own, "company",
                     known_company ? known_company
                     : own         ? company
                                   : NULL,
                     "website",
                     known_website ? known_website
                     : own         ? website
                                   : NULL,
                     "country", country ? country : country_of_domain(person->domain), "free_mail",
                     (int)person->free_mail, "role_account", (int)person->role, "salutation",
                     person->salutation[0] ? person->salutation : NULL, "missing_fields", missing);
}

static bool is_no(const char *value)
{
    static const char *const words[] = {"", "0", "false", "no", "n", "f", "nein", "non", "never", "subscribed"};

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcasecmp(value, words[i]) == 0)
            return true;
    return false;
}

bool person_says_no(const char *custom)
{
    /* names in exports of other systems, after field_name_normalise(): lower case, with _ for blanks */
    static const char *const names[] = {
        "unsubscribed",
        "unsubscribe",
        "unsubscribed_from_all_email",
        "opted_out_of_email",
        "suppressed",
        "do_not_contact",
        "do_not_email",
        "email_opt_out",
        "has_opted_out_of_email",
        "opt_out",
        "opted_out",
        "optout",
        "dnc",
    };
    if (!custom || !(strstr(custom, "subscribe") || strstr(custom, "opt") || strstr(custom, "do_not") ||
                     strstr(custom, "suppressed") || strstr(custom, "dnc")))
        return false; /* the usual case, without parsing */
    json_t *fields = json_loads(custom, 0, NULL);
    bool no = false;

    for (size_t i = 0; !no && i < sizeof(names) / sizeof(*names); i++) {
        const char *value = json_string_value(json_object_get(fields, names[i]));
        no = value && !is_no(value);
    }
    json_decref(fields);
    return no;
}

const char *person_value(const struct person *person, const char *name)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        if (strcmp(name, prospect_field_names[i]) == 0)
            return person->field[i];
    const char *custom = json_string_value(json_object_get(person->custom, name));
    if (custom)
        return custom;
    if (strcmp(name, "email_domain") == 0)
        return person->domain;
    if (strcmp(name, "company_domain") == 0)
        return person->free_mail ? NULL : person->domain;
    if (strcmp(name, "salutation") == 0)
        return person->salutation;
    return NULL;
}

static const char *lookup(void *arg, const char *name)
{
    return person_value(arg, name);
}

bool person_knows(const char *name)
{
    for (int i = 0; i < PROSPECT_FIELDS; i++)
        if (strcmp(name, prospect_field_names[i]) == 0)
            return true;
    return strcmp(name, "email_domain") == 0 || strcmp(name, "company_domain") == 0 || strcmp(name, "salutation") == 0;
}

static int render(const struct person *person, const char *which, const char *template, char **text,
                  struct draft_text *out)
{
    struct template_fault fault;

    switch (template_render(template, lookup, (void *)(uintptr_t)person, text, &fault)) {
    case TEMPLATE_OK:
        return 0;
    case TEMPLATE_E_NOMEM:
        return -1;
    case TEMPLATE_E_MISSING:
        (void)snprintf(out->error, sizeof(out->error), "%s: %s: %s", which, fault.reason, fault.name);
        return 1;
    case TEMPLATE_E_TOO_LONG:
        (void)snprintf(out->error, sizeof(out->error), "%s: longer than %u bytes", which, TEMPLATE_MAX_OUTPUT);
        return 1;
    default:
        (void)snprintf(out->error, sizeof(out->error), "%s: line %lu, column %lu: %s", which, fault.line, fault.column,
                       fault.reason);
        return 1;
    }
}

/* What mail_message_write() would refuse must fail here: it can be corrected, and says nothing about the recipient. */
static int check_size(const char *which, const char *text, size_t max, struct draft_text *out)
{
    size_t n = strlen(text);

    if (n == 0)
        (void)snprintf(out->error, sizeof(out->error), "%s: it is empty", which);
    else if (n > max)
        (void)snprintf(out->error, sizeof(out->error), "%s: longer than %zu bytes", which, max);
    return n == 0 || n > max;
}

int person_render(const struct person *person, const char *subject_template, const char *body_template,
                  struct draft_text *out)
{
    memset(out, 0, sizeof(*out));
    int rc = render(person, "subject", subject_template, &out->subject, out);
    if (rc == 0)
        rc = render(person, "body", body_template, &out->body, out);
    if (rc == 0)
        rc = check_size("subject", out->subject, MAIL_SUBJECT_MAX, out);
    if (rc == 0)
        rc = check_size("body", out->body, TEMPLATE_MAX_OUTPUT, out);
    if (rc != 0) {
        draft_text_release(out);
        return rc;
    }
    for (char *p = out->subject; *p; p++)
        if (*p == '\n' || *p == '\r' || *p == '\t')
            *p = ' ';
    return 0;
}

void draft_text_release(struct draft_text *text)
{
    free(text->subject);
    free(text->body);
    text->subject = text->body = NULL;
}
