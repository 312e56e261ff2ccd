/* SPDX-License-Identifier: Apache-2.0 */
#include "base/email_address.h"

#include "base/ascii.h"

#include <string.h>

/* Short lists; a linear search is cheap compared with the query for the address. */
static const char *const free_domains[] = {
    "aol.com",    "bluewin.ch",  "free.fr",     "fastmail.com",   "gmail.com",     "gmx.at",      "gmx.ch",
    "gmx.com",    "gmx.de",      "gmx.net",     "googlemail.com", "hotmail.co.uk", "hotmail.com", "hotmail.fr",
    "icloud.com", "laposte.net", "libero.it",   "live.com",       "mac.com",       "mail.com",    "mail.ru",
    "me.com",     "msn.com",     "orange.fr",   "outlook.com",    "outlook.fr",    "proton.me",   "protonmail.com",
    "qq.com",     "sfr.fr",      "t-online.de", "wanadoo.fr",     "web.de",        "yahoo.co.uk", "yahoo.com",
    "yahoo.fr",   "yandex.ru",   "ymail.com",   "zoho.com",
};
static const char *const disposable_domains[] = {
    "10minutemail.com", "dispostable.com", "fakeinbox.com",     "getnada.com",   "guerrillamail.com",
    "mailinator.com",   "maildrop.cc",     "mailnesia.com",     "mohmal.com",    "sharklasers.com",
    "temp-mail.org",    "tempmail.com",    "throwawaymail.com", "trashmail.com", "yopmail.com",
};
static const char *const no_reply_locals[] = {
    "do-not-reply", "donotreply", "mailer-daemon", "no-reply", "no_reply", "noreply",
};
static const char *const role_locals[] = {
    "abuse",   "admin", "billing",  "careers", "contact", "enquiries", "hello",     "help",       "hostmaster",
    "hr",      "info",  "jobs",     "legal",   "mail",    "marketing", "office",    "postmaster", "press",
    "privacy", "sales", "security", "service", "support", "team",      "webmaster",
};

static const char *const never_locals[] = {
    "abuse",      "dmarc", "hostmaster", "listserv", "majordomo",   "noc",
    "postmaster", "root",  "security",   "spam",     "unsubscribe", "uucp",
};

static bool listed(const char *word, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(word, list[i]) == 0)
            return true;
    return false;
}
#define LISTED(word, list) listed(word, list, sizeof(list) / sizeof(*(list)))

static bool alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool valid_local(const char *p, size_t length)
{
    static const char atext[] = "!#$%&'*+-/=?^_`{|}~";

    if (length == 0 || length > 64 || p[0] == '.' || p[length - 1] == '.')
        return false;
    for (size_t i = 0; i < length; i++)
        if (p[i] == '.' ? p[i + 1] == '.' : !alnum(p[i]) && (p[i] == '\0' || !strchr(atext, p[i])))
            return false;
    return true;
}

static bool valid_domain(const char *p, size_t length)
{
    size_t labels = 0, start = 0;
    bool digits_only = true;

    if (length == 0 || length > 253)
        return false;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && p[i] != '.') {
            if (!alnum(p[i]) && p[i] != '-')
                return false;
            digits_only &= p[i] >= '0' && p[i] <= '9';
            continue;
        }
        size_t label = i - start;
        if (label == 0 || label > 63 || p[start] == '-' || p[i - 1] == '-')
            return false;
        labels++;
        start = i + 1;
        if (i < length)
            digits_only = true;
    }
    return labels >= 2 && !digits_only;
}

bool email_address_valid(const char *address, size_t length)
{
    const char *at = length <= EMAIL_ADDRESS_MAX ? memchr(address, '@', length) : NULL;

    if (!at)
        return false;
    size_t local = (size_t)(at - address);
    return valid_local(address, local) && valid_domain(at + 1, length - local - 1);
}

uint64_t email_address_hash(const char *address, size_t length)
{
    uint64_t hash = 14695981039346656037u; /* FNV-1a */

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char)ascii_lower(address[i])) * 1099511628211u;
    hash ^= hash >> 32;
    return hash ? hash : 1;
}

const char *email_address_domain(const char *address)
{
    const char *at = strrchr(address, '@');

    return at ? at + 1 : address;
}

static bool local_part_listed(const char *address, const char *const *list, size_t n)
{
    char local[65];
    size_t length = strcspn(address, "@+");

    if (length >= sizeof(local))
        return false;
    memcpy(local, address, length);
    local[length] = '\0';
    return listed(local, list, n);
}

/*
 * Does the top-level domain mean this machine or this network (RFC 6761, RFC 6762)? `.test`, `.example` and `.invalid`
 * stay usable: they are for tests and harm nobody.
 */
static bool reserved(const char *domain)
{
    const char *top = strrchr(domain, '.');

    return top && (strcmp(top, ".localhost") == 0 || strcmp(top, ".local") == 0);
}

const char *email_address_unusable(const char *address)
{
    const char *domain = email_address_domain(address);

    if (reserved(domain))
        return "reserved_domain";
    if (LISTED(domain, disposable_domains))
        return "disposable_domain";
    if (local_part_listed(address, no_reply_locals, sizeof(no_reply_locals) / sizeof(*no_reply_locals)))
        return "no_reply_address";
    return NULL;
}

bool email_domain_free(const char *domain)
{
    return LISTED(domain, free_domains);
}

bool email_address_role(const char *address)
{
    return local_part_listed(address, role_locals, sizeof(role_locals) / sizeof(*role_locals));
}

bool email_address_never(const char *address)
{
    return local_part_listed(address, never_locals, sizeof(never_locals) / sizeof(*never_locals));
}
