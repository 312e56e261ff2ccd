#include "http/exchange.h"

#include "base/app.h"
#include "base/settings.h"
#include "http/access_log.h"
#include "http/decode.h"
#include "http/exchange_work.h"
#include "http/idempotency.h"
#include "http/refuse.h"
#include "metrics/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void exchange_init(struct exchange *exchange, struct loop *loop,
                   void (*ready)(struct exchange *exchange, enum exchange_next next))
{
    memset(exchange, 0, sizeof(*exchange));
    exchange->body.file = -1;
    exchange->loop = loop;
    exchange->ready = ready;
}

void exchange_begin(struct exchange *exchange, uint64_t now_ns)
{
    struct request *req = &exchange->req;
    exchange->loop->in_flight++;
    exchange->start_ns = now_ns;
    exchange->method = PROMC_HTTP_OTHER;
    req->app = exchange->loop->app;
    req->monitoring = exchange->loop->monitoring;
    req->head = &exchange->head;
    req->spool = &exchange->body;
    req->content_type = req->charset = "";
    req->body = "";
    req->method = "";
    req->path = "";
}

/*
 * The steps of a request: exchange_head() parses the head and finds the route and the organisation, if necessary in the
 * store (key_found). exchange_data() keeps the body. exchange_complete() runs the handler (exchange_work.c).
 * exchange_end() counts and logs. Any step may refuse the request: it sets req.status, and what is left of the body is
 * discarded (`refused`).
 */

/* ---- the head ---- */

/* The request counts as in flight from here on. Its route is given when it ends. */
static void begin_counting(struct exchange *exchange)
{
    promc_http_begin_at(metrics_http(), &exchange->token, exchange->start_ns);
}

static int refuse_parameter(struct request *req, const char *sentence, const char *name)
{
    return respond_error(req, 400, "invalid_parameter", sentence, name);
}

static bool knows_parameter(const struct route *route, const char *name)
{
    for (const char *const *known = route->parameters; known && *known; known++)
        if (strcmp(*known, name) == 0)
            return true;
    return false;
}

/* Reject unknown and repeated parameters: a misspelt filter must not return everything. */
static int check_parameters(struct request *req)
{
    const struct query *query = req->query;
    for (size_t i = 0; query && i < query->count; i++) {
        const char *name = query->pair[i].name, *brackets = strstr(name, "[]");
        if (!knows_parameter(req->route, name))
            return refuse_parameter(req, "Unknown query parameter \"%.100s\".", name);
        for (size_t j = 0; j < i && !(brackets && brackets[2] == '\0'); j++)
            if (strcmp(query->pair[j].name, name) == 0)
                return refuse_parameter(req, "The query parameter \"%.100s\" is repeated.", name);
    }
    return 0;
}

static int read_query(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    const char *raw = exchange->head.query;
    switch (raw ? query_parse(raw, strlen(raw), &req->query) : 0) {
    case 0:
        return check_parameters(req);
    case QUERY_E_MEMORY:
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    case QUERY_E_TOO_MANY:
        return respond_error(req, 400, "bad_query", "The query has more than %d parameters.", QUERY_MAX_PARAMS);
    default:
        return respond_error(req, 400, "bad_query",
                             "The query contains an invalid percent-escape, a NUL byte or invalid UTF-8.");
    }
}

static int match_route(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    struct router_match match;
    enum router_result result = router_match(exchange->loop->router, exchange->method, req->path, exchange->params,
                                             sizeof(exchange->params), &match);
    req->route = match.route;
    memcpy(req->params, match.params, sizeof(req->params));
    if (match.route->instrumented)
        begin_counting(exchange);
    switch (result) {
    case ROUTER_FOUND:
        break;
    case ROUTER_METHOD:
        req->allow = match.allow;
        return respond_error(req, 405, "method_not_allowed", "This path accepts only %s.", match.allow);
    case ROUTER_BAD_PATH:
        return respond_error(req, 400, "bad_path",
                             "The path contains an invalid percent-escape, a NUL byte or invalid UTF-8.");
    case ROUTER_NOT_FOUND:
        return respond_error(req, 404, "not_found", "There is nothing at this path.");
    }
    return read_query(exchange);
}

/* @return 0, or the status answered. After 0 the store may still have to be asked (auth_pending). */
static int authenticate(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    struct loop *loop = exchange->loop;
    size_t length;
    if (req->route->access != ACCESS_ORGANISATION)
        return 0;
    const char *key = auth_bearer(exchange->head.authorization, &length);
    if (!key)
        return refuse_key(exchange, exchange->head.authorization
                                        ? "The Authorization header is not \"Bearer KEY\" with a key of this service."
                                        : "This needs an API key: Authorization: Bearer KEY.");
    if (!auth_hash(key, length, exchange->key_hash))
        return respond_error(req, 500, "internal", "The key cannot be checked.");
    /* now, not start_ns: a head may take as long as REQUEST_TIMEOUT to arrive */
    switch (auth_cache_get(loop->auth, exchange->key_hash, promc_now_ns(), req->organisation_id)) {
    case AUTH_KNOWN:
        return refuse_rate(exchange);
    case AUTH_UNKNOWN:
        return refuse_key(exchange, "The API key is unknown.");
    case AUTH_MISS:
        exchange->auth_pending = true;
        break;
    }
    return 0;
}

/* There is an answer. It is sent now, or when the body has been read and discarded. */
static enum exchange_next refused(struct exchange *exchange)
{
    return refuse_now(exchange) ? EXCHANGE_ANSWER : EXCHANGE_READ;
}

/* The organisation is known, or there is an answer already. */
static enum exchange_next on_known(struct exchange *exchange)
{
    return exchange->req.status || refuse_body(exchange) || idempotency_head(&exchange->req) ? refused(exchange)
                                                                                             : EXCHANGE_READ;
}

static void key_found(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (req->status == 0) {
        bool known = req->organisation_id[0] != '\0';
        auth_cache_put(exchange->loop->auth, exchange->key_hash, known ? req->organisation_id : NULL,
                       exchange->work.submitted_ns);
        if (!known)
            refuse_key(exchange, "The API key is unknown.");
        else
            refuse_rate(exchange);
    }
    exchange->ready(exchange, on_known(exchange));
}

enum exchange_next exchange_head(struct exchange *exchange, const struct head_scan *scan, char *bytes)
{
    struct head *head = &exchange->head;
    struct request *req = &exchange->req;
    const char *fault = NULL;
    int status = head_parse(head, scan, bytes, &fault);
    request_id_set(&exchange->loop->ids, head->request_id, req->id);
    req->method = head->method;
    exchange->method = promc_http_method_of(req->method);
    exchange->close = head->close;
    if (status) {
        exchange_refuse(exchange, status, fault);
        return EXCHANGE_ANSWER;
    }
    req->path = head->path;
    exchange->has_body = head->chunked || head->content_length > 0;
    if (match_route(exchange) || authenticate(exchange))
        return refused(exchange);
    if (!exchange->auth_pending)
        return on_known(exchange);
    return exchange_find_key(exchange, key_found) ? EXCHANGE_WAIT : refused(exchange);
}

void exchange_refuse(struct exchange *exchange, int status, const char *fault)
{
    struct request *req = &exchange->req;
    if (req->id[0] == '\0')
        request_id_set(&exchange->loop->ids, NULL, req->id);
    /* nobody knows where this request ends, so nothing after it on this connection may be read */
    exchange->close = true;
    if (req->status == 0)
        refuse_request(exchange, status, fault);
}

/* ---- the body ---- */

static void body_failed(struct exchange *exchange, int error)
{
    struct request *req = &exchange->req;
    exchange->refused = true;
    body_free(&exchange->body);
    if (error == BODY_E_TOO_LARGE) {
        refuse_too_large(exchange);
    } else if (error == BODY_E_DISK) {
        metrics_limit_refusal(LIMIT_BODY_DISK);
        req->retry_after = 5;
        respond_error(
            req, 429, "too_many_bodies",
            "The organisation's bodies that are being received or worked on have as much disk as they may, %zu"
            " bytes (MAX_BODY_DISK). Try again when one is done.",
            req->app->settings->max_body_disk);
    } else if (error == BODY_E_MEMORY) {
        req->retry_after = 1;
        respond_error(req, 503, "no_memory", "The server has no memory for this body.");
    } else {
        log_error("a request's body cannot be kept", "s:reqId", req->id, "s:directory", exchange->body.directory,
                  "s:error", strerror(errno));
        req->retry_after = 30;
        respond_error(req, 503, "no_space", "The server has no room for this body.");
    }
}

enum exchange_next exchange_data(struct exchange *exchange, const char *data, size_t n)
{
    exchange->received += n;
    if (exchange->refused || exchange->body.limit == 0) {
        if (exchange->received <= REFUSE_SWALLOW_MAX)
            return EXCHANGE_READ;
        if (!exchange->refused)
            refuse_too_large(exchange);
        exchange->refused = exchange->close = true;
        return EXCHANGE_ANSWER;
    }
    int rc = body_append(&exchange->body, data, n, exchange->head.content_length);
    if (rc < 0)
        body_failed(exchange, rc);
    else
        idempotency_body(&exchange->req, data, n);
    return EXCHANGE_READ;
}

/* The handler has returned: make sure that there is an answer. */
static void answered(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (req->status < 200 || req->status > 599) {
        log_error("a handler gave no answer", "s:reqId", req->id, "s:route", req->route->path);
        respond_error(req, 500, "internal", "The request was not answered.");
    }
}

static void has_run(struct exchange *exchange)
{
    answered(exchange);
    exchange->ready(exchange, EXCHANGE_ANSWER);
}

enum exchange_next exchange_complete(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (!exchange->refused && exchange->body.length > 0) {
        int rc = body_finish(&exchange->body, &req->body);
        req->body_length = exchange->body.length;
        if (rc < 0)
            body_failed(exchange, rc);
    }
    if (exchange->refused)
        return EXCHANGE_ANSWER;
    idempotency_whole(req);
    if (exchange_run(exchange, has_run))
        return EXCHANGE_WAIT;
    answered(exchange);
    return EXCHANGE_ANSWER;
}

/* ---- the end ---- */

static void reset(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (req->state && req->state_free)
        req->state_free(req->state);
    if (req->stream_free)
        req->stream_free(req->stream);
    free(req->response);
    free(req->query);
    idempotency_free(req->idempotency);
    body_free(&exchange->body);
    memset(exchange, 0, offsetof(struct exchange, params));
    exchange->body.file = -1;
    exchange->loop->in_flight--;
}

void exchange_forget(struct exchange *exchange)
{
    reset(exchange);
}

/* An answer that was not sent completely counts as aborted, whatever its status. */
static void count(struct exchange *exchange, bool delivered)
{
    const struct request *req = &exchange->req;
    if (!req->route)
        begin_counting(exchange); /* refused before a route was found */
    promc_http_route *route = req->route ? req->route->metrics : NULL;
    if (delivered)
        promc_http_end_exemplar(&exchange->token, route, exchange->method, req->status, exchange->received,
                                exchange->sent, &(promc_label){"request_id", req->id}, 1);
    else
        promc_http_abort(&exchange->token, route, exchange->method, exchange->received, exchange->sent);
}

void exchange_end(struct exchange *exchange, bool delivered)
{
    const struct request *req = &exchange->req;
    if (req->id[0] == '\0')
        request_id_set(&exchange->loop->ids, NULL, exchange->req.id);
    count(exchange, delivered);
    struct access access = {
        .request_id = req->id,
        .route = req->route ? req->route->path : PROMC_HTTP_UNMATCHED,
        .organisation_id = req->organisation_id,
        .method = exchange->method,
        .status = delivered ? req->status : PROMC_HTTP_CLIENT_CLOSED,
        .aborted = !delivered,
        .duration_ns = promc_now_ns() - exchange->start_ns,
        .request_bytes = exchange->received,
        .response_bytes = exchange->sent,
        .probe = req->route && !req->route->instrumented,
    };
    access_log(&exchange->loop->log, &access);
    reset(exchange);
}
