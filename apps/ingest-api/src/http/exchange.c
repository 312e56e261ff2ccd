/* SPDX-License-Identifier: Apache-2.0 */
/* From the request line to the moment a handler may run, and the end of it all. */
#include "http/exchange.h"

#include "app.h"
#include "base/settings.h"
#include "http/access_log.h"
#include "http/decode.h"
#include "http/rate_limit.h"
#include "http/refuse.h"
#include "http/server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define URI_MAX 8192

/* ---- the head --------------------------------------------------------------------------------------------------- */

void *exchange_on_uri(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    struct loop *loop = cls;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct connection *connection = info->socket_context;
    struct exchange *exchange = &connection->exchange;
    const struct settings *settings = loop->app->settings;

    connection->used = true;
    loop->in_flight++;
    loop->progress = true;
    exchange->phase = EXCHANGE_HEAD;
    exchange->start_ns = promc_now_ns();
    exchange->deadline_ns = exchange->start_ns + settings->request_timeout_s * UINT64_C(1000000000);
    exchange->uri = uri;
    exchange->uri_length = strlen(uri);
    exchange->req.app = loop->app;
    exchange->req.connection = exchange;
    exchange->req.content_type = "";
    exchange->req.body = "";
    exchange->bad_uri = !head_is_target(uri, exchange->uri_length);
    /* the daemon is about to take the query apart where it stands: now it is still whole */
    const char *query = exchange->uri_length <= URI_MAX ? strchr(uri, '?') : NULL;
    if (query)
        exchange->query_error = query_parse(query + 1, strlen(query + 1), &exchange->req.query);
    return exchange;
}

static enum MHD_Result on_header(void *cls, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                 const char *value, size_t value_length)
{
    (void)kind;
    return head_header(cls, name, name_length, value ? value : "", value_length) ? MHD_YES : MHD_NO;
}

/** @return 0, or the status; *fault says why. */
static int check_head(struct exchange *exchange, const char *method, const char *version, const char **fault)
{
    struct connection *connection = exchange_connection(exchange);
    struct loop *loop = connection->loop;
    struct head_walk walk;
    size_t header_size = MHD_get_connection_info(connection->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE)->header_size;

    head_begin(&walk, &exchange->head, method, exchange->uri, exchange->uri_length, version, loop->in_place);
    MHD_get_connection_values_n(connection->mhd, MHD_HEADER_KIND, on_header, &walk);
    head_end(&walk, method + header_size);
    request_id_set(&loop->ids, exchange->head.request_id, exchange->req.id);
    *fault = walk.fault;
    if (exchange->uri_length > URI_MAX) {
        *fault = "The request target is longer than 8192 bytes.";
        return 414;
    }
    if (exchange->bad_uri) {
        *fault = "The request target holds a blank or a control character.";
        return 400;
    }
    if (walk.status == 0 && header_size > loop->app->settings->max_header_bytes) {
        *fault = "The request's header lines are too long.";
        return 431;
    }
    return walk.status;
}

/** The path of "http://host/path", which RFC 9112 makes servers accept; others are left as they are. */
static const char *path_of(const char *target)
{
    const char *authority = strncasecmp(target, "http://", 7) == 0    ? target + 7
                            : strncasecmp(target, "https://", 8) == 0 ? target + 8
                                                                      : NULL;
    if (!authority)
        return target;
    const char *path = strchr(authority, '/');
    return path ? path : "/";
}

static int match_route(struct exchange *exchange, const char *method)
{
    struct loop *loop = exchange_connection(exchange)->loop;
    struct request *req = &exchange->req;
    struct router_match match;
    exchange->method = promc_http_method_of(method);
    enum router_result result =
        router_match(loop->router, exchange->method, req->path, exchange->params, sizeof(exchange->params), &match);
    req->route = match.route;
    memcpy(req->params, match.params, sizeof(req->params));
    if (match.route->instrumented) {
        promc_http_begin(metrics_http(), &exchange->token);
        exchange->token.start_ns = exchange->start_ns;
    }
    switch (result) {
    case ROUTER_FOUND:
        break;
    case ROUTER_METHOD:
        req->allow = match.allow;
        return respond_error(req, 405, "method_not_allowed", "This path answers to %s.", match.allow);
    case ROUTER_BAD_PATH:
        return respond_error(req, 400, "bad_path",
                             "The path holds an escape that is none, a NUL, or bytes that are not UTF-8.");
    case ROUTER_NOT_FOUND:
        return respond_error(req, 404, "not_found", "There is nothing at this path.");
    }
    if (exchange->query_error == 0)
        return 0;
    if (exchange->query_error == QUERY_E_MEMORY)
        return respond_error(req, 503, "no_memory", "The server has no memory for this request.");
    if (exchange->query_error == QUERY_E_TOO_MANY)
        return respond_error(req, 400, "bad_query", "The query has more than %d parameters.", QUERY_MAX_PARAMS);
    return respond_error(req, 400, "bad_query",
                         "The query holds an escape that is none, a NUL, or bytes that are not UTF-8.");
}

/** @return 0, or 401; the store may still have to be asked (auth_pending). */
static int authenticate(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    struct loop *loop = exchange_connection(exchange)->loop;
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
    switch (auth_cache_get(loop->auth, exchange->key_hash, exchange->start_ns, req->organisation_id)) {
    case AUTH_KNOWN:
        return refuse_rate(exchange);
    case AUTH_UNKNOWN:
        return refuse_key(exchange, "The API key is not known.");
    case AUTH_MISS:
        exchange->auth_pending = true;
        break;
    }
    return 0;
}

/** Still the first call, or its repetition after the key was looked up. */
static enum MHD_Result on_known(struct exchange *exchange)
{
    exchange->phase = EXCHANGE_BODY;
    return exchange->req.status || refuse_body(exchange) ? refuse_now_or_later(exchange) : MHD_YES;
}

/** The first call for a request: its head is complete, its body has not been read. */
static enum MHD_Result on_head(struct exchange *exchange, const char *method, const char *url, const char *version)
{
    struct connection *connection = exchange_connection(exchange);
    struct request *req = &exchange->req;
    const char *fault;
    req->method = method;
    req->path = path_of(url);

    int status = check_head(exchange, method, version, &fault);
    if (status) {
        /* where this request ends is in doubt: nothing after it on this connection is read */
        struct router_match match;
        (void)router_match(connection->loop->router, PROMC_HTTP_OTHER, "", NULL, 0, &match);
        req->route = match.route;
        exchange->method = promc_http_method_of(method);
        promc_http_begin(metrics_http(), &exchange->token);
        exchange->token.start_ns = exchange->start_ns;
        exchange->close = true;
        respond_error(req, status, refuse_code(status), "%s", fault);
        return exchange_queue_answer(exchange);
    }
    exchange->has_body = exchange->head.chunked || exchange->head.content_length > 0;
    exchange->phase = EXCHANGE_BODY;
    if (match_route(exchange, method) || authenticate(exchange))
        return refuse_now_or_later(exchange);
    if (!exchange->auth_pending)
        return on_known(exchange);
    return exchange_ask_key(exchange) ? MHD_YES : refuse_now_or_later(exchange);
}

/* ---- the body --------------------------------------------------------------------------------------------------- */

static void body_failed(struct exchange *exchange, int error)
{
    struct request *req = &exchange->req;
    exchange->refused = true;
    body_free(&exchange->body);
    if (error == BODY_E_TOO_LARGE) {
        refuse_too_large(exchange);
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

static enum MHD_Result on_data(struct exchange *exchange, const char *data, size_t n)
{
    exchange->received += n;
    if (exchange->refused || exchange->body.limit == 0) {
        if (exchange->received <= REFUSE_SWALLOW_MAX)
            return MHD_YES;
        /* the daemon takes no answer now; all that is left is to hang up, and to count what was refused */
        if (!exchange->refused)
            refuse_too_large(exchange);
        exchange->refused = true;
        return MHD_NO;
    }
    int rc = body_append(&exchange->body, data, n, exchange->head.content_length);
    if (rc < 0)
        body_failed(exchange, rc);
    return MHD_YES;
}

static enum MHD_Result on_complete(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    exchange->deadline_ns = 0;
    if (!exchange->refused && exchange->body.length > 0) {
        int rc = body_finish(&exchange->body, &req->body);
        req->body_length = exchange->body.length;
        if (rc < 0)
            body_failed(exchange, rc);
    }
    if (!exchange->refused)
        exchange_run(exchange);
    if (exchange->phase == EXCHANGE_WAITING)
        return MHD_YES;
    return exchange_queue_answer(exchange);
}

enum MHD_Result exchange_on_request(void *cls, struct MHD_Connection *mhd, const char *url, const char *method,
                                    const char *version, const char *data, size_t *size, void **context)
{
    struct loop *loop = cls;
    struct exchange *exchange = *context;
    (void)mhd;
    loop->progress = true;
    switch (exchange->phase) {
    case EXCHANGE_HEAD:
        return on_head(exchange, method, url, version);
    case EXCHANGE_KEYED:
        return on_known(exchange);
    case EXCHANGE_BODY:
        if (*size == 0)
            return on_complete(exchange);
        size_t n = *size;
        *size = 0;
        return on_data(exchange, data, n);
    case EXCHANGE_ANSWER:
        return exchange_queue_answer(exchange);
    case EXCHANGE_NONE:
    case EXCHANGE_WAITING:
    case EXCHANGE_SENDING:
        break;
    }
    return MHD_NO;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/**
 * How it ended. An answer that the daemon itself gave (the handler never did) is counted with the daemon's status and
 * no route; one that we gave but that did not get through is an abort.
 */
static void account(struct exchange *exchange, struct MHD_Connection *mhd, enum MHD_RequestTerminationCode code,
                    struct access *access)
{
    struct request *req = &exchange->req;
    bool answered = exchange->phase == EXCHANGE_SENDING;
    int status = req->status;
    access->aborted = code != MHD_REQUEST_TERMINATED_COMPLETED_OK;
    if (!answered && exchange->refused && status) {
        access->aborted = false; /* we hung up on a body that went past every bound */
    } else if (!answered) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_HTTP_STATUS);
        if (info && info->http_status >= 400) {
            status = (int)info->http_status;
            access->aborted = false;
            access->route = PROMC_HTTP_UNMATCHED;
        }
    }
    promc_http_route *route = NULL; /* unmatched */
    if (req->route && access->route == req->route->path)
        route = req->route->metrics;
    if (!req->route) {
        promc_http_begin(metrics_http(), &exchange->token);
        exchange->token.start_ns = exchange->start_ns;
    }
    access->status = access->aborted ? PROMC_HTTP_CLIENT_CLOSED : status;
    if (access->aborted)
        promc_http_abort(&exchange->token, route, exchange->method, exchange->received, exchange->sent);
    else
        promc_http_end_exemplar(&exchange->token, route, exchange->method, status, exchange->received, exchange->sent,
                                &(promc_label){"request_id", exchange->req.id}, 1);
}

static void reset(struct exchange *exchange)
{
    struct request *req = &exchange->req;
    if (req->state && req->state_free)
        req->state_free(req->state);
    if (req->stream_free)
        req->stream_free(req->stream);
    free(req->response);
    free(req->query);
    body_free(&exchange->body);
    memset(exchange, 0, offsetof(struct exchange, params));
    exchange->body.file = -1;
}

void exchange_on_completed(void *cls, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
    struct loop *loop = cls;
    struct exchange *exchange = *context;
    if (!exchange || exchange->phase == EXCHANGE_NONE)
        return;
    uint64_t now = promc_now_ns();
    struct access access = {
        .request_id = exchange->req.id,
        .route = exchange->req.route ? exchange->req.route->path : PROMC_HTTP_UNMATCHED,
        .organisation_id = exchange->req.organisation_id,
        .method = exchange->method,
        .duration_ns = now - exchange->start_ns,
        .request_bytes = exchange->received,
        .response_bytes = exchange->sent,
        .probe = exchange->req.route && !exchange->req.route->instrumented,
    };
    account(exchange, mhd, code, &access);
    access_log(&loop->log, &access);
    reset(exchange);
    exchange_connection(exchange)->idle_since_ns = now;
    loop->in_flight--;
    *context = NULL;
}
