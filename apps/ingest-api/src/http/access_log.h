/* SPDX-License-Identifier: Apache-2.0 */
/** @file http/access_log.h The access log: one line for each request, a warning for a slow one. */
#ifndef INGEST_HTTP_ACCESS_LOG_H
#define INGEST_HTTP_ACCESS_LOG_H

#include "base/log.h"

#include <promc-http/request.h>

/** A request longer than this is logged as a warning. */
#define ACCESS_LOG_SLOW_NS UINT64_C(1000000000)

struct access {
    const char *request_id, *route;
    const char *organisation_id; /**< "" if none */
    enum promc_http_method method;
    int status;
    uint64_t duration_ns, request_bytes, response_bytes;
    bool aborted;
    bool probe; /**< /metrics and /health*: logged as debug */
};

/** Adds a line to the loop's buffer, which the loop flushes at the end of its turn. */
void access_log(struct log_buffer *buffer, const struct access *access);

#endif
