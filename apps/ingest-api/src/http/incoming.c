/* SPDX-License-Identifier: Apache-2.0 */
#include "http/incoming.h"

#include <stdlib.h>
#include <string.h>

/* the buffer that an idle connection keeps for its next head */
#define BYTES_MIN 4096
/* a chunked body is read in pieces of this size */
#define TAIL_SIZE 32768

long incoming_read(struct incoming *in, struct wire *wire, char *buffer, size_t size)
{
    if (!in->readable || in->eof)
        return 0;
    if (in->reads == 0 && !wire_has_more(wire))
        return 0; /* polling will report the rest again */
    if (in->reads > 0)
        in->reads--;
    long n = wire_read(wire, buffer, size);
    if (n > 0) {
        if ((size_t)n < size && !wire->tls)
            in->readable = false;
        return n;
    }
    in->readable = false;
    in->eof = n == 0;
    return n == WIRE_BROKEN ? n : 0;
}

/* Make room for one byte or more. */
static bool make_room(struct incoming *in, size_t most)
{
    if (in->end == in->capacity && in->begin > 0) {
        memmove(in->bytes, in->bytes + in->begin, in->end - in->begin);
        in->end -= in->begin;
        in->begin = 0;
    }
    if (in->end < in->capacity)
        return true;
    size_t capacity = in->capacity ? 2 * in->capacity : BYTES_MIN;
    if (capacity > most && in->capacity < most)
        capacity = most;
    char *bytes = realloc(in->bytes, capacity);
    if (!bytes)
        return false;
    in->bytes = bytes;
    in->capacity = capacity;
    return true;
}

long incoming_read_head(struct incoming *in, struct wire *wire, size_t most)
{
    if (!make_room(in, most))
        return WIRE_BROKEN;
    long n = incoming_read(in, wire, in->bytes + in->end, in->capacity - in->end);
    if (n > 0)
        in->end += (size_t)n;
    return n;
}

long incoming_read_chunks(struct incoming *in, struct wire *wire)
{
    if (!in->tail && !(in->tail = malloc(TAIL_SIZE)))
        return WIRE_BROKEN;
    long n = incoming_read(in, wire, in->tail, TAIL_SIZE);
    if (n > 0) {
        in->tail_begin = 0;
        in->tail_end = (size_t)n;
    }
    return n;
}

bool incoming_skip_empty_lines(struct incoming *in)
{
    while (in->end - in->begin >= 2 && memcmp(in->bytes + in->begin, "\r\n", 2) == 0)
        in->begin += 2;
    size_t n = in->end - in->begin;
    return n > 1 || (n == 1 && in->bytes[in->begin] != '\r');
}

bool incoming_next(struct incoming *in)
{
    size_t n = in->tail_end - in->tail_begin;
    if (in->begin == in->end) {
        in->begin = in->end = 0;
        if (in->capacity > BYTES_MIN) { /* long heads are rare */
            free(in->bytes);
            in->bytes = NULL;
            in->capacity = 0;
        }
    }
    if (n > 0) { /* then `bytes` are all used: the body went on from there into the tail */
        char *bytes = realloc(in->bytes, TAIL_SIZE);
        if (!bytes)
            return false;
        memcpy(bytes, in->tail + in->tail_begin, n);
        in->bytes = bytes;
        in->capacity = TAIL_SIZE;
        in->end = n;
    }
    free(in->tail);
    in->tail = NULL;
    in->tail_begin = in->tail_end = 0;
    return true;
}

bool incoming_is_unread(const struct incoming *in)
{
    return in->readable || in->begin < in->end || in->tail_begin < in->tail_end;
}

void incoming_free(struct incoming *in)
{
    free(in->bytes);
    free(in->tail);
    *in = (struct incoming){0};
}
