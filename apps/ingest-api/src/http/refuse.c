/* SPDX-License-Identifier: Apache-2.0 */
#include "http/refuse.h"

#include "base/app.h"
#include "base/ascii.h"
#include "base/settings.h"
#include "base/text.h"
#include "http/rate_limit.h"

#include <string.h>
#include <strings.h>

/* The `code` of the error object. */
static const char *code_of(int status)
{
    switch (status) {
    case 400:
        return "bad_request";
    case 408:
        return "request_timeout";
    case 414:
        return "uri_too_long";
    case 417:
        return "expectation_failed";
    case 431:
        return "headers_too_large";
    case 501:
        return "not_implemented";
    case 505:
        return "version_not_supported";
    default:
        return "refused";
    }
}

int refuse_request(struct exchange *exchange, int status, const char *fault)
{
    return respond_error(&exchange->req, status, code_of(status), "%s", fault);
}

int refuse_key(struct exchange *exchange, const char *why)
{
    exchange->req.www_authenticate = true;
    return respond_error(&exchange->req, 401, "unauthorized", "%s", why);
}

int refuse_rate(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (!req->app->rate_limit)
        return 0;
    int wait = rate_limit_take(req->app->rate_limit, req->organisation_id, promc_now_ns());
    if (wait == 0)
        return 0;
    req->retry_after = wait;
    return respond_error(req, 429, "too_many_requests", "This organisation may send %u requests a second.",
                         req->app->settings->rate_limit);
}

int refuse_too_large(struct exchange *exchange)
{
    size_t limit = exchange->body.limit ? exchange->body.limit : REFUSE_SWALLOW_MAX;
    return respond_error(&exchange->req, 413, "body_too_large", "The body may have at most %zu bytes.", limit);
}

/* The route has a kind of body, the settings a limit for each kind. */
static size_t body_limit(const struct request *req)
{
    const struct settings *settings = req->app->settings;
    switch (req->route->body) {
    case BODY_NONE:
        break;
    case BODY_JSON:
        return settings->max_json_bytes;
    case BODY_IMPORT:
        return settings->max_import_bytes;
    }
    return 0;
}

/* The media type in lower case, without parameters. @return what follows it. */
static const char *read_content_type(struct exchange *exchange)
{
    const char *given = exchange->head.content_type ? exchange->head.content_type : "";
    size_t n = 0, max = sizeof(exchange->type) - 1;
    for (; given[n] && given[n] != ';' && given[n] != ' ' && given[n] != '\t' && n < max; n++)
        exchange->type[n] = ascii_lower(given[n]);
    exchange->type[n] = '\0';
    exchange->req.content_type = exchange->type;
    return given + n;
}

/* The charset among the parameters: *( ";" name "=" value ) with blanks around. */
static void read_charset(struct exchange *exchange, const char *parameters)
{
    exchange->charset[0] = '\0';
    exchange->req.charset = exchange->charset;
    for (const char *at = strchr(parameters, ';'); at; at = strchr(at, ';')) {
        at += 1 + strspn(at + 1, " \t");
        if (strncasecmp(at, "charset=", 8) != 0)
            continue;
        const char *value = at + 8;
        size_t n = strcspn(value, "; \t");
        if (n >= 2 && value[0] == '"' && value[n - 1] == '"') {
            value++;
            n -= 2;
        }
        /* a name that is too long is cut, and so is no known charset */
        (void)snprintf(exchange->charset, sizeof(exchange->charset), "%.*s", n ? (int)n : 1, n ? value : "?");
    }
}

static bool is_utf8(const char *charset)
{
    return !*charset || strcasecmp(charset, "utf-8") == 0 || strcasecmp(charset, "utf8") == 0 ||
           strcasecmp(charset, "us-ascii") == 0;
}

static int check_content_type(struct exchange *exchange)
{
    static const char *const json_types[] = {"application/json", NULL};
    struct request *req = &exchange->req;
    const char *const *types = req->route->content_types ? req->route->content_types : json_types;
    const char *encoding = exchange->head.content_encoding;
    if (encoding && strcasecmp(encoding, "identity") != 0)
        return respond_error(req, 415, "unsupported_media_type",
                             "No Content-Encoding is supported: send the body uncompressed.");
    read_charset(exchange, read_content_type(exchange));
    if (req->route->charset && !req->route->charset(req->charset))
        return respond_error(req, 415, "unsupported_media_type", "This charset is not supported; use UTF-8.");
    if (!req->route->charset && !is_utf8(req->charset))
        return respond_error(req, 415, "unsupported_media_type", "Only the charset UTF-8 is supported.");
    for (const char *const *type = types; *type; type++)
        if (strcmp(*type, req->content_type) == 0)
            return 0;
    char known[256];
    struct text text;
    text_init(&text, known, sizeof(known) - 1);
    for (const char *const *type = types; *type; type++) {
        if (text.length)
            text_add(&text, ", ");
        text_add(&text, *type);
    }
    known[text.length] = '\0';
    return respond_error(req, 415, "unsupported_media_type", "Content-Type must be one of: %s.", known);
}

int refuse_body(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    const struct head *head = &exchange->head;
    size_t limit = body_limit(req);
    /* a route without a body ignores a small one */
    body_init(&exchange->body, req->app->settings->data_dir, limit);
    if (!exchange->has_body)
        return 0;
    if (req->organisation_id[0])
        body_owned_by(&exchange->body, req->organisation_id, req->app->settings->max_body_disk);
    if (head->has_content_length && head->content_length > (limit ? limit : REFUSE_SWALLOW_MAX))
        return refuse_too_large(exchange);
    return limit ? check_content_type(exchange) : 0;
}

bool refuse_now(struct exchange *exchange)
{
    exchange->refused = true;
    const struct head *head = &exchange->head;
    if (!exchange->has_body ||
        !(head->expect_continue || (head->has_content_length && head->content_length > REFUSE_SWALLOW_MAX)))
        return false;
    exchange->close = true;
    return true;
}
