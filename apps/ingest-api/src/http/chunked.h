/* SPDX-License-Identifier: Apache-2.0 */
/**
 * @file http/chunked.h
 * Reads the body of `Transfer-Encoding: chunked` (RFC 9112, 7.1), strictly: a state machine over bytes, which may
 * arrive in pieces of any size. Lines end in CR LF only; sizes are hexadecimal digits, leading zeros allowed;
 * extensions and trailers must be well formed and are ignored.
 */
#ifndef INGEST_HTTP_CHUNKED_H
#define INGEST_HTTP_CHUNKED_H

#include <stddef.h>
#include <stdint.h>

/** Most bytes that a body may have besides its data: extensions, leading zeros and trailers together. */
#define CHUNKED_EXTRA_MAX 4096

/** Zero it for each body. */
struct chunked {
    unsigned char state;
    uint64_t left;     /* bytes left of the chunk */
    unsigned digits;   /* of its size, without leading zeros */
    unsigned extra;    /* bytes of extensions, zeros and trailers so far */
    const char *fault; /**< a sentence, with CHUNKED_BAD and CHUNKED_TOO_MUCH */
};

enum chunked_result {
    CHUNKED_MORE,    /**< all input was used; the body is not complete */
    CHUNKED_DATA,    /**< *data and *length are a piece of the body; the input may have more */
    CHUNKED_END,     /**< the body is complete; the rest of the input belongs to the next request */
    CHUNKED_BAD,     /**< malformed: 400 */
    CHUNKED_TOO_MUCH /**< more than CHUNKED_EXTRA_MAX: 431 */
};

/** @param[out] used bytes of the input that were used. After CHUNKED_DATA call again with the rest. */
enum chunked_result chunked_read(struct chunked *chunked, const char *in, size_t n, size_t *used, const char **data,
                                 size_t *length);

#endif
