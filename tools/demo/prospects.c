/* SPDX-License-Identifier: Apache-2.0 */
#include "prospects.h"

#include <ctype.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(*(a)))
#define PICK(random, list) (list)[random_below(random, (unsigned)COUNT(list))]

static const char *const first_names[] = {
    "Amélie",  "Bogdan", "Chloé",      "Dmitri", "Elif",      "François", "Grace",   "Hiroshi",  "Inès",  "Jürgen",
    "Khadija", "Liam",   "Małgorzata", "Noah",   "Oluwaseun", "Priya",    "Quentin", "Ragnhild", "Søren", "Tomás",
};
static const char *const last_names[] = {
    "Andersson", "Benali",  "Chen",    "Dubois",   "Eriksen",  "Fernández",    "García",
    "Haddad",    "Ivanova", "Jansen",  "Kowalski", "Lefèvre",  "Müller",       "Nakamura",
    "O'Brien",   "Petit",   "Quiroga", "Rossi",    "Schröder", "Van den Berg",
};
static const char *const companies[] = {
    "Acme Corp",     "Blé & Fils",          "Cogwheel GmbH", "Delta Foods, Inc.",   "Étoile Logistique",
    "Fjord Systems", "Granite \"Rock\" Co", "Helios Energy", "Iberia Textil, S.A.", "Jade Consulting",
};
static const char *const titles[] = {"CEO", "Head of Sales", "CTO", "Buyer, EMEA", "Marketing Manager", "COO"};
static const char *const countries[] = {"FR", "DE", "GB", "ES", "SE", "NL", "PL", "IT"};

/* Text for a local part or host name of an address: its ASCII letters and digits in lower case. */
static void plain(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; *text && n + 1 < size; text++)
        if (isascii((unsigned char)*text) && isalnum((unsigned char)*text))
            out[n++] = (char)tolower((unsigned char)*text);
    out[n] = '\0';
}

/* Percentages. A template with one of these fields fails for these prospects: few enough that no alert fires. */
enum { WITHOUT_COMPANY = 4, WITHOUT_PHONE = 5, WITHOUT_WEBSITE = 40 };

struct prospect {
    char email[160];
    const char *first_name, *last_name, *company, *title, *country;
    char phone[24];
    char website[64];
};

/* Each number is a person whose name and address never change: a second import updates the prospect. So the number of prospects stays
 * small however long the demo runs. */
static void make(struct prospect *p, struct random *random, unsigned long number)
{
    char first[32], last[32], host[32];
    struct random person = {number};
    p->first_name = PICK(&person, first_names);
    p->last_name = PICK(&person, last_names);
    p->company = PICK(&person, companies);
    p->title = PICK(random, titles);
    p->country = PICK(random, countries);
    plain(first, sizeof(first), p->first_name);
    plain(last, sizeof(last), p->last_name);
    plain(host, sizeof(host), p->company);
    (void)snprintf(p->email, sizeof(p->email), "%s.%s.%lu@%s.example", first, last, number, host);
    (void)snprintf(p->phone, sizeof(p->phone), "+33 1 %02u %02u %02u %02u", random_below(random, 100),
                   random_below(random, 100), random_below(random, 100), random_below(random, 100));
    (void)snprintf(p->website, sizeof(p->website), "https://www.%s.example/", host);
    if (random_chance(random, WITHOUT_COMPANY))
        p->company = "";
    if (random_chance(random, WITHOUT_PHONE))
        p->phone[0] = '\0';
    if (random_chance(random, WITHOUT_WEBSITE))
        p->website[0] = '\0';
}

/* RFC 4180: quoted only if necessary. */
static void field(FILE *file, const char *text)
{
    if (!strpbrk(text, "\",\r\n")) {
        (void)fputs(text, file);
        return;
    }
    (void)putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            (void)putc('"', file);
        (void)putc(*text, file);
    }
    (void)putc('"', file);
}

static void record(FILE *file, const struct prospect *p)
{
    const char *const fields[] = {p->email, p->first_name, p->last_name, p->company,
                                  p->title, p->phone,      p->website,   p->country};
    for (size_t i = 0; i < COUNT(fields); i++) {
        if (i)
            (void)putc(',', file);
        field(file, fields[i]);
    }
    (void)fputs("\r\n", file);
}

/* Writes a faulty record; `p` is a good one to spoil. */
static void faulty(FILE *file, struct prospect *p, struct random *random)
{
    switch (random_below(random, 6)) {
    case 0: /* no address */
        p->email[0] = '\0';
        record(file, p);
        break;
    case 1: /* no @ in it */
        *strchr(p->email, '@') = '.';
        record(file, p);
        break;
    case 2: /* two @ */
        (void)snprintf(p->email + strlen(p->email), sizeof(p->email) - strlen(p->email), "@twice");
        record(file, p);
        break;
    case 3: /* cut off */
        (void)fprintf(file, "%s,%s\r\n", p->email, p->first_name);
        break;
    case 4: /* one unquoted comma too many */
        (void)fprintf(file, "%s,%s,%s,Smith, Jones and Sons,CEO,,,GB\r\n", p->email, p->first_name, p->last_name);
        break;
    default: /* Latin-1 instead of UTF-8 */
        p->last_name = "M\xfcller";
        record(file, p);
        break;
    }
}

int prospects_write_csv(FILE *file, unsigned first, unsigned rows, uint64_t seed)
{
    struct random random = {seed};
    struct prospect p, earlier;
    (void)fputs("email,first_name,last_name,company,title,phone,website,country\r\n", file);
    memset(&earlier, 0, sizeof(earlier));
    for (unsigned row = 0; row < rows; row++) {
        make(&p, &random, first + row);
        if (row && random_chance(&random, 3)) {
            faulty(file, &p, &random);
        } else if (row && random_chance(&random, 1)) {
            earlier.title = "Promoted";
            record(file, &earlier);
        } else {
            if (random_chance(&random, 1))
                p.title = "Founder,\n\"Chief\" of everything";
            record(file, &p);
            if (!row || random_chance(&random, 10))
                earlier = p;
        }
    }
    return fflush(file) || ferror(file) ? -1 : 0;
}

size_t prospects_write_json(char *out, size_t size, struct random *random)
{
    struct prospect p;
    make(&p, random, PROSPECTS_IN_FILE + random_below(random, PROSPECTS_BESIDE));
    /* The only character in the lists that JSON must escape is the quote of one company, which is replaced. */
    int n = snprintf(out, size,
                     "{\"email\": \"%s\", \"first_name\": \"%s\", \"last_name\": \"%s\", \"company\": \"%s\", "
                     "\"title\": \"%s\", \"phone\": \"%s\", \"country\": \"%s\"}",
                     p.email, p.first_name, p.last_name, strchr(p.company, '"') ? "Granite" : p.company, p.title,
                     p.phone, p.country);
    return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}
