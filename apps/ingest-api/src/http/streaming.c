/* SPDX-License-Identifier: Apache-2.0 */
#include "http/streaming.h"

#define AT_ONCE (128 * 1024)
/* between two pauses an answer may send 1/PART of what it has sent so far */
#define PART 512

void streaming_begin(struct streaming *streaming, const struct exchange *exchange)
{
    streaming->whole = !exchange->req.stream_read || exchange->method == PROMC_HTTP_HEAD;
    streaming->rest_at = AT_ONCE;
}

static long rest(struct streaming *streaming, const struct exchange *exchange)
{
    streaming->rest_at = exchange->sent + exchange->sent / PART;
    return WIRE_AGAIN;
}

static long end(struct streaming *streaming, struct outgoing *out, struct wire *wire, bool chunked)
{
    streaming->whole = true;
    if (chunked && outgoing_send(out, wire, "0\r\n\r\n", 5, NULL, 0) == WIRE_BROKEN)
        return WIRE_BROKEN;
    return 0;
}

long streaming_next(struct streaming *streaming, struct exchange *exchange, struct outgoing *out, struct wire *wire)
{
    struct request *req = &exchange->req;
    bool chunked = !exchange->head.is_1_0;
    if (exchange->sent > streaming->rest_at)
        return rest(streaming, exchange);
    char *slice = outgoing_slice(out);
    if (!slice)
        return WIRE_BROKEN;
    long n = req->stream_read(req->stream, slice, OUTGOING_SLICE);
    if (n == STREAM_REST)
        return rest(streaming, exchange);
    if (n < 0)
        return WIRE_BROKEN;
    if (n == 0)
        return end(streaming, out, wire, chunked);
    outgoing_slice_filled(out, (size_t)n, chunked);
    exchange->sent += (uint64_t)n;
    return n;
}
