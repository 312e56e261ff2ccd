/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts from outside: cursors, addresses, a sender, a DSN, a key, a path and its query. */
#include "api/cursor.h"
#include "base/email_address.h"
#include "base/utf8.h"
#include "fuzz.h"
#include "http/auth.h"
#include "http/decode.h"
#include "http/router.h"
#include "mail/message.h"
#include "report/report.h"

#include <strings.h>

#define ORGANISATION "018f0000-0000-7000-8000-000000000001"

/* Foreign cursors are refused; our own are read back. */
static void try_cursor(const char *text)
{
    char id[37], cursor[CURSOR_SIZE], again[37];
    if (cursor_read(text, ORGANISATION, "scope", id) &&
        (!cursor_write(id, ORGANISATION, "scope", cursor) || strcasecmp(cursor, text) != 0))
        abort();
    if (cursor_write(text, ORGANISATION, "scope", cursor) &&
        (!cursor_read(cursor, ORGANISATION, "scope", again) || cursor_read(cursor, ORGANISATION, "other", again)))
        abort();
}

static void try_address(char *text, size_t size)
{
    if (!email_address_valid(text, size))
        return;
    if (size > EMAIL_ADDRESS_MAX || strlen(text) != size || !strchr(text, '@') || strpbrk(text, " \t\r\n<>,;:\""))
        abort();
    for (char *p = text; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p | 0x20) : *p;
    (void)email_address_unusable(text);
    (void)email_domain_free(email_address_domain(text));
    (void)email_address_role(text);
}

static void try_sender(const char *text)
{
    struct mail_sender sender;
    if (mail_sender_parse(&sender, text) == 0 &&
        (strpbrk(sender.address, "\r\n") || strpbrk(sender.name, "\r\n") || !sender.address[0]))
        abort();
}

static void try_dsn(const char *text)
{
    struct report_target target;
    if (report_target_parse(&target, text) != 0)
        return;
    if (!strstr(target.url, "/envelope/") || strncmp(target.auth, "X-Sentry-Auth: ", 15) != 0)
        abort();
}

static void try_key(const char *text)
{
    size_t length;
    const char *key = auth_bearer(text, &length);
    if (key && (key < text || length == 0 || key + length > text + strlen(text)))
        abort();
}

static void try_query(const char *text, size_t size)
{
    struct query *query;
    if (query_parse(text, size, &query) != 0)
        return;
    for (size_t i = 0; query && i < query->count; i++)
        if (utf8_check(query->pair[i].name, strlen(query->pair[i].name)) != UTF8_VALID ||
            utf8_check(query->pair[i].value, strlen(query->pair[i].value)) != UTF8_VALID)
            abort();
    free(query);
}

static void try_path(const char *text)
{
    static struct route routes[] = {{.method = PROMC_HTTP_GET, .path = "/a/{id}/b"},
                                    {.method = PROMC_HTTP_POST, .path = "/a/{id}"},
                                    {.method = PROMC_HTTP_GET, .path = "/a/c"},
                                    {.path = NULL}};
    static struct route *const tables[] = {routes};
    static struct router *router;
    char storage[512];
    struct router_match match;
    if (!router && router_create(&router, tables, 1, NULL) != 0)
        abort();
    enum router_result result = router_match(router, PROMC_HTTP_GET, text, storage, sizeof(storage), &match);
    if (!match.route || (result == ROUTER_METHOD) != (match.allow && result != ROUTER_FOUND))
        abort();
    for (int i = 0; result == ROUTER_FOUND && i < REQUEST_MAX_PARAMS && match.params[i]; i++)
        if (match.params[i] < storage || match.params[i] >= storage + sizeof(storage))
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size);
    if (!text)
        return 0;
    try_cursor(text);
    try_sender(text);
    try_dsn(text);
    try_key(text);
    try_query(text, size);
    try_path(text);
    try_address(text, size);
    free(text);
    return 0;
}
