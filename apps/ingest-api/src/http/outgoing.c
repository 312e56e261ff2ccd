/* SPDX-License-Identifier: Apache-2.0 */
#include "http/outgoing.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* room for the chunk's size and CR LF before a slice, and for CR LF after it */
#define SLICE_BEFORE 10
#define SLICE_AFTER 2

bool outgoing_is_pending(const struct outgoing *out)
{
    return out->at < out->length || out->body_length > 0;
}

/* Write `bytes`, then out->body, until both are sent or the socket accepts no more. *taken: how many of `bytes`. */
static int write_out(struct outgoing *out, struct wire *wire, const char *bytes, size_t n, size_t *taken)
{
    *taken = 0;
    while (n > *taken || out->body_length > 0) {
        struct iovec pieces[2];
        int count = 0;
        if (n > *taken)
            pieces[count++] = (struct iovec){(void *)(uintptr_t)(bytes + *taken), n - *taken};
        if (out->body_length > 0)
            pieces[count++] = (struct iovec){(void *)(uintptr_t)out->body, out->body_length};
        long written = wire_write(wire, pieces, count);
        if (written < 0)
            return (int)written;
        size_t first = n - *taken < (size_t)written ? n - *taken : (size_t)written;
        *taken += first;
        if ((size_t)written > first)
            out->body += (size_t)written - first;
        out->body_length -= (size_t)written - first;
    }
    return 1;
}

static bool reserve(struct outgoing *out, size_t capacity)
{
    if (out->capacity >= capacity)
        return true;
    char *bytes = realloc(out->bytes, capacity);
    if (!bytes)
        return false;
    out->bytes = bytes;
    out->capacity = capacity;
    return true;
}

int outgoing_flush(struct outgoing *out, struct wire *wire)
{
    size_t taken, n = out->length - out->at;
    int rc = write_out(out, wire, n > 0 ? out->bytes + out->at : NULL, n, &taken);
    out->at += taken;
    if (out->at == out->length)
        out->at = out->length = 0;
    return rc;
}

int outgoing_send(struct outgoing *out, struct wire *wire, const char *bytes, size_t n, const char *body,
                  size_t body_length)
{
    size_t taken = 0;
    int rc = WIRE_AGAIN;
    bool behind = outgoing_is_pending(out);
    out->body = body;
    out->body_length = body_length;
    if (!behind)
        rc = write_out(out, wire, bytes, n, &taken);
    if (rc == WIRE_AGAIN && taken < n) {
        if (!reserve(out, out->length + n - taken))
            return WIRE_BROKEN;
        memcpy(out->bytes + out->length, bytes + taken, n - taken);
        out->length += n - taken;
    }
    return rc;
}

char *outgoing_slice(struct outgoing *out)
{
    return reserve(out, SLICE_BEFORE + OUTGOING_SLICE + SLICE_AFTER) ? out->bytes + SLICE_BEFORE : NULL;
}

void outgoing_slice_filled(struct outgoing *out, size_t n, bool chunked)
{
    static const char digits[] = "0123456789abcdef";
    out->at = SLICE_BEFORE;
    out->length = SLICE_BEFORE + n;
    if (!chunked)
        return;
    memcpy(out->bytes + out->length, "\r\n", 2);
    out->length += 2;
    out->at -= 2;
    memcpy(out->bytes + out->at, "\r\n", 2);
    for (; n > 0; n >>= 4)
        out->bytes[--out->at] = digits[n & 15];
}

void outgoing_free(struct outgoing *out)
{
    free(out->bytes);
    *out = (struct outgoing){0};
}
