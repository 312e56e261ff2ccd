/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) for promc/exposition.h, by zlib. */
#include <promc-exporter/gzip.h>

#include <stdlib.h>
#include <zlib.h>

/* Metrics compress well at any level; the fastest one costs the program the least. */
#define LEVEL Z_BEST_SPEED
/* 16 + 15 bits: a gzip header and trailer around the largest window. */
#define WINDOW (16 + 15)

static void *gzip_open(void *user)
{
    (void)user;
    z_stream *stream = calloc(1, sizeof(*stream));
    if (stream && deflateInit2(stream, LEVEL, Z_DEFLATED, WINDOW, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
        free(stream);
        return NULL;
    }
    return stream;
}

static uInt at_most(size_t size)
{
    return (uInt)(size < 1u << 30 ? size : 1u << 30);
}

static long gzip_write(void *user, const char **input, size_t *length, bool last, char *output, size_t capacity)
{
    z_stream *stream = user;
    uInt given = at_most(*length), room = at_most(capacity);
    stream->next_in = (unsigned char *)(uintptr_t)*input;
    stream->avail_in = given;
    stream->next_out = (unsigned char *)output;
    stream->avail_out = room;
    int status = deflate(stream, last && given == *length ? Z_FINISH : Z_NO_FLUSH);
    if (status == Z_STREAM_ERROR)
        return PROMC_E_INVALID;
    *input += given - stream->avail_in;
    *length -= given - stream->avail_in;
    return (long)(room - stream->avail_out);
}

static void gzip_close(void *user)
{
    deflateEnd(user);
    free(user);
}

const promc_compressor *promc_exporter_gzip(void)
{
    static const promc_compressor gzip = {
        .coding = "gzip", .open = gzip_open, .write = gzip_write, .close = gzip_close};
    return &gzip;
}
