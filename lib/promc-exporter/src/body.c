/* SPDX-License-Identifier: Apache-2.0 */
#include "body.h"

#include <promc/histogram.h>

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <zlib.h>

/* Metrics compress well at any level; the fastest one costs the program the least. */
#define LEVEL Z_BEST_SPEED
#define SLICE (32 * 1024)

struct promc_body {
    promc_scrape *scrape;
    uint64_t deadline_ns;
    bool gzip;
    bool drained; /* the scrape has no more */
    bool done;
    z_stream stream;
    unsigned char slice[]; /* SLICE bytes when compressing: what the scrape gave and zlib has not taken */
};

struct promc_body *promc_body_create(promc_scrape *scrape, bool gzip, uint64_t deadline_ns)
{
    struct promc_body *body = calloc(1, sizeof(*body) + (gzip ? SLICE : 0));
    if (body == NULL) {
        promc_scrape_end(scrape);
        return NULL;
    }
    body->scrape = scrape;
    body->gzip = gzip;
    body->deadline_ns = deadline_ns;
    /* 16 + 15 bits: a gzip header and trailer around the largest window. */
    if (gzip && deflateInit2(&body->stream, LEVEL, Z_DEFLATED, 16 + 15, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        promc_scrape_end(scrape);
        free(body);
        return NULL;
    }
    return body;
}

/* Give zlib the next slice. @return 0 or a negative code. */
static int refill(struct promc_body *body)
{
    long n = promc_scrape_read(body->scrape, (char *)body->slice, SLICE);
    if (n < 0) {
        return (int)n;
    }
    body->drained = n == 0;
    body->stream.next_in = body->slice;
    body->stream.avail_in = (uInt)n;
    return 0;
}

static long read_compressed(struct promc_body *body, char *buffer, size_t capacity)
{
    z_stream *stream = &body->stream;
    stream->next_out = (unsigned char *)buffer;
    stream->avail_out = (uInt)capacity;
    while (!body->done && stream->avail_out > 0) {
        if (stream->avail_in == 0 && !body->drained) {
            int error = refill(body);
            if (error != 0) {
                return error;
            }
        }
        body->done = deflate(stream, body->drained ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_END;
    }
    return (long)(capacity - stream->avail_out);
}

long promc_body_read(struct promc_body *body, char *buffer, size_t capacity)
{
    if (body->deadline_ns != 0 && promc_now_ns() > body->deadline_ns) {
        return PROMC_E_TIMEOUT; /* nobody is waiting any more */
    }
    capacity = capacity < 1u << 30 ? capacity : 1u << 30;
    return body->gzip ? read_compressed(body, buffer, capacity) : promc_scrape_read(body->scrape, buffer, capacity);
}

void promc_body_free(struct promc_body *body)
{
    if (body->gzip) {
        deflateEnd(&body->stream);
    }
    promc_scrape_end(body->scrape);
    free(body);
}

/* The weight in `;q=0.5`; 1 where none is given. Only whether it is 0 matters. */
static bool weight_is_zero(const char *parameters, size_t length)
{
    for (size_t i = 0; i + 1 < length; i++) {
        if ((parameters[i] == 'q' || parameters[i] == 'Q') && parameters[i + 1] == '=') {
            return strcspn(parameters + i + 2, "123456789") + i + 2 >= length;
        }
    }
    return false;
}

bool promc_body_accepts_gzip(const char *header)
{
    bool any = false;
    while (header != NULL && *header != '\0') {
        header += strspn(header, " \t,");
        size_t length = strcspn(header, ","), name = strcspn(header, " \t;,");
        bool allowed = !weight_is_zero(header + name, length - name);
        if ((name == 4 && strncasecmp(header, "gzip", 4) == 0) ||
            (name == 6 && strncasecmp(header, "x-gzip", 6) == 0)) {
            return allowed;
        }
        any = any || (name == 1 && *header == '*' && allowed);
        header += length;
    }
    return any;
}
