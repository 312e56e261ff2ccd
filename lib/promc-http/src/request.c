/* SPDX-License-Identifier: Apache-2.0 */
#include "http_internal.h"

void promc_http_begin_at(promc_http *http, promc_http_token *token, uint64_t start_ns)
{
    token->start_ns = start_ns;
    if (http)
        promc_updown_inc(http->in_flight);
    __atomic_store_n(&token->http, http, __ATOMIC_RELEASE);
}

void promc_http_begin(promc_http *http, promc_http_token *token)
{
    promc_http_begin_at(http, token, http ? promc_now_ns() : 0);
}

/* Atomic exchange: an event loop's time-out and a worker's response may finish the same request at once. */
static bool finish(promc_http_token *token, promc_http_route *route, struct finished *request)
{
    promc_http *http = __atomic_exchange_n(&token->http, NULL, __ATOMIC_ACQ_REL);
    if (PROMC_UNLIKELY(!http))
        return false;
    int64_t ns = (int64_t)(promc_now_ns() - token->start_ns);
    if (PROMC_UNLIKELY(request->status < STATUS_MIN || request->status > STATUS_MAX))
        request->status = 500;
    if (PROMC_UNLIKELY((unsigned)request->method >= PROMC_HTTP_METHODS))
        request->method = PROMC_HTTP_OTHER;
    promc_http_count(route ? route : http->unmatched, request, ns > 0 ? (double)ns * 1e-9 : 0);
    promc_updown_dec(http->in_flight);
    return true;
}

bool promc_http_end(promc_http_token *token, promc_http_route *route, enum promc_http_method method, int status,
                    uint64_t request_bytes, uint64_t response_bytes)
{
    return promc_http_end_exemplar(token, route, method, status, request_bytes, response_bytes, NULL, 0);
}

bool promc_http_end_exemplar(promc_http_token *token, promc_http_route *route, enum promc_http_method method,
                             int status, uint64_t request_bytes, uint64_t response_bytes, const promc_label *labels,
                             size_t label_count)
{
    return finish(token, route,
                  &(struct finished){.method = method,
                                     .status = status,
                                     .request_bytes = request_bytes,
                                     .response_bytes = response_bytes,
                                     .labels = labels,
                                     .label_count = label_count});
}

bool promc_http_abort(promc_http_token *token, promc_http_route *route, enum promc_http_method method,
                      uint64_t request_bytes, uint64_t response_bytes)
{
    return finish(token, route,
                  &(struct finished){.method = method,
                                     .status = PROMC_HTTP_CLIENT_CLOSED,
                                     .aborted = true,
                                     .request_bytes = request_bytes,
                                     .response_bytes = response_bytes});
}
