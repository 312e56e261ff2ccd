/* SPDX-License-Identifier: Apache-2.0 */
/* Expositions by age. If they need too much memory, every second one is dropped and the interval doubles. */
#include "history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull
#define MOST_SECONDS 3600u
#define MOST (MOST_SECONDS / PROMC_HISTORY_STEP_S + 2)
#define SLICE (16u << 10)
/* Retry interval for a registry that was too large. */
#define AGAIN_NS (60 * SECOND)

#ifdef __linux__
#define PROGRAM program_invocation_short_name
#else
#define PROGRAM getprogname()
#endif

struct kept {
    uint64_t taken_ns;
    char *bytes;
    size_t length;
};

struct promc_history {
    promc_registry *registry;
    const promc_compressor *gzip; /* NULL: none */
    uint64_t keep_ns, step_ns, next_ns;
    size_t bytes, count;
    bool started;
    struct kept kept[MOST]; /* oldest first */
};

struct promc_history *promc_history_create(promc_registry *registry, unsigned seconds, const promc_compressor *gzip)
{
    struct promc_history *history = calloc(1, sizeof(*history));
    if (history) {
        history->registry = registry;
        history->gzip = gzip;
        history->keep_ns = seconds * SECOND;
        history->step_ns = PROMC_HISTORY_STEP_S * SECOND;
    }
    return history;
}

void promc_history_start(struct promc_history *history)
{
    if (history)
        history->started = true;
}

static void drop(struct promc_history *history, size_t i)
{
    history->bytes -= history->kept[i].length;
    free(history->kept[i].bytes);
    history->count--;
    memmove(&history->kept[i], &history->kept[i + 1], (history->count - i) * sizeof(struct kept));
}

void promc_history_destroy(struct promc_history *history)
{
    while (history && history->count > 0)
        drop(history, history->count - 1);
    free(history);
}

static void make_room(struct promc_history *history, uint64_t now)
{
    while (history->count > 0 && now - history->kept[0].taken_ns > history->keep_ns)
        drop(history, 0);
    if (history->bytes <= PROMC_HISTORY_BYTES - PROMC_HISTORY_ONE && history->count < MOST)
        return;
    for (size_t i = 0; i < history->count; i++)
        drop(history, i); /* the next one moves into its place and stays */
    history->step_ns *= 2;
}

/* A body that grows up to the limit of one exposition. */
struct body {
    char *bytes;
    size_t length, room;
};

/* Make room for at least one byte. @return false: the body has the greatest size, or there is no memory. */
static bool grow(struct body *body)
{
    size_t room = body->length + 2 * (size_t)SLICE;
    room = room < PROMC_HISTORY_ONE ? room : PROMC_HISTORY_ONE;
    if (body->room - body->length >= SLICE || body->room == PROMC_HISTORY_ONE)
        return body->length < body->room;
    char *bytes = realloc(body->bytes, room);
    if (!bytes)
        return false;
    body->bytes = bytes;
    body->room = room;
    return true;
}

/* @param stream NULL: uncompressed. */
static bool put(struct body *body, const promc_compressor *gzip, void *stream, const char *data, size_t length,
                bool last)
{
    while (length > 0 || (last && stream)) {
        if (!grow(body))
            return false;
        size_t room = body->room - body->length;
        long n;
        if (!stream) {
            n = (long)(length < room ? length : room);
            memcpy(body->bytes + body->length, data, (size_t)n);
            data += n;
            length -= (size_t)n;
        } else {
            n = gzip->write(stream, &data, &length, last, body->bytes + body->length, room);
            if (n < 0 || (n == 0 && length > 0))
                return false;
            last = last && n > 0;
        }
        body->length += (size_t)n;
    }
    return true;
}

static bool write_all(const struct promc_history *history, promc_scrape *scrape, void *stream, struct body *body)
{
    char slice[SLICE];
    long n;
    while ((n = promc_scrape_read(scrape, slice, sizeof(slice))) > 0)
        if (!put(body, history->gzip, stream, slice, (size_t)n, false))
            return false;
    return n == 0 && put(body, history->gzip, stream, "", 0, true);
}

/* @return false: too large, or no memory. */
static bool take(const struct promc_history *history, struct body *body)
{
    const promc_scrape_settings settings = {.format = PROMC_FORMAT_PROTOBUF,
                                            .escaping = PROMC_ESCAPING_ALLOW_UTF8,
                                            .escaping_negotiated = true,
                                            .no_collectors = true};
    promc_scrape *scrape = NULL;
    void *stream = history->gzip ? history->gzip->open(history->gzip->user) : NULL;
    bool good = (!history->gzip || stream) && promc_scrape_begin(history->registry, &settings, &scrape) == 0 &&
                write_all(history, scrape, stream, body);
    promc_scrape_end(scrape);
    if (stream)
        history->gzip->close(stream);
    return good;
}

void promc_history_run(struct promc_history *history, uint64_t now)
{
    if (!history || !history->started || now < history->next_ns)
        return;
    struct body body = {NULL, 0, 0};
    make_room(history, now);
    if (take(history, &body)) {
        char *fitting = realloc(body.bytes, body.length > 0 ? body.length : 1);
        history->kept[history->count++] =
            (struct kept){.taken_ns = now, .bytes = fitting ? fitting : body.bytes, .length = body.length};
        history->bytes += body.length;
        history->next_ns = now + history->step_ns;
    } else {
        free(body.bytes);
        history->next_ns = now + AGAIN_NS;
    }
}

static void put_u32(char *out, uint64_t value)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (char)(value >> (8 * i));
}

/* A program's name may contain any bytes. */
static void put_json_string(char *out, size_t room, const char *text)
{
    size_t at = 0;
    for (; *text != '\0' && at + 2 < room; text++) {
        if (*text == '"' || *text == '\\')
            out[at++] = '\\';
        out[at++] = (unsigned char)*text < ' ' ? '?' : *text;
    }
    out[at] = '\0';
}

char *promc_history_body(const struct promc_history *history, uint64_t now, size_t *length)
{
    char head[512], name[256];
    put_json_string(name, sizeof(name), PROGRAM);
    int head_length = snprintf(head, sizeof(head), "{\"program\":\"%s\",\"gzip\":%s,\"step\":%u,\"seconds\":%u}\n",
                               name, history->gzip ? "true" : "false", (unsigned)(history->step_ns / SECOND),
                               (unsigned)(history->keep_ns / SECOND));
    *length = (size_t)head_length + history->bytes + 8 * history->count;
    char *body = malloc(*length), *out = body;
    if (!body)
        return NULL;
    memcpy(out, head, (size_t)head_length);
    out += head_length;
    for (size_t i = 0; i < history->count; i++) {
        const struct kept *kept = &history->kept[i];
        put_u32(out, (now - kept->taken_ns) / MILLISECOND);
        put_u32(out + 4, kept->length);
        memcpy(out + 8, kept->bytes, kept->length);
        out += 8 + kept->length;
    }
    return body;
}
