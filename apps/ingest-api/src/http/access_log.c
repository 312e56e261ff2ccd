/* SPDX-License-Identifier: Apache-2.0 */
#include "http/access_log.h"

#include <string.h>

void access_log(struct log_buffer *buffer, const struct access *access)
{
    bool slow = access->duration_ns > ACCESS_LOG_SLOW_NS && !access->aborted;
    int level = slow ? LOG_WARN : access->probe ? LOG_DEBUG : LOG_INFO;
    bool report = access->status >= 500 && !access->aborted && log_has_sink();
    if (!log_enabled(level) && !report)
        return;
    struct text line;
    log_line_begin(buffer, &line, level);
    text_add(&line, ",\"reqId\":\"");
    text_add(&line, access->request_id); /* [A-Za-z0-9._-]: nothing to escape */
    text_add(&line, "\",\"req\":{\"method\":\"");
    text_add(&line, promc_http_method_name(access->method));
    text_add(&line, "\"},\"route\":\"");
    text_add(&line, access->route); /* a template of ours */
    if (access->organisation_id[0]) {
        text_add(&line, "\",\"organisationId\":\"");
        text_add(&line, access->organisation_id);
    }
    text_add(&line, "\",\"statusCode\":");
    text_add_i64(&line, access->status);
    text_add(&line, ",\"responseTime\":");
    text_add_decimal(&line, (double)access->duration_ns / 1e6);
    text_add(&line, ",\"bytes\":");
    text_add_u64(&line, access->response_bytes);
    text_add(&line, ",\"requestBytes\":");
    text_add_u64(&line, access->request_bytes);
    log_line_end(buffer, &line, access->aborted ? "request aborted" : slow ? "slow request" : "request completed");
    if (report)
        log_to_sink(line.data, line.length);
    if (!log_enabled(level))
        buffer->length -= line.length; /* the line was only for the sink */
}
